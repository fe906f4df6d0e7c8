//! The audit: who wanted what, and how it was decided. For administrators.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, Caller};
use vine_domain::Verb;

use super::{
    screen::{self, Screen},
    time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

const LINES: u32 = 150;

/// `GET /audit`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(&shared, &visitor, &headers, Screen::Audit, "Audit", || {
        body(&shared.app, &visitor.0)
    })
    .await
}

async fn body(app: &App, caller: &Caller) -> Result<Markup, AppError> {
    app.people
        .allow(caller, Verb::Inspect, None, "audit")
        .await?;
    let lines = app.reporting.audit_lines(LINES).await?;
    let now = app.now();
    Ok(html! {
        h1 { "Audit" }
        p.dim { "The latest " (lines.len()) " decisions. Allowed views are not recorded." }
        (screen::table("Decisions", &["When", "Who", "Action", "Subject", "Decision"], &html! {
            @for (at, entry) in &lines {
                tr {
                    td { (time::moment(now, *at)) }
                    th scope="row" { (entry.actor) }
                    td { (entry.verb) }
                    td { (entry.subject) }
                    td { @if entry.allowed { "allowed: " (entry.reason) } @else { span.problem { "refused: " (entry.reason) } } }
                }
            }
        }))
    })
}
