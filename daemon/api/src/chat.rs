//! Threads and platforms.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{QuestionId, TaskId, Timestamp, chat::Message};

/// `POST /api/v1/chat/messages`: a person writes to a task's thread.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The thread.
    pub task: Option<TaskId>,
    /// The message.
    pub text: String,
    /// The question that this replies to.
    pub reply_to: Option<QuestionId>,
    /// Repeating a request with the same key sends only one message (default: a new key).
    pub key: Option<Uuid>,
}

/// `PATCH /api/v1/chat/messages/{key}`: the author edits a message. If it already took effect,
/// AgentVine corrects it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// The new text.
    pub text: String,
}

/// `GET /api/v1/chat/messages`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageList {
    /// Oldest first.
    pub items: Vec<Message>,
    /// The value of `after` for the next page.
    pub next: u64,
}

/// The effect of a message.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentMessage {
    /// For people; empty if the thread shows everything.
    pub text: String,
    /// For programs, after a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub data: Option<Value>,
}

/// The health of a platform's adapter.
#[derive(Debug, Clone, Serialize)]
pub struct AdapterView {
    /// The platform.
    pub id: String,
    /// `ok` or `trouble`.
    pub state: &'static str,
    /// AgentVine's account on that platform.
    pub account: Option<String>,
    /// Since when it has been in this state.
    pub since_at: Timestamp,
    /// Why questions cannot be asked there.
    pub trouble: Option<String>,
    /// What is missing, although questions work without it.
    pub remark: Option<String>,
    /// When the platform last answered.
    pub checked_at: Option<Timestamp>,
}
