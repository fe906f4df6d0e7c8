//! `/api/v1/tasks`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use utoipa::IntoParams;
use vine_api::{
    ContinueTask, CreateTask, CreateTasks, CreatedTasks, LogLines, PatchTask, TaskList, TaskView,
};
use vine_app::{AppError, tasks::TaskRequest};
use vine_domain::{
    Invalid, Lane, ModelChoice, Slug, TaskId, TaskState, attempt::LogRange, lifecycle::TaskAction,
    ports::TaskFilter,
};

use super::refused::Refused;
use crate::{
    api::query::limit,
    auth::PersonCaller,
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
    state::HttpState,
};

/// `POST /` with an optional `Idempotency-Key`.
#[utoipa::path(
    post, path = "/tasks", tag = "tasks", operation_id = "tasks_create",
    summary = "Creates a task and queues it. Requires role `operator`.",
    request_body = CreateTask,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key returns the first task.")),
    responses((status = 201, body = TaskView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn create(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<CreateTask>,
) -> Result<(StatusCode, Json<TaskView>), ErrorResponse> {
    let key = idempotency_key(&headers)?;
    let task = shared.app.tasks.create(&caller, wish(new, key)).await?;
    Ok((StatusCode::CREATED, Json(TaskView::of(&task))))
}

fn wish(new: CreateTask, key: Option<String>) -> TaskRequest {
    let lane = new.priority.unwrap_or(Lane::Default);
    TaskRequest {
        title: new.title,
        prompt: new.prompt,
        repo: new.repo,
        base: new.base,
        after: new.after,
        branch: new.branch,
        lane,
        model: ModelChoice {
            model: new.model,
            effort: new.effort,
        },
        key,
    }
}

/// The maximum number of tasks in one call.
const BULK: usize = 1000;

/// `POST /bulk` with an optional `Idempotency-Key` for all of them.
#[utoipa::path(
    post, path = "/tasks/bulk", tag = "tasks", operation_id = "tasks_create_bulk",
    summary = "Creates up to 1000 tasks, all or none. Requires role `operator`.",
    request_body = CreateTasks,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key returns the first tasks.")),
    responses((status = 201, body = CreatedTasks, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn create_bulk(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<CreateTasks>,
) -> Result<(StatusCode, Json<CreatedTasks>), ErrorResponse> {
    if !(1..=BULK).contains(&new.tasks.len()) {
        let many = Invalid::new(
            "list of tasks",
            format!("it has {}", new.tasks.len()),
            format!("send 1 to {BULK} at once"),
        );
        return Err(AppError::from(many).into());
    }
    let key = idempotency_key(&headers)?;
    let keyed = |(number, new): (usize, CreateTask)| {
        wish(new, key.as_ref().map(|key| format!("{key}/{number}")))
    };
    let wishes = new.tasks.into_iter().enumerate().map(keyed).collect();
    let ids = shared.app.tasks.create_many(&caller, wishes).await?;
    Ok((StatusCode::CREATED, Json(CreatedTasks { ids })))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, AppError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .filter(|text| (1..=200).contains(&text.len()));
    let refuse = || {
        Invalid::new(
            "idempotency key",
            "it is empty, too long or not ASCII text",
            "use up to 200 ASCII characters, such as a UUID",
        )
    };
    Ok(Some(text.ok_or_else(refuse)?.to_owned()))
}

/// `POST /{id}/rounds` with an optional `Idempotency-Key`.
#[utoipa::path(
    post, path = "/tasks/{id}/rounds", tag = "tasks", operation_id = "tasks_continue",
    summary = "Continues a task that is over, on its branch and in its session. Requires role `operator`.",
    request_body = ContinueTask,
    params(
        ("id" = TaskId, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key begins no other round."),
    ),
    responses((status = 201, body = TaskView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn go_on(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<TaskId>,
    headers: HeaderMap,
    JsonBody(next): JsonBody<ContinueTask>,
) -> Result<(StatusCode, Json<TaskView>), ErrorResponse> {
    let tasks = &shared.app.tasks;
    let named = idempotency_key(&headers)?;
    let key = tasks.round_key(&caller, id, named.as_deref());
    let task = tasks.go_on(&caller, id, next.text.as_str(), key).await?;
    Ok((StatusCode::CREATED, Json(TaskView::of(&task))))
}

/// The query of `GET /`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TasksQuery {
    state: Option<String>,
    repo: Option<Slug>,
    /// Text in the title or the branch.
    text: Option<String>,
    /// The `next` of the previous page.
    before: Option<TaskId>,
    /// The maximum number of items (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// `GET /`, newest first: `{items, next}`.
#[utoipa::path(
    get, path = "/tasks", tag = "tasks", operation_id = "tasks_list",
    summary = "Lists tasks of the repositories where the caller has role `viewer`, newest first.",
    params(TasksQuery),
    responses((status = 200, body = TaskList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<TasksQuery>,
) -> Result<Json<TaskList>, ErrorResponse> {
    let state = listing
        .state
        .as_deref()
        .map(TaskState::word)
        .transpose()
        .map_err(AppError::from)?;
    let limit = limit(listing.limit)?;
    let filter = TaskFilter {
        state,
        repo: listing.repo,
        text: listing.text,
        before: listing.before,
        after: None,
        limit,
    };
    let _turn = shared
        .app
        .reporting
        .list_limiter
        .turn(&caller, limit)
        .await?;
    let tasks = shared.app.tasks.list(&caller, &filter).await?;
    let next = tasks
        .last()
        .filter(|_| tasks.len() == limit as usize)
        .map(|task| task.id);
    Ok(Json(TaskList {
        items: tasks.iter().map(TaskView::row).collect(),
        next,
    }))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/tasks/{id}", tag = "tasks", operation_id = "tasks_show",
    summary = "Returns a task with everything that belongs to it. Requires role `viewer`.",
    params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<TaskId>,
) -> Result<Json<TaskView>, ErrorResponse> {
    let whole = shared.app.questions.task_with_parts(&caller, id).await?;
    Ok(Json(whole.view()))
}

/// `PATCH /{id}`
#[utoipa::path(
    patch, path = "/tasks/{id}", tag = "tasks", operation_id = "tasks_patch",
    summary = "Cancels or retries a task, or moves it to another lane. Requires role `operator`.",
    request_body = PatchTask,
    params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn patch(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<TaskId>,
    JsonBody(patch): JsonBody<PatchTask>,
) -> Result<Json<TaskView>, ErrorResponse> {
    let order = match (patch.state.as_deref(), patch.priority) {
        (Some("cancelled"), None) => TaskAction::Cancel,
        (Some("queued"), None) => TaskAction::Retry,
        (None, Some(lane)) => TaskAction::Prioritise(lane),
        _ => {
            let invalid = Invalid::new(
                "change",
                "it is not exactly one of the supported changes",
                "send {\"state\":\"cancelled\"}, {\"state\":\"queued\"} or {\"priority\":…}",
            );
            return Err(AppError::from(invalid).into());
        }
    };
    let task = shared.app.tasks.order(&caller, id, order).await?;
    Ok(Json(TaskView::of(&task)))
}

/// Which lines of a log to return: the latest ones that match.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// The maximum number of lines (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only lines before the one with this `seq`.
    before: Option<u64>,
    /// Only lines with this text, case-insensitively.
    text: Option<String>,
}

/// `GET /{id}/log`, oldest first.
#[utoipa::path(
    get, path = "/tasks/{id}/log", tag = "tasks", operation_id = "tasks_log",
    summary = "Returns the log of a task, oldest first. Requires role `viewer`.",
    params(("id" = TaskId, Path), LogQuery),
    responses((status = 200, body = LogLines, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn log(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<TaskId>,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Json<LogLines>, ErrorResponse> {
    shared.app.tasks.look_at(&caller, id).await?;
    let range = LogRange {
        before: query.before,
        text: query.text,
        limit: limit(query.limit)?,
    };
    let lines = shared.app.tasks.log(id, &range).await?;
    Ok(Json(LogLines { items: lines }))
}
