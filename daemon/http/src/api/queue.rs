//! `/api/v1/queue`: claiming and ending attempts. Every write names its attempt.

use axum::{Json, extract::State, http::StatusCode};
use futures_util::future::join_all;
use vine_api::{
    AppendLog, AttemptFailure, Base64, Claim, Claimed, Complete, Completed, CompletionResults,
    Completions, EndedReply, Enqueue, Fail, FileView, QueueView, ShowFile, TaskView,
};
use vine_app::{AppError, fleet::CompletedAttempt};
use vine_domain::{
    Invalid, Verb,
    chat::file::{FileContent, FileHash},
    lifecycle::{Event, TaskAction},
    schedule::ClaimRequest,
};

use super::refused::Refused;
use crate::{
    api::query::patience,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId},
    state::HttpState,
};

/// `POST /enqueue`: puts a task back into its lane.
#[utoipa::path(
    post, path = "/queue/enqueue", tag = "queue", operation_id = "queue_enqueue",
    summary = "Puts a task back into its lane. Requires role `operator`.",
    request_body = Enqueue,
    responses((status = 200, body = TaskView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn enqueue(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    JsonBody(enqueue): JsonBody<Enqueue>,
) -> Result<Json<TaskView>, ErrorResponse> {
    let task = shared
        .app
        .tasks
        .order(&caller, enqueue.task, TaskAction::Retry)
        .await?;
    Ok(Json(TaskView::of(&task)))
}

/// `POST /claim`: waits for work.
#[utoipa::path(
    post, path = "/queue/claim", tag = "queue", operation_id = "queue_claim",
    summary = "Claims tasks; waits if there is nothing to claim.",
    request_body = Claim,
    responses((status = 200, body = Claimed, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn claim(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(claim): JsonBody<Claim>,
) -> Result<Json<Claimed>, ErrorResponse> {
    let want = ClaimRequest {
        worker,
        slots: claim.slots,
        without: claim.except_repos,
    };
    let assignments = shared.app.fleet.claim(want, patience(claim.wait)).await?;
    Ok(Json(Claimed { assignments }))
}

/// `POST /complete`: completes an attempt and, if requested, claims more tasks in the same call.
#[utoipa::path(
    post, path = "/queue/complete", tag = "queue", operation_id = "queue_complete",
    summary = "Completes an attempt and, if requested, claims more tasks in the same call.",
    request_body = Complete,
    responses((status = 200, body = Claimed, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn complete(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(complete): JsonBody<Complete>,
) -> Result<Json<Claimed>, ErrorResponse> {
    let done = CompletedAttempt {
        attempt: complete.attempt,
        report: complete.report,
        patch: complete.patch,
    };
    let fleet = &shared.app.fleet;
    let assignments = fleet.complete(worker, done, complete.next).await?;
    Ok(Json(Claimed { assignments }))
}

/// The maximum number of attempts in one call.
const COMPLETIONS: usize = 100;

/// `POST /completions`: completes several attempts, each accepted or refused individually, and, if
/// requested, claims more tasks in the same call.
#[utoipa::path(
    post, path = "/queue/completions", tag = "queue", operation_id = "queue_completions",
    summary = "Completes several attempts, each accepted or refused individually.",
    request_body = Completions,
    responses((status = 200, body = CompletionResults, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn completions(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(all): JsonBody<Completions>,
) -> Result<Json<CompletionResults>, ErrorResponse> {
    if all.completed.len() > COMPLETIONS {
        let many = Invalid::new(
            "list of completions",
            format!("it has {}", all.completed.len()),
            format!("send at most {COMPLETIONS} at once"),
        );
        return Err(AppError::from(many).into());
    }
    let app = &shared.app;
    let one = |done: Completed| async move {
        let done = CompletedAttempt {
            attempt: done.attempt,
            report: done.report,
            patch: done.patch,
        };
        app.fleet.complete(worker, done, 0).await
    };
    let outcomes = join_all(all.completed.into_iter().map(one)).await;
    let refused = outcomes
        .into_iter()
        .map(|outcome| {
            outcome
                .err()
                .map(|error| ErrorResponse::from(error).into_error())
        })
        .collect();
    let assignments = match all.next {
        0 => Vec::new(),
        next => {
            app.fleet
                .claim(ClaimRequest::of(worker, next), std::time::Duration::ZERO)
                .await?
        }
    };
    Ok(Json(CompletionResults {
        refused,
        assignments,
    }))
}

/// `POST /fail`
#[utoipa::path(
    post, path = "/queue/fail", tag = "queue", operation_id = "queue_fail",
    summary = "Ends an attempt without a result.",
    request_body = Fail,
    responses((status = 200, body = EndedReply, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn fail(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(fail): JsonBody<Fail>,
) -> Result<Json<EndedReply>, ErrorResponse> {
    let by = worker;
    let attempt = fail.attempt;
    let event = match fail.how {
        AttemptFailure::Failed(failure) => Event::Failed {
            by,
            attempt,
            failure,
        },
        AttemptFailure::Released => Event::Released { by, attempt },
        AttemptFailure::Parked => Event::Parked { by, attempt },
    };
    let over = shared.app.fleet.give_up(attempt, event).await?;
    Ok(Json(EndedReply { over }))
}

/// `POST /log`
#[utoipa::path(
    post, path = "/queue/log", tag = "queue", operation_id = "queue_log",
    summary = "Adds the agent's output to the task's log.",
    request_body = AppendLog,
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn log(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(log): JsonBody<AppendLog>,
) -> Result<StatusCode, ErrorResponse> {
    match log.tell {
        true => {
            let app = &shared.app;
            let attempt = log.attempt;
            app.fleet
                .tell(worker, attempt, &log.lines, log.of_agent)
                .await?;
        }
        false => {
            shared
                .app
                .fleet
                .log(worker, log.attempt, &log.lines)
                .await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /show`
#[utoipa::path(
    post, path = "/queue/show", tag = "queue", operation_id = "queue_show",
    summary = "Shows a file in the task's thread.",
    request_body = ShowFile,
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(file): JsonBody<ShowFile>,
) -> Result<StatusCode, ErrorResponse> {
    let content = FileContent::new(&file.name, file.content.0);
    let shown = shared.app.fleet.show(worker, file.attempt, content);
    shown.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /files/{hash}`
#[utoipa::path(
    get, path = "/queue/files/{hash}", tag = "queue", operation_id = "queue_file",
    summary = "Returns a file that a text names.",
    params(("hash" = FileHash, Path, description = "The SHA-256 of its content.")),
    responses((status = 200, body = FileView, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn file(
    State(shared): State<HttpState>,
    WorkerCaller(_): WorkerCaller,
    PathId(hash): PathId<FileHash>,
) -> Result<Json<FileView>, ErrorResponse> {
    let content = Base64(shared.app.fleet.file(&hash).await?);
    Ok(Json(FileView { content }))
}

/// `GET /status`
#[utoipa::path(
    get, path = "/queue/status", tag = "queue", operation_id = "queue_status",
    summary = "Returns the depth of each queue. Requires role `viewer` for all repositories.",
    responses((status = 200, body = QueueView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn status(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
) -> Result<Json<QueueView>, ErrorResponse> {
    shared
        .app
        .people
        .allow(&caller, Verb::See, None, "queues")
        .await?;
    let depths = shared.app.reporting.depths().await?;
    Ok(Json(QueueView::of(&depths)))
}
