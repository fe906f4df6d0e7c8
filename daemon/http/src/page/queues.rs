//! How much is queued, where claiming is paused, and the dead letters: tasks that failed for good
//! and wait for a person.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError};
use vine_domain::{Slug, Task, TaskState, Verb, ports::TaskFilter};

use super::{
    screen::{self, Screen},
    time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

const DEAD: u32 = 100;

/// `GET /queues`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Queues,
        "Queues",
        || body(&shared.app, &visitor),
    )
    .await
}

async fn body(app: &App, visitor: &PageVisitor) -> Result<Markup, AppError> {
    app.people
        .allow(&visitor.0, Verb::See, None, "queues")
        .await?;
    let depths = app.reporting.depths().await?;
    let repos = app.tasks.all_repos().await?;
    let filter = TaskFilter {
        state: Some("dead".into()),
        limit: DEAD,
        ..TaskFilter::default()
    };
    let dead = app.tasks.list(&visitor.0, &filter).await?;
    let now = app.now();
    Ok(html! {
        h1 { "Queues" }
        @if let Some(trouble) = app.cluster.hint_trouble() { p.problem { (trouble) } }
        table { tbody { @for (name, depth) in depths.named() { tr { th scope="row" { (name) } td { (depth) } } } } }
        h2 { "Starting tasks" }
        (screen::table("Starting tasks", &["Where", "State", "Actions"], &html! {
            (claiming(visitor, None, depths.paused))
            @for repo in &repos { (claiming(visitor, Some(&repo.name), repo.paused)) }
        }))
        h2 #dead { "Dead letters" }
        @if dead.is_empty() { p.none { "None." } }
        @else {
            (screen::table("Dead letters", &["Task", "Failed", "Reason", "Actions"], &html! {
                @for task in &dead {
                    tr {
                        th scope="row" { a href={ "/tasks/" (task.id) } { (task.id) " " (task.title) } }
                        td { (time::moment(now, task.updated)) }
                        td { (why(task)) }
                        td { (screen::offer(visitor, Verb::Operate, Some(&task.repo), &turns(task))) }
                    }
                }
            }))
        }
    })
}

/// Whether tasks of a repository, or any tasks, are claimed, and the button that changes it.
fn claiming(visitor: &PageVisitor, repo: Option<&Slug>, paused: bool) -> Markup {
    let (state, label, verb) = if paused {
        ("paused", "Resume", "resume")
    } else {
        ("open", "Pause", "pause")
    };
    let (place, words) = repo.map_or(("everywhere", String::new()), |repo| {
        (repo.as_str(), format!(" --repo {repo}"))
    });
    let command = format!("queue {verb}{words}");
    let button = match paused {
        true => screen::does(label, place, &command, Screen::Queues),
        false => {
            let confirm = format!("Pause {place}? No new tasks start until somebody resumes it.");
            screen::does_if(&confirm, label, place, &command, Screen::Queues)
        }
    };
    html! {
        tr {
            th scope="row" { (place) }
            td { span.(format!("badge {state}")) { (state) } }
            td { (screen::offer(visitor, Verb::Operate, repo, &button)) }
        }
    }
}

fn why(task: &Task) -> Markup {
    html! {
        @if let TaskState::Failed { failure, .. } = &task.state {
            (failure.what)
            p.dim { (failure.advice()) }
        }
    }
}

fn turns(task: &Task) -> Markup {
    let id = task.id.to_string();
    let command = |verb: &str| format!("queue {verb} {}", task.id);
    html! {
        (screen::does("Replay", &id, &command("replay"), Screen::Queues))
        (screen::does_if(&format!("Discard {id}? It stays failed."), "Discard", &id, &command("discard"), Screen::Queues))
    }
}
