//! `/api/v1/sessions`

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use vine_api::{MapSession, SessionHeartbeat};
use vine_app::view;
use vine_domain::SessionId;

use super::{limit, shapes};
use crate::{
    HttpState,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
};

/// `POST /`, by the worker: maps a session to its task.
#[utoipa::path(
    post, path = "/sessions", tag = "sessions", operation_id = "sessions_map",
    summary = "Maps a session to its task.",
    request_body = MapSession,
    responses((status = 201, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn map(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(map): JsonBody<MapSession>,
) -> Result<StatusCode, ErrorResponse> {
    shared
        .app
        .map_session(worker, map.attempt, map.id, map.worktree, map.agent)
        .await?;
    Ok(StatusCode::CREATED)
}

/// `POST /{id}/heartbeat`, by the worker.
#[utoipa::path(
    post, path = "/sessions/{id}/heartbeat", tag = "sessions", operation_id = "sessions_beat",
    summary = "The agent is alive in its session.",
    request_body = SessionHeartbeat,
    params(("id" = SessionId, Path)),
    responses((status = 204, description = "Done."), shapes::Refused),
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
        .session_beat(
            worker,
            beat.attempt,
            id,
            beat.context.map(|percent| percent.min(100)),
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What `GET /` can be asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    #[serde(default)]
    all: bool,
    /// At most so many (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// `GET /`, latest first.
#[utoipa::path(
    get, path = "/sessions", tag = "sessions", operation_id = "sessions_list",
    summary = "Sessions that the caller sees, latest first. Needs the role `viewer`.",
    params(SessionsQuery),
    responses((status = 200, body = shapes::List<shapes::Session>, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<SessionsQuery>,
) -> Result<Json<Value>, ErrorResponse> {
    let now = shared.app.clock.now();
    let sessions = shared
        .app
        .sessions(&caller, listing.all, limit(listing.limit)?)
        .await?;
    Ok(Json(
        json!({ "items": sessions.iter().map(|(_, session)| view::session(session, now)).collect::<Vec<_>>() }),
    ))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/sessions/{id}", tag = "sessions", operation_id = "sessions_show",
    summary = "One session. Needs the role `viewer`.",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = shapes::Session, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<SessionId>,
) -> Result<Json<Value>, ErrorResponse> {
    let session = shared.app.look_at_session(&caller, id).await?;
    Ok(Json(view::session(&session, shared.app.clock.now())))
}

/// `DELETE /{id}`
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "sessions", operation_id = "sessions_end",
    summary = "Ends a session. Needs the role `operator`.",
    params(("id" = SessionId, Path)),
    responses((status = 200, body = shapes::Session, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn end(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<SessionId>,
) -> Result<Json<Value>, ErrorResponse> {
    let session = shared.app.order_session(&caller, id, true).await?;
    Ok(Json(view::session(&session, shared.app.clock.now())))
}
