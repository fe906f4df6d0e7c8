//! `/api/v1/questions`

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use vine_api::{CloseQuestion, ConfirmDelivery, GiveAnswer, PostQuestion, PostedQuestion};
use vine_app::{questions::QuestionRequest, view};
use vine_domain::{DeliveredOutcome, MessageId, QuestionId};

use super::{PageQuery, limit, shapes};
use crate::{
    HttpState,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
};

/// `POST /`, by the worker. The answer means that the question is stored.
#[utoipa::path(
    post, path = "/questions", tag = "questions", operation_id = "questions_ask",
    summary = "An agent asks; the answer means that the question is stored.",
    request_body = PostQuestion,
    responses((status = 201, body = PostedQuestion, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn ask(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    JsonBody(post): JsonBody<PostQuestion>,
) -> Result<(StatusCode, Json<PostedQuestion>), ErrorResponse> {
    let asked = QuestionRequest {
        attempt: post.attempt,
        key: post.key,
        session: post.session,
        call: post.call,
        ask: post.ask,
        context: post.context,
    };
    let id = shared.app.ask(worker, asked).await?;
    Ok((StatusCode::CREATED, Json(PostedQuestion { id })))
}

/// `GET /`: open questions, oldest first.
#[utoipa::path(
    get, path = "/questions", tag = "questions", operation_id = "questions_list",
    summary = "Open questions of the repositories where one has the role `viewer`, oldest first.",
    params(PageQuery),
    responses((status = 200, body = shapes::List<shapes::Question>, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Json<Value>, ErrorResponse> {
    let limit = limit(page.limit)?;
    let _turn = shared.app.turn(&caller, limit).await?;
    let questions = shared.app.open_questions(&caller, limit).await?;
    Ok(Json(
        json!({ "items": questions.iter().map(view::question).collect::<Vec<_>>() }),
    ))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/questions/{id}", tag = "questions", operation_id = "questions_show",
    summary = "A question, with the time of each station on its way. Needs the role `viewer`.",
    params(("id" = QuestionId, Path)),
    responses((status = 200, body = shapes::Question, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<QuestionId>,
) -> Result<Json<Value>, ErrorResponse> {
    let question = shared.app.look_at_question(&caller, id).await?;
    let stations = shared.app.milestones(id).await?;
    Ok(Json(view::question_whole(&question, &stations)))
}

/// `POST /{id}/answer`
#[utoipa::path(
    post, path = "/questions/{id}/answer", tag = "questions", operation_id = "questions_answer",
    summary = "Answers a question. Needs the role `answerer`, for permissions `operator`.",
    request_body = GiveAnswer,
    params(("id" = QuestionId, Path)),
    responses((status = 200, body = shapes::Question, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn answer(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<QuestionId>,
    JsonBody(give): JsonBody<GiveAnswer>,
) -> Result<Json<Value>, ErrorResponse> {
    let key = give.key.unwrap_or_else(|| shared.app.ids.uuid());
    let question = shared.app.answer(&caller, id, &give.text, key).await?;
    Ok(Json(view::question(&question)))
}

/// `POST /{id}/delivered`, by the worker.
#[utoipa::path(
    post, path = "/questions/{id}/delivered", tag = "questions", operation_id = "questions_delivered",
    summary = "The agent has the answer, or knows that there is none.",
    request_body = ConfirmDelivery,
    params(("id" = QuestionId, Path)),
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn delivered(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<QuestionId>,
    JsonBody(delivered): JsonBody<ConfirmDelivery>,
) -> Result<StatusCode, ErrorResponse> {
    let heard = DeliveredOutcome {
        question: id,
        answer: delivered.answer,
    };
    shared
        .app
        .delivered(worker, delivered.attempt, heard)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/notes/{key}/delivered`, by the worker.
#[utoipa::path(
    post, path = "/notes/{key}/delivered", tag = "questions", operation_id = "questions_note_delivered",
    summary = "The agent has read a note.",
    request_body = ConfirmDelivery,
    params(("key" = MessageId, Path)),
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn note_delivered(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(key): PathId<MessageId>,
    JsonBody(delivered): JsonBody<ConfirmDelivery>,
) -> Result<StatusCode, ErrorResponse> {
    shared
        .app
        .note_delivered(worker, key.0, delivered.attempt)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/withdraw`, by the worker.
#[utoipa::path(
    post, path = "/questions/{id}/withdraw", tag = "questions", operation_id = "questions_withdraw",
    summary = "The agent needs the answer no more.",
    request_body = CloseQuestion,
    params(("id" = QuestionId, Path)),
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn withdraw(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<QuestionId>,
    JsonBody(close): JsonBody<CloseQuestion>,
) -> Result<StatusCode, ErrorResponse> {
    let why = if close.why.is_empty() {
        "the agent no longer needs it".into()
    } else {
        close.why
    };
    shared.app.withdraw(worker, id, close.attempt, why).await?;
    Ok(StatusCode::NO_CONTENT)
}
