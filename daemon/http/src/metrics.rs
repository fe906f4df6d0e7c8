//! Health checks and metrics.

use std::{
    collections::VecDeque,
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::Mutex;

use crate::{auth, error::ErrorResponse, state::HttpState};

/// Metrics are rendered at most this often per second; further requests get the latest ones.
const A_SECOND: usize = 5;
/// For how long a request that the store could not serve makes us not ready.
const REFUSED: Duration = Duration::from_secs(1);

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

/// Notes that the store could not serve a request: what the check itself writes may succeed while the pages of a
/// file that people need cannot be read.
pub async fn note_refusal(State(shared): State<HttpState>, response: Response) -> Response {
    let error = response.extensions().get::<ErrorResponse>();
    if error.is_some_and(ErrorResponse::is_store_failure) {
        *last_refusal(&shared) = Some(Instant::now());
    }
    response
}

fn last_refusal(shared: &HttpState) -> MutexGuard<'_, Option<Instant>> {
    let lock = shared.refused.lock();
    lock.unwrap_or_else(PoisonError::into_inner)
}

/// Ready if the store accepts writes and served the requests of the last second; not ready once the daemon is
/// stopping, so that a load balancer uses another one.
async fn ready(State(shared): State<HttpState>) -> Result<&'static str, ErrorResponse> {
    if shared.app.stop().is_cancelled() {
        return Err(vine_app::AppError::Stopping.into());
    }
    shared.app.reporting.can_write().await?;
    if last_refusal(&shared).is_some_and(|at| at.elapsed() < REFUSED) {
        return Err(ErrorResponse::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the store could not serve a request of the last second",
            "see the daemon's log",
        ));
    }
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
