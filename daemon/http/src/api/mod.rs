//! The API under `/api/v1`, a file for each endpoint group of the plan.

mod chat;
mod commands;
mod questions;
mod queue;
mod sessions;
mod tasks;
mod workers;

use axum::{
    Router,
    routing::{get, patch, post},
};
use serde::Deserialize;

use crate::Shared;

/// All endpoints.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/tasks", post(tasks::create).get(tasks::list))
        .route("/tasks/bulk", post(tasks::create_bulk))
        .route("/tasks/{id}", get(tasks::show).patch(tasks::patch))
        .route("/tasks/{id}/log", get(tasks::log))
        .route("/workers", post(workers::enrol).get(workers::list))
        .route("/workers/{id}", get(workers::show).delete(workers::leave))
        .route("/workers/{id}/heartbeat", post(workers::beat))
        .route("/workers/{id}/orphans", post(workers::orphans))
        .route("/queue/enqueue", post(queue::enqueue))
        .route("/queue/claim", post(queue::claim))
        .route("/queue/complete", post(queue::complete))
        .route("/queue/completions", post(queue::completions))
        .route("/queue/fail", post(queue::fail))
        .route("/queue/log", post(queue::log))
        .route("/queue/status", get(queue::status))
        .route("/sessions", post(sessions::map).get(sessions::list))
        .route("/sessions/{id}", get(sessions::show).delete(sessions::end))
        .route("/sessions/{id}/heartbeat", post(sessions::beat))
        .route("/questions", post(questions::ask).get(questions::list))
        .route("/questions/{id}", get(questions::show))
        .route("/questions/{id}/answer", post(questions::answer))
        .route("/questions/{id}/delivered", post(questions::delivered))
        .route("/questions/{id}/withdraw", post(questions::withdraw))
        .route("/notes/{key}/delivered", post(questions::note_delivered))
        .route("/chat/messages", get(chat::list).post(chat::send))
        .route("/chat/messages/{key}", patch(chat::edit).delete(chat::delete))
        .route("/commands", post(commands::run))
        .route("/tokens", post(commands::make_token))
        .fallback(crate::error::no_such_path)
}

/// How much a listing gives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    limit: Option<u32>,
}

impl Page {
    fn limit(&self) -> u32 {
        limit(self.limit)
    }
}

fn limit(wish: Option<u32>) -> u32 {
    wish.unwrap_or(50).clamp(1, 1000)
}

/// Waits are bounded, whatever the caller asks for.
fn patience(seconds: f64) -> std::time::Duration {
    let bounded = if seconds.is_finite() { seconds.clamp(0.0, 60.0) } else { 0.0 };
    std::time::Duration::from_secs_f64(bounded)
}
