//! Workers, and what each of them is at.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError};
use vine_domain::{Task, Verb, Worker, ports::TaskFilter};

use super::{
    In, fresh,
    screen::{self, Screen},
};
use crate::auth::Visitor;

/// Tasks at work that are looked through for who has them.
const AT_WORK: u32 = 1000;

/// `GET /workers`
pub async fn show(State(shared): In, visitor: Visitor, headers: HeaderMap) -> Result<Response, Response> {
    fresh(&shared, &visitor, &headers, Screen::Workers, "Workers", || body(&shared.app, &visitor)).await
}

async fn body(app: &App, visitor: &Visitor) -> Result<Markup, AppError> {
    app.allow(&visitor.0, Verb::See, None, "workers").await?;
    let workers = app.store.workers().await?;
    let at_work = at_work(app).await?;
    let now = app.clock.now();
    Ok(html! {
        h1 { "Workers" }
        @if workers.is_empty() { p.none { "None. " code { "vine worker" } " starts one." } }
        @else {
            (screen::table("Workers", &["Worker", "State", "At work", "Slots", "Heard of", "Version", "Actions"], &html! {
                @for (worker, running, waiting) in &workers {
                    @let state = worker.state(*running, *waiting, now).as_str();
                    tr {
                        th scope="row" { (worker.name) }
                        td { span.(format!("badge {}", state.to_lowercase())) { (state) } @if worker.draining { " draining" }
                            @if let Some(trouble) = &worker.trouble { p.problem { (trouble) } } }
                        td { @for task in held(&at_work, worker) { p { a href={ "/tasks/" (task.id) } { (task.id) " " (task.title) } } } }
                        td { (running + waiting) " of " (worker.slots) }
                        td { (screen::moment(now, worker.seen)) }
                        td { (worker.version) }
                        td { (screen::offer(visitor, Verb::Administer, &turns(worker))) }
                    }
                }
            }))
        }
    })
}

/// Tasks that somebody may be at.
pub async fn at_work(app: &App) -> Result<Vec<Task>, AppError> {
    let mut at_work = Vec::new();
    for state in ["running", "waiting"] {
        at_work.extend(app.store.tasks(&TaskFilter { state: Some(state.into()), limit: AT_WORK, ..TaskFilter::default() }).await?);
    }
    Ok(at_work)
}

/// What a worker is at.
pub fn held<'a>(at_work: &'a [Task], worker: &Worker) -> impl Iterator<Item = &'a Task> {
    let id = worker.id;
    at_work.iter().filter(move |task| task.lease().is_some_and(|lease| lease.worker == id))
}

/// A worker that drains takes nothing new.
fn turns(worker: &Worker) -> Markup {
    let (label, verb) = if worker.draining { ("Resume", "resume") } else { ("Drain", "drain") };
    screen::does(label, &worker.name, &format!("worker {verb} {}", worker.name), Screen::Workers)
}
