//! `/api/v1/sessions`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use vine_api::{MapSession, SessionHeartbeat, SessionList, SessionView};
use vine_domain::SessionId;

use super::refused::Refused;
use crate::{
    api::query::limit,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
    state::HttpState,
};

/// `POST /`, by the worker: maps a session to its task.
#[utoipa::path(
    post, path = "/sessions", tag = "sessions", operation_id = "sessions_map",
    summary = "Maps a session to its task.",
    request_body = MapSession,
    responses((status = 201, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn map(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(map): JsonBody<MapSession>,
) -> Result<StatusCode, ErrorResponse> {
    shared
        .app
        .fleet
        .map_session(worker, map.attempt, map.id, map.worktree, map.agent)
        .await?;
    Ok(StatusCode::CREATED)
}

/// `POST /{id}/heartbeat`, by the worker.
#[utoipa::path(
    post, path = "/sessions/{id}/heartbeat", tag = "sessions", operation_id = "sessions_beat",
    summary = "Reports that the session's agent is alive.",
    request_body = SessionHeartbeat,
    params(("id" = SessionId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn beat(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<SessionId>,
    JsonBody(beat): JsonBody<SessionHeartbeat>,
) -> Result<StatusCode, ErrorResponse> {
    shared
        .app
        .fleet
        .session_beat(
            worker,
            beat.attempt,
            id,
            beat.context.map(|percent| percent.min(100)),
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The query of `GET /`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    #[serde(default)]
    all: bool,
    /// The maximum number of items (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// `GET /`, latest first.
#[utoipa::path(
    get, path = "/sessions", tag = "sessions", operation_id = "sessions_list",
    summary = "Lists sessions of the repositories where the caller has role `viewer`, latest first.",
    params(SessionsQuery),
    responses((status = 200, body = SessionList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<SessionsQuery>,
) -> Result<Json<SessionList>, ErrorResponse> {
    let now = shared.app.now();
    let sessions = shared
        .app
        .fleet
        .sessions(&caller, listing.all, limit(listing.limit)?)
        .await?;
    Ok(Json(SessionList {
        items: sessions
            .iter()
            .map(|(_, session)| SessionView::of(session, now))
            .collect(),
    }))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/sessions/{id}", tag = "sessions", operation_id = "sessions_show",
    summary = "Returns a session. Requires role `viewer`.",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<SessionId>,
) -> Result<Json<SessionView>, ErrorResponse> {
    let session = shared.app.fleet.look_at_session(&caller, id).await?;
    Ok(Json(SessionView::of(&session, shared.app.now())))
}

/// `DELETE /{id}`
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "sessions", operation_id = "sessions_end",
    summary = "Ends a session. Requires role `operator`.",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn end(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<SessionId>,
) -> Result<Json<SessionView>, ErrorResponse> {
    let session = shared.app.fleet.order_session(&caller, id, true).await?;
    Ok(Json(SessionView::of(&session, shared.app.now())))
}
