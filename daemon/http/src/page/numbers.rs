//! The numbers of the last day, on one small screen.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, Caller};
use vine_domain::Verb;

use super::screen::Screen;
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

/// `GET /numbers`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Numbers,
        "Numbers",
        || body(&shared.app, &visitor.0),
    )
    .await
}

async fn body(app: &App, caller: &Caller) -> Result<Markup, AppError> {
    app.people.allow(caller, Verb::See, None, "numbers").await?;
    let groups = app.reporting.numbers().await?;
    Ok(html! {
        h1 { "Numbers" }
        p.dim { "Last 24 hours; sessions since the beginning. " code { "/metrics" } " serves these and more for Prometheus." }
        @for (heading, numbers) in groups.iter() {
            h2 { (heading) }
            dl { @for (name, value) in numbers { dt { (name) } dd { (value) } } }
        }
    })
}
