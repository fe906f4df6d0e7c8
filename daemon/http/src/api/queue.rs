//! `/api/v1/queue`: claiming and ending attempts. Every write of an attempt names its lease.

use axum::{Json, extract::State, http::StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use vine_api::{
    Accepted, Claim, Claimed, Complete, Completed, Completions, Ended, Enqueue, Fail, GaveUp, Log,
};
use vine_app::{AppError, view};
use vine_domain::{
    Invalid, Verb,
    lifecycle::{Event, Order},
    ports::Want,
};

use super::{patience, shapes};
use crate::{
    Shared,
    auth::{Enrolled, Person},
    error::{Body, Failure},
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
    State(shared): State<Shared>,
    Person(caller): Person,
    Body(enqueue): Body<Enqueue>,
) -> Result<Json<Value>, Failure> {
    let task = shared
        .app
        .order(&caller, enqueue.task, Order::Retry)
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
    State(shared): State<Shared>,
    Enrolled(worker): Enrolled,
    Body(claim): Body<Claim>,
) -> Result<Json<Claimed>, Failure> {
    let want = Want {
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
    State(shared): State<Shared>,
    Enrolled(worker): Enrolled,
    Body(complete): Body<Complete>,
) -> Result<Json<Claimed>, Failure> {
    shared
        .app
        .complete(worker, complete.attempt, complete.report, &complete.patch)
        .await?;
    let assignments = match complete.next {
        0 => Vec::new(),
        next => {
            shared
                .app
                .claim(Want::of(worker, next), std::time::Duration::ZERO)
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
    responses((status = 200, body = Accepted, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn completions(
    State(shared): State<Shared>,
    Enrolled(worker): Enrolled,
    Body(all): Body<Completions>,
) -> Result<Json<Accepted>, Failure> {
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
        .map(|outcome| outcome.err().map(|error| Failure::from(error).into_error()))
        .collect();
    let assignments = match all.next {
        0 => Vec::new(),
        next => {
            app.claim(Want::of(worker, next), std::time::Duration::ZERO)
                .await?
        }
    };
    Ok(Json(Accepted {
        refused,
        assignments,
    }))
}

/// `POST /fail`
#[utoipa::path(
    post, path = "/queue/fail", tag = "queue", operation_id = "queue_fail",
    summary = "Ends an attempt without a result.",
    request_body = Fail,
    responses((status = 200, body = Ended, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn fail(
    State(shared): State<Shared>,
    Enrolled(worker): Enrolled,
    Body(fail): Body<Fail>,
) -> Result<Json<Ended>, Failure> {
    let (by, attempt) = (worker, fail.attempt);
    let event = match fail.how {
        GaveUp::Failed(failure) => Event::Failed {
            by,
            attempt,
            failure,
        },
        GaveUp::Released => Event::Released { by, attempt },
        GaveUp::Parked => Event::Parked { by, attempt },
    };
    let over = shared.app.give_up(attempt, event).await?;
    Ok(Json(Ended { over }))
}

/// `POST /log`
#[utoipa::path(
    post, path = "/queue/log", tag = "queue", operation_id = "queue_log",
    summary = "The agent's words for the task's log.",
    request_body = Log,
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn log(
    State(shared): State<Shared>,
    Enrolled(worker): Enrolled,
    Body(log): Body<Log>,
) -> Result<StatusCode, Failure> {
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
    State(shared): State<Shared>,
    Person(caller): Person,
) -> Result<Json<Value>, Failure> {
    shared.app.allow(&caller, Verb::See, None, "queues").await?;
    let depths = shared.app.store.depths().await.map_err(AppError::from)?;
    let queues: serde_json::Map<String, Value> = view::queues(&depths)
        .into_iter()
        .map(|(name, depth)| (name.into(), depth.into()))
        .collect();
    Ok(Json(json!({ "paused": depths.paused, "queues": queues })))
}
