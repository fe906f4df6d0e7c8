//! Credentials for git that workers borrow.

use axum::{Json, extract::State};
use vine_domain::{WorkerId, attempt::Attempt, forge::GitToken};

use super::{refused::Refused, workers::itself};
use crate::{
    auth::WorkerCaller,
    error::{ErrorResponse, JsonBody, PathId},
    state::HttpState,
};

/// `POST /{id}/git-token`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/git-token", tag = "workers", operation_id = "workers_git_token",
    summary = "Lends a credential for git in the repository of an attempt, good for an hour; null if there is none to lend.",
    request_body = Attempt,
    params(("id" = WorkerId, Path)),
    responses((status = 200, body = Option<GitToken>, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn lend(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(attempt): JsonBody<Attempt>,
) -> Result<Json<Option<GitToken>>, ErrorResponse> {
    itself(worker, id)?;
    Ok(Json(
        shared.app.change_requests.git_token(id, attempt).await?,
    ))
}
