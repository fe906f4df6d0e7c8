//! Health and numbers.

use axum::{extract::State, http::header, response::IntoResponse};

use crate::{Shared, error::Failure};

/// Ready when the store takes what is written; no more once the daemon is being stopped, so that a load balancer
/// looks elsewhere.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Failure> {
    if shared.app.stop.is_cancelled() {
        return Err(vine_app::AppError::Stopping.into());
    }
    shared.app.can_write().await?;
    Ok("ready")
}

/// Prometheus text. No label carries anything that people or agents wrote.
pub async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        shared.app.metrics().await?,
    ))
}
