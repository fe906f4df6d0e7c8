//! Health and numbers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router, extract::State, http::header, middleware, response::IntoResponse, routing::get,
};
use tokio::sync::Mutex;

use crate::{Shared, auth, error::Failure};

/// So much longer than they took to make, numbers are given again: whoever asks how often takes less
/// than a tenth of a core.
const RESTS: u32 = 10;

/// Numbers, and until when they are good enough.
type Made = Arc<Mutex<Option<(Instant, String)>>>;

pub fn routes(shared: Shared) -> Router<Shared> {
    let made = Made::default();
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move |shared| metrics(shared, made)))
        .layer(middleware::from_fn_with_state(shared, auth::named))
}

/// Ready when the store takes what is written; no more once the daemon is being stopped, so that a load balancer
/// looks elsewhere.
async fn ready(State(shared): State<Shared>) -> Result<&'static str, Failure> {
    if shared.app.stop.is_cancelled() {
        return Err(vine_app::AppError::Stopping.into());
    }
    shared.app.can_write().await?;
    Ok("ready")
}

/// Prometheus text. No label carries anything that people or agents wrote.
async fn metrics(State(shared): State<Shared>, made: Made) -> Result<impl IntoResponse, Failure> {
    let mut made = made.lock().await;
    let known = made.take().filter(|(until, _)| Instant::now() < *until);
    let (until, text) = match known {
        Some(known) => known,
        None => {
            let begun = Instant::now();
            let text = shared.app.metrics().await?;
            let took: Duration = begun.elapsed();
            (Instant::now() + took * RESTS, text)
        }
    };
    *made = Some((until, text.clone()));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
