//! The HTTP interface of the daemon: the API under `/api/v1`, the page with its console, health and
//! metrics.
//!
//! Routers get an [`App`] and an [`Inbox`], and nothing else. Start with [`serve`], then `auth` (who calls), then a
//! file under `api` or `page`.

mod accept;
mod anonymous;
mod api;
mod auth;
mod error;
mod forge_hooks;
mod metrics;
mod page;
mod signatures;
mod state;

use std::sync::Arc;

pub use axum::Router;
use axum::{
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn, map_response, map_response_with_state},
    response::Response,
    routing::any,
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use vine_api::{WIRE, WIRE_HEADER};
use vine_app::{App, Inbox};

use crate::page::{Issuer, PerVersion};
use crate::state::HttpState;
pub use crate::{
    accept::PeerCheck,
    page::OidcSettings,
    signatures::{ForgeHook, ForgeHooks},
    state::FrontSettings,
};

/// Large enough that a prompt that is too long gets a clear validation error, not a cut connection.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Forwards each request at `path` to the router that `now` returns.
pub fn forward(path: &str, now: impl Fn() -> Router + Clone + Send + Sync + 'static) -> Router {
    let hand_over = move |request: Request| {
        let behind = TowerToHyperService::new(now());
        async move { behind.call(request).await }
    };
    Router::new().route(path, any(hand_over))
}

/// Serves until `closing`; waiting requests are answered at once when the daemon stops, which may
/// be earlier.
pub async fn serve(
    listener: TcpListener,
    app: App,
    inbox: Inbox,
    front: FrontSettings,
    closing: CancellationToken,
) {
    let boot = app.new_id().simple().to_string();
    let issuer = front.oidc.map(|settings| Arc::new(Issuer::new(settings)));
    let shared = HttpState {
        app,
        inbox,
        hooks: front.hooks,
        hosts: front.hosts.into(),
        issuer,
        boot: boot.into(),
        overview: PerVersion::default(),
        waiting: PerVersion::default(),
        refused: Arc::default(),
    };
    let router = router(shared.clone())
        .merge(front.doors)
        .layer(map_response_with_state(shared.clone(), farewell));
    let cut = move |worker| shared.app.fleet.connection_ended(worker);
    accept::serve(listener, front.shuns, router, cut, closing).await;
}

/// A span for each request. The path is left out: it may be anything; the route is ours.
async fn traced(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str).to_owned();
    let span = tracing::debug_span!("request", method = %request.method(), route);
    next.run(request).instrument(span).await
}

/// Every answer names the version of the worker protocol.
async fn name_wire(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(WIRE_HEADER, HeaderValue::from_static(WIRE));
    response
}

/// While the daemon stops, each connection ends with its next answer, so that none is closed during
/// a request.
async fn farewell(State(shared): State<HttpState>, mut response: Response) -> Response {
    if shared.app.stop().is_cancelled() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn router(shared: HttpState) -> Router {
    Router::new()
        .merge(api::routes(shared.clone()))
        .merge(page::routes(shared.clone()))
        .layer(map_response_with_state(
            shared.clone(),
            metrics::note_refusal,
        ))
        .merge(metrics::routes(shared.clone()))
        .merge(forge_hooks::routes())
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(page::for_people))
        .layer(map_response(name_wire))
        .layer(from_fn(traced))
        .with_state(shared)
}
