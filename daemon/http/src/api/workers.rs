//! `/api/v1/workers`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use vine_api::{
    Enrol, Enrolled as Identity, Heartbeat, HeartbeatReply, Orphans, PausedRepo, RefusedHosts,
    ReportKeptWork, ReportUsage, WorkerList, WorkerView,
};
use vine_app::{
    AppError, Missing,
    fleet::{self, KeptWorkReport, NewWorker},
};
use vine_domain::{
    Branch, Guard, Invalid, Slug, Verb, WorkerId, WorkerIsolation,
    attempt::{Attempt, Usage},
};

use super::refused::Refused;
use crate::{
    api::query::patience,
    auth::{PersonCaller, WorkerCaller, same_wire},
    error::{ErrorResponse, JsonBody, PathId},
    state::HttpState,
};

/// `POST /` with an enrolment code.
#[utoipa::path(
    post, path = "/workers", tag = "workers", operation_id = "workers_enrol",
    summary = "Enrols a worker: exchanges an enrolment code for the worker's id and token.",
    request_body = Enrol,
    responses((status = 201, body = Identity, description = "Success."), Refused),
    security(()),
)]
pub async fn enrol(
    State(shared): State<HttpState>,
    headers: HeaderMap,
    JsonBody(enrol): JsonBody<Enrol>,
) -> Result<(StatusCode, Json<Identity>), ErrorResponse> {
    same_wire(&headers)?;
    let slots = slots(enrol.slots)?;
    let version = enrol.version.chars().take(60).collect();
    let (id, token) = shared
        .app
        .fleet
        .enrol(
            &enrol.code,
            NewWorker {
                name: enrol.name,
                slots,
                version,
            },
        )
        .await?;
    Ok((StatusCode::CREATED, Json(Identity { id, token })))
}

fn slots(wish: u32) -> Result<u32, AppError> {
    if (1..=1000).contains(&wish) {
        return Ok(wish);
    }
    Err(Invalid::new("number of slots", wish.to_string(), "use 1 to 1000").into())
}

/// `GET /`
#[utoipa::path(
    get, path = "/workers", tag = "workers", operation_id = "workers_list",
    summary = "Lists workers, sorted by name. Requires role `viewer` for all repositories.",
    responses((status = 200, body = WorkerList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
) -> Result<Json<WorkerList>, ErrorResponse> {
    shared
        .app
        .people
        .allow(&caller, Verb::See, None, "workers")
        .await?;
    let now = shared.app.now();
    let workers = shared.app.fleet.workers().await?;
    Ok(Json(WorkerList {
        items: workers
            .iter()
            .map(|load| WorkerView::of(load, now))
            .collect(),
    }))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/workers/{id}", tag = "workers", operation_id = "workers_show",
    summary = "Returns a worker. Requires role `viewer` for all repositories.",
    params(("id" = WorkerId, Path)),
    responses((status = 200, body = WorkerView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<WorkerId>,
) -> Result<Json<WorkerView>, ErrorResponse> {
    shared
        .app
        .people
        .allow(&caller, Verb::See, None, "workers")
        .await?;
    let workers = shared.app.fleet.workers().await?;
    let found = workers
        .iter()
        .find(|load| load.worker.id == id)
        .ok_or_else(|| AppError::from(Missing::Worker(id.to_string())))?;
    Ok(Json(WorkerView::of(found, shared.app.now())))
}

/// `DELETE /{id}`, by the worker itself.
#[utoipa::path(
    delete, path = "/workers/{id}", tag = "workers", operation_id = "workers_leave",
    summary = "Removes a worker. Its tasks return to the queue; this is not a failure.",
    params(("id" = WorkerId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn leave(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
) -> Result<StatusCode, ErrorResponse> {
    itself(worker, id)?;
    shared.app.fleet.deregister(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/goodbye`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/goodbye", tag = "workers", operation_id = "workers_goodbye",
    summary = "Signs a worker off for a while. Its tasks return to the queue; this is not a failure. Its next \
     heartbeat signs it on again.",
    params(("id" = WorkerId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn goodbye(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
) -> Result<StatusCode, ErrorResponse> {
    itself(worker, id)?;
    shared.app.fleet.goodbye(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/heartbeat`, by the worker itself; waits until there are worker messages.
#[utoipa::path(
    post, path = "/workers/{id}/heartbeat", tag = "workers", operation_id = "workers_beat",
    summary = "Renews leases, then waits for worker messages. A worker that keeps heartbeats open is missed two \
     seconds after its connection has ended; one that never lets them wait is missed when its leases end.",
    request_body = Heartbeat,
    params(("id" = WorkerId, Path)),
    responses((status = 200, body = HeartbeatReply, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn beat(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(beat): JsonBody<Heartbeat>,
) -> Result<Json<HeartbeatReply>, ErrorResponse> {
    itself(worker, id)?;
    let beat = fleet::WorkerHeartbeat {
        boot: beat.boot,
        slots: slots(beat.slots)?,
        leases: beat.leases,
        handling: beat.handling,
        noting: beat.noting,
        trouble: beat.trouble.map(|text| text.chars().take(500).collect()),
        pushing: beat.pushing,
        without: paused(beat.paused_repos),
        worktree_bytes: beat.worktree_bytes,
        standing: beat.isolation.map(short),
        wait: patience(beat.wait),
    };
    Ok(Json(HeartbeatReply {
        messages: shared.app.fleet.beat(id, beat).await?,
    }))
}

/// `POST /{id}/orphans`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/orphans", tag = "workers", operation_id = "workers_orphans",
    summary = "Returns which of these tasks and sessions are over.",
    request_body = Orphans,
    params(("id" = WorkerId, Path)),
    responses((status = 200, body = Orphans, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn orphans(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(found): JsonBody<Orphans>,
) -> Result<Json<Orphans>, ErrorResponse> {
    itself(worker, id)?;
    let mut over = Orphans::default();
    for (task, created) in found.tasks.into_iter().take(1000) {
        if shared.app.tasks.is_over(task, created).await? {
            over.tasks.push((task, created));
        }
    }
    for session in found.sessions.into_iter().take(1000) {
        if shared.app.fleet.is_session_over(id, session).await? {
            over.sessions.push(session);
        }
    }
    Ok(Json(over))
}

/// `POST /{id}/kept`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/kept", tag = "workers", operation_id = "workers_kept",
    summary = "Reports the unfinished work that a worker keeps of an attempt.",
    request_body = ReportKeptWork,
    params(("id" = WorkerId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn kept(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(kept): JsonBody<ReportKeptWork>,
) -> Result<StatusCode, ErrorResponse> {
    itself(worker, id)?;
    let attempt = Attempt {
        task: kept.task,
        epoch: kept.epoch,
    };
    let keepsake = KeptWorkReport {
        created: kept.created_at,
        commit: kept.commit.map(commit).transpose()?,
        name: kept.name.filter(|name| is_ref(name)),
        held: kept.held.into_iter().take(20).collect(),
        notes: kept.notes.into_iter().take(20).collect(),
    };
    shared.app.fleet.keep(id, attempt, keepsake).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/spent`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/spent", tag = "workers", operation_id = "workers_spent",
    summary = "Reports the usage of an attempt so far, however it ends, and what its agent is at.",
    request_body = ReportUsage,
    params(("id" = WorkerId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn spent(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(spent): JsonBody<ReportUsage>,
) -> Result<StatusCode, ErrorResponse> {
    itself(worker, id)?;
    shared
        .app
        .fleet
        .record_usage(id, spent.attempt, &bounded(spent.usage), spent.progress)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/guard`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/guard", tag = "workers", operation_id = "workers_guard",
    summary = "Returns the current guard of the repository of an attempt that the worker holds.",
    request_body = Attempt,
    params(("id" = WorkerId, Path)),
    responses((status = 200, body = Guard, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn guard(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(attempt): JsonBody<Attempt>,
) -> Result<Json<Guard>, ErrorResponse> {
    itself(worker, id)?;
    Ok(Json(shared.app.fleet.guard_of(id, attempt).await?))
}

/// `POST /{id}/refused`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/refused", tag = "workers", operation_id = "workers_refused",
    summary = "Reports hosts that an agent tried to reach but was not allowed to.",
    request_body = RefusedHosts,
    params(("id" = WorkerId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn refused(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
    JsonBody(refused): JsonBody<RefusedHosts>,
) -> Result<StatusCode, ErrorResponse> {
    itself(worker, id)?;
    let short = |host: &String| host.chars().take(260).collect();
    let hosts: Vec<String> = refused.hosts.iter().take(WITHOUT).map(short).collect();
    shared
        .app
        .fleet
        .refused_hosts(id, refused.attempt, &hosts)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// More than any attempt uses, and small enough to be summed.
const MOST: u64 = 1_000_000_000_000;

fn bounded(usage: Usage) -> Usage {
    Usage {
        turns: usage.turns.min(MOST),
        input_tokens: usage.input_tokens.min(MOST),
        output_tokens: usage.output_tokens.min(MOST),
        cost_microdollars: usage.cost_microdollars.min(MOST),
    }
}

fn commit(text: String) -> Result<String, AppError> {
    let is_one = (40..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
    let wrong = || {
        Invalid::new(
            "commit",
            "it is not a full hash".to_owned(),
            "send the full hash",
        )
    };
    is_one.then_some(text).ok_or_else(|| wrong().into())
}

/// Other workers fetch this ref, so only a branch or a ref under `refs/vine/` is accepted.
fn is_ref(name: &str) -> bool {
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        return branch.parse::<Branch>().is_ok() && !branch.contains('`');
    }
    let rest = name.strip_prefix("refs/vine/").unwrap_or_default();
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !rest.is_empty() && rest.len() < 100 && rest.chars().all(fine)
}

/// The maximum number of paused repositories, or refused hosts, that one call stores.
const WITHOUT: usize = 100;

fn short(mut standing: WorkerIsolation) -> WorkerIsolation {
    standing.why = standing.why.chars().take(500).collect();
    standing
}

fn paused(repos: Vec<PausedRepo>) -> Vec<(Slug, String)> {
    let short = |one: PausedRepo| (one.repo, one.why.chars().take(500).collect());
    repos.into_iter().take(WITHOUT).map(short).collect()
}

pub(super) fn itself(worker: WorkerId, id: WorkerId) -> Result<(), AppError> {
    if worker == id {
        Ok(())
    } else {
        Err(Missing::Worker(format!("{id} with this token")).into())
    }
}
