//! `/api/v1/chat`: threads for programs.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;
use vine_api::{EditMessage, MessageList, SendMessage, SentMessage};
use vine_app::{AppError, Caller};
use vine_domain::{
    MessageId, QuestionId, TaskId, Verb,
    chat::{Inbound, InboundKind, Location},
};

use super::refused::Refused;
use crate::{
    api::query::{limit, patience},
    auth::PersonCaller,
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
    state::HttpState,
};

/// The query of `GET /messages`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    task: Option<TaskId>,
    /// The `next` of the previous page.
    #[serde(default)]
    after: u64,
    /// The maximum number of items (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Wait at most this many seconds if there are no messages yet.
    #[serde(default)]
    wait: f64,
}

/// `GET /messages`, oldest first: `{items, next}`. With `wait` it returns as soon as there is a
/// message.
#[utoipa::path(
    get, path = "/chat/messages", tag = "chat", operation_id = "chat_list",
    summary = "Lists messages in threads, oldest first. Requires role `viewer`; without `task`, for \
     all repositories.",
    params(MessagesQuery),
    responses((status = 200, body = MessageList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<MessagesQuery>,
) -> Result<Json<MessageList>, ErrorResponse> {
    let app = &shared.app;
    match listing.task {
        Some(task) => drop(app.tasks.look_at(&caller, task).await?),
        None => {
            app.people
                .allow(&caller, Verb::See, None, "messages")
                .await?;
        }
    }
    let messages = app
        .rooms
        .messages(
            listing.task,
            listing.after,
            limit(listing.limit)?,
            patience(listing.wait),
        )
        .await?;
    // The caller may have lost the permission during the wait.
    let caller = app.people.reload(&caller).await?;
    match listing.task {
        Some(task) => drop(app.tasks.look_at(&caller, task).await?),
        None => {
            app.people
                .allow(&caller, Verb::See, None, "messages")
                .await?;
        }
    }
    let next = messages.last().map_or(listing.after, |message| message.seq);
    Ok(Json(MessageList {
        items: messages,
        next,
    }))
}

/// `POST /messages`: a person writes to a thread.
#[utoipa::path(
    post, path = "/chat/messages", tag = "chat", operation_id = "chat_send",
    summary = "Sends a message as a person: an answer or a note (requires role `answerer`), or a command \
     (requires the command's role).",
    request_body = SendMessage,
    responses((status = 200, body = SentMessage, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn send(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    JsonBody(send): JsonBody<SendMessage>,
) -> Result<Json<SentMessage>, ErrorResponse> {
    let key = send.key.unwrap_or_else(|| shared.app.new_id());
    let said = ConsoleWords {
        event: key,
        task: send.task,
        reply_to: send.reply_to,
        text: send.text,
        act: InboundKind::Said,
    };
    hear(&shared, &caller, said).await
}

/// `PATCH /messages/{key}`: the author edits the message with this key.
#[utoipa::path(
    patch, path = "/chat/messages/{key}", tag = "chat", operation_id = "chat_edit",
    summary = "Edits the message with this key. Only its author can do this.",
    request_body = EditMessage,
    params(("key" = MessageId, Path)),
    responses((status = 200, body = SentMessage, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn edit(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(key): PathId<MessageId>,
    JsonBody(edit): JsonBody<EditMessage>,
) -> Result<Json<SentMessage>, ErrorResponse> {
    let act = InboundKind::Edited(key.to_string());
    hear(
        &shared,
        &caller,
        ConsoleWords {
            event: shared.app.new_id(),
            task: None,
            reply_to: None,
            text: edit.text,
            act,
        },
    )
    .await
}

/// `DELETE /messages/{key}`: the author deletes the message with this key.
#[utoipa::path(
    delete, path = "/chat/messages/{key}", tag = "chat", operation_id = "chat_delete",
    summary = "Deletes the message with this key. Only its author can do this.",
    params(("key" = MessageId, Path)),
    responses((status = 200, body = SentMessage, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn delete(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    PathId(key): PathId<MessageId>,
) -> Result<Json<SentMessage>, ErrorResponse> {
    let act = InboundKind::Deleted(key.to_string());
    hear(
        &shared,
        &caller,
        ConsoleWords {
            event: shared.app.new_id(),
            task: None,
            reply_to: None,
            text: String::new(),
            act,
        },
    )
    .await
}

/// A message from the console, before its author is known.
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
) -> Result<Json<SentMessage>, ErrorResponse> {
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
        direct: false,
    };
    let reply = shared.inbox.hear_once(event).await?;
    Ok(Json(reply.map_or_else(SentMessage::default, |reply| {
        SentMessage {
            text: reply.text,
            data: Some(reply.data),
        }
    })))
}
