//! `/api/v1/queue`: claiming and ending attempts. Every write of an attempt names its lease.

use axum::{Json, extract::State, http::StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use vine_api::{
    AppendLog, AttemptFailure, Claim, Claimed, Complete, Completed, CompletionResults, Completions,
    EndedReply, Enqueue, Fail,
};
use vine_app::{AppError, view};
use vine_domain::{
    Invalid, Verb,
    lifecycle::{Event, TaskAction},
    schedule::ClaimRequest,
};

use super::{patience, shapes};
use crate::{
    HttpState,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody},
};

/// `POST /enqueue`: puts a task back into its lane.
#[utoipa::path(
    post, path = "/queue/enqueue", tag = "queue", operation_id = "queue_enqueue",
    summary = "Puts a task back into its lane. Needs the role `operator`.",
    request_body = Enqueue,
    responses((status = 200, body = shapes::Task, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn enqueue(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    JsonBody(enqueue): JsonBody<Enqueue>,
) -> Result<Json<Value>, ErrorResponse> {
    let task = shared
        .app
        .order(&caller, enqueue.task, TaskAction::Retry)
        .await?;
    Ok(Json(view::task(&task)))
}

/// `POST /claim`: waits for work.
#[utoipa::path(
    post, path = "/queue/claim", tag = "queue", operation_id = "queue_claim",
    summary = "Waits for work.",
    request_body = Claim,
    responses((status = 200, body = Claimed, description = "Done."), shapes::Refused),
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
        without: claim.without,
    };
    let assignments = shared.app.claim(want, patience(claim.wait)).await?;
    Ok(Json(Claimed { assignments }))
}

/// `POST /complete`: ends an attempt, and claims the next in the same call if asked to.
#[utoipa::path(
    post, path = "/queue/complete", tag = "queue", operation_id = "queue_complete",
    summary = "Ends an attempt, and claims the next in the same call if asked to.",
    request_body = Complete,
    responses((status = 200, body = Claimed, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn complete(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(complete): JsonBody<Complete>,
) -> Result<Json<Claimed>, ErrorResponse> {
    shared
        .app
        .complete(worker, complete.attempt, complete.report, &complete.patch)
        .await?;
    let assignments = match complete.next {
        0 => Vec::new(),
        next => {
            shared
                .app
                .claim(ClaimRequest::of(worker, next), std::time::Duration::ZERO)
                .await?
        }
    };
    Ok(Json(Claimed { assignments }))
}

/// At most so many attempts end in one call.
const COMPLETIONS: usize = 100;

/// `POST /completions`: ends several attempts, each completed or refused alone, and claims the next
/// ones in the same call.
#[utoipa::path(
    post, path = "/queue/completions", tag = "queue", operation_id = "queue_completions",
    summary = "Ends several attempts, each completed or refused alone.",
    request_body = Completions,
    responses((status = 200, body = CompletionResults, description = "Done."), shapes::Refused),
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
        app.complete(worker, done.attempt, done.report, &done.patch)
            .await
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
            app.claim(ClaimRequest::of(worker, next), std::time::Duration::ZERO)
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
    responses((status = 200, body = EndedReply, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn fail(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(fail): JsonBody<Fail>,
) -> Result<Json<EndedReply>, ErrorResponse> {
    let (by, attempt) = (worker, fail.attempt);
    let event = match fail.how {
        AttemptFailure::Failed(failure) => Event::Failed {
            by,
            attempt,
            failure,
        },
        AttemptFailure::Released => Event::Released { by, attempt },
        AttemptFailure::Parked => Event::Parked { by, attempt },
    };
    let over = shared.app.give_up(attempt, event).await?;
    Ok(Json(EndedReply { over }))
}

/// `POST /log`
#[utoipa::path(
    post, path = "/queue/log", tag = "queue", operation_id = "queue_log",
    summary = "The agent's words for the task's log.",
    request_body = AppendLog,
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn log(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(log): JsonBody<AppendLog>,
) -> Result<StatusCode, ErrorResponse> {
    match log.tell {
        true => {
            let (app, attempt) = (&shared.app, log.attempt);
            app.tell(worker, attempt, &log.lines, log.of_agent).await?;
        }
        false => shared.app.log(worker, log.attempt, &log.lines).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /status`
#[utoipa::path(
    get, path = "/queue/status", tag = "queue", operation_id = "queue_status",
    summary = "How much waits where. Needs the role `viewer` everywhere.",
    responses((status = 200, body = shapes::Queues, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn status(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
) -> Result<Json<Value>, ErrorResponse> {
    shared.app.allow(&caller, Verb::See, None, "queues").await?;
    let depths = shared.app.store.depths().await.map_err(AppError::from)?;
    let queues: serde_json::Map<String, Value> = view::queues(&depths)
        .into_iter()
        .map(|(name, depth)| (name.into(), depth.into()))
        .collect();
    Ok(Json(json!({ "paused": depths.paused, "queues": queues })))
}
