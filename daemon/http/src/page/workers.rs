//! Workers, and the tasks that each of them runs.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::try_join;
use vine_app::{App, AppError, fleet::RunningTask};
use vine_domain::{TaskId, Verb, Worker};

use super::{
    screen::{self, Screen},
    text, time,
};
use crate::{
    auth::PageVisitor,
    error::QueryParams,
    page::document::{PageState, fresh},
};

/// Workers on one page.
const PAGE: u32 = 50;

/// The query parameters.
#[derive(Debug, Default, Deserialize)]
pub struct WorkersQuery {
    /// The last name of the previous page.
    #[serde(default)]
    after: String,
}

/// `GET /workers`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    QueryParams(from): QueryParams<WorkersQuery>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Workers,
        "Workers",
        || body(&shared.app, &visitor, &from.after),
    )
    .await
}

async fn body(app: &App, visitor: &PageVisitor, after: &str) -> Result<Markup, AppError> {
    app.people
        .allow(&visitor.0, Verb::See, None, "workers")
        .await?;
    let (page, depths) = try_join!(app.fleet.workers_after(after, PAGE), app.reporting.depths())?;
    let (all, now) = (depths.workers, app.now());
    let at_work = app.fleet.at_work(&page).await?;
    let more = page.last().filter(|_| page.len() >= PAGE as usize);
    Ok(html! {
        h1 { "Workers" }
        @if all == 0 { p.none { "No workers. Start one with " code { "vine worker" } "." } }
        @else if page.is_empty() { p.none { "No more workers." } }
        @else {
            (screen::table("Workers", &["Worker", "State", "Tasks", "Slots", "Wall", "Last seen", "Version", "Actions"], &html! {
                @for load in &page {
                    @let worker = &load.worker;
                    @let state = load.state(now).as_str();
                    tr {
                        th scope="row" { (worker.name) }
                        td { span.(format!("badge {}", state.to_lowercase())) { (state) } @if worker.draining { " draining" }
                            @for trouble in worker.troubles() { div.problem { (text::message(&trouble)) } } }
                        td { @for (task, title) in held(&at_work, worker) { p { a href={ "/tasks/" (task) } { (task) " " (title) } } } }
                        td { (load.running + load.waiting) " of " (worker.slots) (worker.limits.said()) }
                        td { @if let Some(standing) = &worker.standing { (text::message(&standing.said())) } }
                        td { (time::moment(now, worker.seen)) }
                        td { (worker.version) }
                        td { (screen::offer(visitor, Verb::Administer, None, &turns(worker))) }
                    }
                }
            }))
            @if let Some(last) = more { p { a href={ "/workers?after=" (last.worker.name) } { "Next (" (all) " in total)" } } }
        }
    })
}

/// The tasks of one of them, with their titles.
pub fn held<'a>(
    at_work: &'a [RunningTask],
    worker: &Worker,
) -> impl Iterator<Item = (TaskId, &'a str)> {
    let id = worker.id;
    at_work
        .iter()
        .filter(move |one| one.worker == id)
        .map(|one| (one.task, one.title.as_str()))
}

/// A worker that drains takes no new tasks.
fn turns(worker: &Worker) -> Markup {
    let (label, verb) = if worker.draining {
        ("Resume", "resume")
    } else {
        ("Drain", "drain")
    };
    let command = format!("worker {verb} {}", worker.name);
    if worker.draining {
        return screen::does(label, &worker.name, &command, Screen::Workers);
    }
    let confirm = format!(
        "Drain {}? It finishes its tasks and takes no new ones.",
        worker.name
    );
    screen::does_if(&confirm, label, &worker.name, &command, Screen::Workers)
}
