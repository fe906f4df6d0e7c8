//! `POST /forges/{host}`: webhooks of forges. Each is only a hint to look at a project now, which is stored
//! before it is acknowledged.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use vine_domain::forge::ForgeProject;
use vine_forges::webhook::{self, BadHook, Hint};

use crate::state::HttpState;

pub fn routes() -> Router<HttpState> {
    Router::new().route("/forges/{host}", post(take))
}

async fn take(
    State(shared): State<HttpState>,
    Path(host): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(hook) = shared.hooks.at(&host) else {
        return StatusCode::NOT_FOUND;
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let requests = &shared.app.change_requests;
    match webhook::read(hook.kind, &hook.secret, header, &body) {
        Err(BadHook::Unsigned) => {
            requests.count_event("unsigned");
            StatusCode::UNAUTHORIZED
        }
        Err(BadHook::Unreadable) => {
            requests.count_event("unreadable");
            StatusCode::BAD_REQUEST
        }
        Ok(Hint::Ignored) => {
            requests.count_event("ignored");
            StatusCode::NO_CONTENT
        }
        Ok(Hint::Unknown(named)) => {
            requests.count_event("unknown");
            tracing::info!("{host} sent a webhook of the unknown type {named:?}");
            StatusCode::NO_CONTENT
        }
        Ok(Hint::Look(path)) => match requests.stir(&ForgeProject { host, path }).await {
            Ok(()) => {
                requests.count_event("looked_at");
                StatusCode::NO_CONTENT
            }
            // The forge sends it again, and it is looked at in a while anyway.
            Err(error) => {
                tracing::warn!("could not store a webhook: {error}");
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
    }
}
