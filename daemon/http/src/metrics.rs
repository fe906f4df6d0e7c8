//! Health and numbers.

use std::fmt::Write;

use axum::{extract::State, http::header, response::IntoResponse};
use vine_app::view;
use vine_domain::WorkerState;

use crate::{Shared, error::Failure};

/// Ready when the store answers.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Failure> {
    shared.app.store.depths().await.map_err(vine_app::AppError::from)?;
    Ok("ready")
}

/// Prometheus text. No label carries anything that people or agents wrote.
pub async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    let app = &shared.app;
    let depths = app.store.depths().await.map_err(vine_app::AppError::from)?;
    let workers = app.store.workers().await.map_err(vine_app::AppError::from)?;
    let sessions = app.store.sessions(false, 10_000).await.map_err(vine_app::AppError::from)?;
    let now = app.clock.now();
    let mut text = String::from("# HELP vine_queue_depth Entries in each queue.\n# TYPE vine_queue_depth gauge\n");
    for (name, depth) in view::queues(&depths) {
        let _infallible = writeln!(text, "vine_queue_depth{{queue=\"{name}\"}} {depth}");
    }
    text.push_str("# HELP vine_workers Workers in each state.\n# TYPE vine_workers gauge\n");
    for state in [WorkerState::Idle, WorkerState::Busy, WorkerState::Waiting, WorkerState::Error, WorkerState::Offline] {
        let count = workers.iter().filter(|(worker, running, waiting)| worker.state(*running, *waiting, now) == state).count();
        let _infallible = writeln!(text, "vine_workers{{state=\"{}\"}} {count}", state.as_str());
    }
    let _infallible = write!(
        text,
        "# HELP vine_sessions_active Live sessions.\n# TYPE vine_sessions_active gauge\nvine_sessions_active {}\n\
         # HELP vine_outbox_depth Messages not yet posted.\n# TYPE vine_outbox_depth gauge\nvine_outbox_depth {}\n",
        sessions.len(),
        depths.outbox
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
