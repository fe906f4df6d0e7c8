//! Health checks and metrics.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router, extract::State, http::header, middleware, response::IntoResponse, routing::get,
};
use tokio::sync::Mutex;

use crate::{auth, error::ErrorResponse, state::HttpState};

/// Metrics are rendered at most this often per second; further requests get the latest ones.
const A_SECOND: usize = 5;

/// The latest metrics, and when the previous ones were rendered.
#[derive(Default)]
struct CachedScrape {
    text: String,
    made: VecDeque<Instant>,
}

type Made = Arc<Mutex<CachedScrape>>;

pub fn routes(shared: HttpState) -> Router<HttpState> {
    let made = Made::default();
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move |shared| metrics(shared, made)))
        .layer(middleware::from_fn_with_state(shared, auth::named))
}

/// Ready if the store accepts writes; not ready once the daemon is stopping, so that a load
/// balancer uses another one.
async fn ready(State(shared): State<HttpState>) -> Result<&'static str, ErrorResponse> {
    if shared.app.stop().is_cancelled() {
        return Err(vine_app::AppError::Stopping.into());
    }
    shared.app.reporting.can_write().await?;
    Ok("ready")
}

/// Prometheus text. No label carries anything that people or agents wrote.
async fn metrics(
    State(shared): State<HttpState>,
    made: Made,
) -> Result<impl IntoResponse, ErrorResponse> {
    let mut latest = made.lock().await;
    let now = Instant::now();
    latest.made.retain(|at| now - *at < Duration::from_secs(1));
    if latest.made.len() < A_SECOND {
        latest.text = shared.app.reporting.metrics().await?;
        latest.made.push_back(now);
    }
    let text = latest.text.clone();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
