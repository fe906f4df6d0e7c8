//! `/api/v1/chat`: threads for programs.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use uuid::Uuid;
use vine_api::{EditMessage, SendMessage};
use vine_app::{AppError, Caller};
use vine_domain::{
    MessageId, QuestionId, TaskId, Verb,
    chat::{Inbound, InboundKind, Location},
};

use super::{limit, patience, shapes};
use crate::{
    HttpState,
    auth::PersonCaller,
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
};

/// What `GET /messages` can be asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    task: Option<TaskId>,
    /// The `next` of the page before.
    #[serde(default)]
    after: u64,
    /// At most so many (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Wait at most this many seconds when there is nothing yet.
    #[serde(default)]
    wait: f64,
}

/// `GET /messages`, oldest first: `{items, next}`. With `wait` it answers as soon as something is
/// said.
#[utoipa::path(
    get, path = "/chat/messages", tag = "chat", operation_id = "chat_list",
    summary = "What is said in threads, oldest first. Needs the role `viewer`, without a task \
     everywhere.",
    params(MessagesQuery),
    responses((status = 200, body = shapes::Messages, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<MessagesQuery>,
) -> Result<Json<Value>, ErrorResponse> {
    let app = &shared.app;
    match listing.task {
        Some(task) => drop(app.look_at(&caller, task).await?),
        None => app.allow(&caller, Verb::See, None, "messages").await?,
    }
    let messages = app
        .messages(
            listing.task,
            listing.after,
            limit(listing.limit)?,
            patience(listing.wait),
        )
        .await?;
    // Whoever lost the right to see them meanwhile does not.
    let caller = app.again(&caller).await?;
    match listing.task {
        Some(task) => drop(app.look_at(&caller, task).await?),
        None => app.allow(&caller, Verb::See, None, "messages").await?,
    }
    let next = messages.last().map_or(listing.after, |message| message.seq);
    Ok(Json(json!({ "items": messages, "next": next })))
}

/// `POST /messages`: a person says something in a thread.
#[utoipa::path(
    post, path = "/chat/messages", tag = "chat", operation_id = "chat_send",
    summary = "A person says something: an answer or a note (role `answerer`), or a command (the \
     role that it needs).",
    request_body = SendMessage,
    responses((status = 200, body = shapes::Heard, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn send(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    JsonBody(send): JsonBody<SendMessage>,
) -> Result<Json<Value>, ErrorResponse> {
    let key = send.key.unwrap_or_else(|| shared.app.ids.uuid());
    let said = ConsoleWords {
        event: key,
        task: send.task,
        reply_to: send.reply_to,
        text: send.text,
        act: InboundKind::Said,
    };
    hear(&shared, &caller, said).await
}

/// `PATCH /messages/{key}`: its author changes what was sent under this key.
#[utoipa::path(
    patch, path = "/chat/messages/{key}", tag = "chat", operation_id = "chat_edit",
    summary = "Its author changes what was sent under this key.",
    request_body = EditMessage,
    params(("key" = MessageId, Path)),
    responses((status = 200, body = shapes::Heard, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn edit(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(key): PathId<MessageId>,
    JsonBody(edit): JsonBody<EditMessage>,
) -> Result<Json<Value>, ErrorResponse> {
    let act = InboundKind::Edited(key.to_string());
    hear(
        &shared,
        &caller,
        ConsoleWords {
            event: shared.app.ids.uuid(),
            task: None,
            reply_to: None,
            text: edit.text,
            act,
        },
    )
    .await
}

/// `DELETE /messages/{key}`: its author takes back what was sent under this key.
#[utoipa::path(
    delete, path = "/chat/messages/{key}", tag = "chat", operation_id = "chat_delete",
    summary = "Its author takes back what was sent under this key.",
    params(("key" = MessageId, Path)),
    responses((status = 200, body = shapes::Heard, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn delete(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(key): PathId<MessageId>,
) -> Result<Json<Value>, ErrorResponse> {
    let act = InboundKind::Deleted(key.to_string());
    hear(
        &shared,
        &caller,
        ConsoleWords {
            event: shared.app.ids.uuid(),
            task: None,
            reply_to: None,
            text: String::new(),
            act,
        },
    )
    .await
}

/// What the console hears, before it knows by whom.
struct ConsoleWords {
    event: Uuid,
    task: Option<TaskId>,
    reply_to: Option<QuestionId>,
    text: String,
    act: InboundKind,
}

async fn hear(
    shared: &HttpState,
    caller: &Caller,
    said: ConsoleWords,
) -> Result<Json<Value>, ErrorResponse> {
    let author = caller
        .user
        .as_ref()
        .map(|user| user.id.to_string())
        .ok_or(AppError::Unauthenticated)?;
    let ConsoleWords {
        event,
        task,
        reply_to,
        text,
        act,
    } = said;
    let spot = Location::Ours {
        task,
        question: reply_to,
    };
    let event = Inbound {
        event: event.to_string(),
        platform: "console".into(),
        author,
        spot,
        text,
        act,
        said: None,
        left_out: None,
        private: false,
    };
    let known = shared
        .app
        .store
        .event(&event.platform, &event.event)
        .await
        .map_err(AppError::from)?
        .is_some();
    let reply = shared.app.hear(event.clone()).await?.transpose()?;
    if known && reply.is_none() {
        shared.app.outcome_of(&event).await?;
    }
    Ok(Json(reply.map_or_else(
        || json!({ "text": "" }),
        |reply| json!({ "text": reply.text, "data": reply.data }),
    )))
}
