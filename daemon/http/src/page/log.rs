//! The whole log of a task: the latest lines, earlier ones, and those with some text.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_app::{App, AppError, Caller};
use vine_domain::{
    TaskId,
    attempt::{LogLine, LogRange},
};

use super::{ansi, screen::Screen, tasks::encoded};
use crate::{
    auth::PageVisitor,
    error::QueryParams,
    page::document::{PageState, ShownPage, problem},
};

/// Lines on one page.
const PAGE: u32 = 500;

/// The query parameters.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    /// Only lines with this text.
    #[serde(default)]
    text: String,
    /// Only lines before the one with this number.
    before: Option<u64>,
}

/// `GET /tasks/{id}/log`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
    QueryParams(query): QueryParams<LogQuery>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let id: TaskId = id
        .parse()
        .map_err(|invalid: vine_domain::Invalid| problem(&visitor, invalid.into()))?;
    // New lines do not concern other pages.
    let last = last(&shared.app, &visitor.0, id).await;
    let page = ShownPage {
        here: Screen::Tasks,
        title: &format!("Log of {id}"),
        version: last.map_err(|error| problem(&visitor, error))?,
    };
    let body = || body(&shared.app, &visitor.0, id, &query);
    page.fresh(&shared, &visitor, &headers, body).await
}

/// The number of the latest line.
async fn last(app: &App, caller: &Caller, id: TaskId) -> Result<u64, AppError> {
    app.tasks.look_at(caller, id).await?;
    let lines = app.tasks.log(id, &LogRange::latest(1)).await?;
    Ok(lines.last().map_or(0, |line| line.seq))
}

async fn body(
    app: &App,
    caller: &Caller,
    id: TaskId,
    query: &LogQuery,
) -> Result<Markup, AppError> {
    let task = app.tasks.look_at(caller, id).await?;
    let text = query.text.trim();
    let range = LogRange {
        before: query.before,
        text: Some(text.to_owned()).filter(|text| !text.is_empty()),
        limit: PAGE,
    };
    let lines = app.tasks.log(id, &range).await?;
    let earlier = lines.first().filter(|_| lines.len() >= PAGE as usize);
    let path = format!("/tasks/{id}/log");
    Ok(html! {
        h1 { "Log of " a href={ "/tasks/" (id) } { (id) } " " (task.title) }
        form.filter method="get" action=(path) {
            label { "Search" input type="search" name="text" value=(text) maxlength="200"; }
            button { "Show" }
        }
        p.dim {
            @if let Some(first) = earlier {
                a href={ (path) "?text=" (encoded(text)) "&before=" (first.seq) } { "Earlier lines" }
            } @else { "The log begins here." }
        }
        (list(&lines))
        p.dim {
            @if query.before.is_some() { a href={ (path) "?text=" (encoded(text)) } { "Latest lines" } }
            @else if task.is_over() { "The log ends here." }
            @else { "New lines appear by themselves." }
        }
    })
}

/// Lines of a log.
pub fn list(lines: &[LogLine]) -> Markup {
    html! {
        @if lines.is_empty() { p.none { "No lines." } }
        @else {
            ol.log tabindex="0" aria-label="Log" {
                @for line in lines { li id={ "line-" (line.seq) } { time datetime=(line.at) { (line.at) } " " (ansi::line(&line.text)) } }
            }
        }
    }
}
