//! `/api/v1/questions`

use axum::{Json, extract::State, http::StatusCode};
use vine_api::{
    CloseQuestion, ConfirmDelivery, GiveAnswer, PostQuestion, PostedQuestion, QuestionList,
    QuestionView,
};
use vine_app::{
    AppError,
    questions::{GivenAnswer, QuestionRequest},
};
use vine_domain::{DeliveredOutcome, Invalid, MessageId, QuestionId};

use super::refused::Refused;
use crate::{
    api::query::{PageQuery, limit},
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
    state::HttpState,
};

/// `POST /`, by the worker. A response means that the question is stored.
#[utoipa::path(
    post, path = "/questions", tag = "questions", operation_id = "questions_ask",
    summary = "Asks a question for an agent. The response means that the question is stored.",
    request_body = PostQuestion,
    responses((status = 201, body = PostedQuestion, description = "Success."), Refused),
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
    let id = shared.app.questions.ask(worker, asked).await?;
    Ok((StatusCode::CREATED, Json(PostedQuestion { id })))
}

/// `GET /`: open questions, oldest first.
#[utoipa::path(
    get, path = "/questions", tag = "questions", operation_id = "questions_list",
    summary = "Lists open questions of the repositories where the caller has role `viewer`, oldest first.",
    params(PageQuery),
    responses((status = 200, body = QuestionList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Json<QuestionList>, ErrorResponse> {
    let limit = limit(page.limit)?;
    let _turn = shared
        .app
        .reporting
        .list_limiter
        .turn(&caller, limit)
        .await?;
    let questions = shared.app.questions.open_questions(&caller, limit).await?;
    Ok(Json(QuestionList {
        items: questions.iter().map(QuestionView::of).collect(),
    }))
}

/// `GET /{id}`
#[utoipa::path(
    get, path = "/questions/{id}", tag = "questions", operation_id = "questions_show",
    summary = "Returns a question with its timeline. Requires role `viewer`.",
    params(("id" = QuestionId, Path)),
    responses((status = 200, body = QuestionView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn show(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<QuestionId>,
) -> Result<Json<QuestionView>, ErrorResponse> {
    let question = shared.app.questions.look_at(&caller, id).await?;
    let stations = shared.app.questions.milestones(id).await?;
    Ok(Json(QuestionView::whole(&question, &stations)))
}

/// `POST /{id}/answer`
#[utoipa::path(
    post, path = "/questions/{id}/answer", tag = "questions", operation_id = "questions_answer",
    summary = "Answers a question. Requires role `answerer`, or `operator` for permissions.",
    request_body = GiveAnswer,
    params(("id" = QuestionId, Path)),
    responses((status = 200, body = QuestionView, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn answer(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(id): PathId<QuestionId>,
    JsonBody(give): JsonBody<GiveAnswer>,
) -> Result<Json<QuestionView>, ErrorResponse> {
    let given = match &give.form {
        Some(form) if give.text.is_empty() => GivenAnswer::Form(form),
        Some(_) => {
            let both = Invalid::new("answer", "it has `text` and `form`", "send one of them");
            return Err(AppError::from(both).into());
        }
        None => GivenAnswer::Words(&give.text),
    };
    let key = give.key.unwrap_or_else(|| shared.app.new_id());
    let question = shared.app.questions.answer(&caller, id, given, key).await?;
    Ok(Json(QuestionView::of(&question)))
}

/// `POST /{id}/delivered`, by the worker.
#[utoipa::path(
    post, path = "/questions/{id}/delivered", tag = "questions", operation_id = "questions_delivered",
    summary = "Confirms that the agent has the answer, or knows that nobody answered.",
    request_body = ConfirmDelivery,
    params(("id" = QuestionId, Path)),
    responses((status = 204, description = "Success."), Refused),
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
        .questions
        .delivered(worker, delivered.attempt, heard)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/notes/{key}/delivered`, by the worker.
#[utoipa::path(
    post, path = "/notes/{key}/delivered", tag = "questions", operation_id = "questions_note_delivered",
    summary = "Confirms that the agent has read a note.",
    request_body = ConfirmDelivery,
    params(("key" = MessageId, Path)),
    responses((status = 204, description = "Success."), Refused),
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
        .questions
        .note_delivered(worker, key.0, delivered.attempt)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /{id}/withdraw`, by the worker.
#[utoipa::path(
    post, path = "/questions/{id}/withdraw", tag = "questions", operation_id = "questions_withdraw",
    summary = "Withdraws a question that the agent no longer needs answered.",
    request_body = CloseQuestion,
    params(("id" = QuestionId, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn withdraw(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<QuestionId>,
    JsonBody(close): JsonBody<CloseQuestion>,
) -> Result<StatusCode, ErrorResponse> {
    let why = if close.why.is_empty() {
        "the agent withdrew it".into()
    } else {
        close.why
    };
    shared
        .app
        .questions
        .withdraw(worker, id, close.attempt, why)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
