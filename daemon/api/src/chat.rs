//! Threads and platforms.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{QuestionId, TaskId, Timestamp, chat::Message};

/// `POST /api/v1/chat/messages`: a person writes into a task's thread.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The thread.
    pub task: Option<TaskId>,
    /// The words.
    pub text: String,
    /// The question replied to.
    pub reply_to: Option<QuestionId>,
    /// Sending again with the same key is sending once (default: a fresh one).
    pub key: Option<Uuid>,
}

/// `PATCH /api/v1/chat/messages/{key}`: its author changes a message. One that was used already is
/// corrected.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// The words as they are now.
    pub text: String,
}

/// `GET /api/v1/chat/messages`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageList {
    /// Oldest first.
    pub items: Vec<Message>,
    /// `after` of the next page.
    pub next: u64,
}

/// What a sent message led to.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentMessage {
    /// For people; empty when the thread shows all of it.
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
    /// Who we are on that platform.
    pub account: Option<String>,
    /// Since when its state is what it is.
    pub since_at: Timestamp,
    /// Why questions cannot be asked there.
    pub trouble: Option<String>,
    /// What is missing that questions do not require.
    pub remark: Option<String>,
    /// When the platform last answered.
    pub checked_at: Option<Timestamp>,
}
