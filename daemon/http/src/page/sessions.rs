//! Live sessions: their task and worker, how full they are, and when they end.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, texts};
use vine_domain::{Session, Timestamp, Verb};

use super::{
    screen::{self, Screen},
    time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

const LIMIT: u32 = 200;
const HEADS: [&str; 10] = [
    "Session",
    "Task",
    "Worker",
    "State",
    "Started",
    "Last used",
    "Context",
    "Reused",
    "Expires",
    "Actions",
];

/// `GET /sessions`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Sessions,
        "Sessions",
        || body(&shared.app, &visitor),
    )
    .await
}

async fn body(app: &App, visitor: &PageVisitor) -> Result<Markup, AppError> {
    let sessions = app.fleet.sessions(&visitor.0, false, LIMIT).await?;
    let at = sessions.iter().map(|(_, session)| session.worker);
    let names = app.fleet.worker_names(at).await?;
    let now = app.now();
    Ok(html! {
        h1 { "Sessions" }
        @if sessions.is_empty() { p.none { "No live sessions." } }
        @else {
            (screen::table("Sessions", &HEADS, &html! {
                @for (repo, session) in &sessions {
                    tr {
                        th scope="row" { code { (session.id) } br; span.dim { (session.agent) } }
                        td { a href={ "/tasks/" (session.task) } { (session.task) } }
                        td { (names.get(&session.worker).map_or("removed", String::as_str)) }
                        td { span.badge { (session.state.as_str()) } }
                        td { (time::moment(now, session.started)) }
                        td { (time::moment(now, session.active)) }
                        td { @if let Some(context) = session.context { (context) " %" } }
                        td { (session.reused) }
                        td { (kept(app, session)) }
                        td { (screen::offer(visitor, Verb::Operate, Some(repo), &turns(session))) }
                    }
                }
            }))
        }
    })
}

/// A session in one line.
pub fn line(app: &App, session: &Session, now: Timestamp) -> Markup {
    html! {
        li { span.badge { (session.state.as_str()) } " " a href={ "/tasks/" (session.task) } { (session.task) }
            span.dim { " started " (time::moment(now, session.started)) @if let Some(context) = session.context { ", " (context) " % full" } ", " (kept(app, session)) }
        }
    }
}

/// When the policy ends a session.
fn kept(app: &App, session: &Session) -> String {
    match session.ends(&app.settings().sessions) {
        Some(at) => format!("ends {}", texts::when(at, app.now())),
        None if session.kept => "kept until ended by hand".into(),
        None => "kept while its task is open".into(),
    }
}

fn turns(session: &Session) -> Markup {
    let id = session.id.to_string();
    let command = |verb: &str| format!("session {verb} {}", session.id);
    html! {
        @if !session.kept { (screen::does("Keep", &id, &command("keep"), Screen::Sessions)) }
        (screen::does_if(&format!("End the session of {}? If the task runs again, it starts a new one.", session.task), "End", &id, &command("end"), Screen::Sessions))
    }
}
