//! What goes into a task's thread and what comes out of it, whatever the platform.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{MessageId, QuestionId, TaskId},
    input::Slug,
};

/// A message to be shown in a task's thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// Identity, and the idempotency key for the platform.
    pub id: MessageId,
    /// Where it is to be shown.
    pub place: Place,
    /// What it is, as far as placing it differs.
    pub kind: OutboundKind,
    /// The words, in the Markdown subset that all platforms can show: bold, code, lists, fenced blocks, links.
    pub text: String,
    /// Buttons under the words.
    pub buttons: Vec<Button>,
}

/// Where a message is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In a task's thread.
    Thread(TaskId),
    /// In the rooms of a repository, outside of every thread.
    Room(Slug),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(task) => write!(f, "{task}"),
            Self::Room(repo) => write!(f, "{repo}"),
        }
    }
}

impl Place {
    /// The task, for a message in its thread.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Thread(task) => Some(*task),
            Self::Room(_) => None,
        }
    }
}

/// What a message is, as far as placing it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OutboundKind {
    /// The root of the thread; a later one edits it.
    Card,
    /// A question; always a new message, because edits notify nobody.
    Question {
        /// Which.
        question: QuestionId,
    },
    /// Edits the message of a question that is no longer open.
    Settled {
        /// Which.
        question: QuestionId,
    },
    /// Tells where a note is; a later one edits it.
    Note {
        /// Which, by its key.
        note: Uuid,
    },
    /// Anything else.
    Notice,
}

impl OutboundKind {
    /// The word for this kind in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Question { .. } => "question",
            Self::Settled { .. } => "settled",
            Self::Note { .. } => "note",
            Self::Notice => "notice",
        }
    }

    /// The question it is about.
    pub fn question(self) -> Option<QuestionId> {
        match self {
            Self::Question { question } | Self::Settled { question } => Some(question),
            Self::Card | Self::Note { .. } | Self::Notice => None,
        }
    }

    /// The note it is about.
    pub fn note(self) -> Option<Uuid> {
        match self {
            Self::Note { note } => Some(note),
            _ => None,
        }
    }
}

/// A choice that can be pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// The text that pressing it is the same as sending in reply to the message.
    pub says: String,
    /// Pressing it should be hard to do by accident.
    pub dangerous: bool,
}

/// Something a person did on a platform, as it is stored before the platform hears that we have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The platform's own id of the event; a second one with the same id is the same event.
    pub event: String,
    /// The platform.
    pub platform: String,
    /// The platform's stable id of the person; never a display name.
    pub author: String,
    /// The thread it was said in, if that is a task's.
    pub task: Option<TaskId>,
    /// The question whose message was replied to, or whose button was pressed.
    pub reply_to: Option<QuestionId>,
    /// The words, verbatim; empty when a message was deleted.
    pub text: String,
    /// What was done with them.
    #[serde(default)]
    pub act: Act,
}

/// What a person did with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act", content = "of")]
pub enum Act {
    /// Said it.
    #[default]
    Said,
    /// Changed an earlier message, named by its event, into this.
    Edited(String),
    /// Took an earlier message back.
    Deleted(String),
}

/// One line of a thread, either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place; later ones are larger.
    pub seq: u64,
    /// Identity.
    pub id: MessageId,
    /// The thread; `None` for a message in the room itself.
    pub task: Option<TaskId>,
    /// The question it asks, settles or answers.
    pub question: Option<QuestionId>,
    /// The note it tells of.
    pub note: Option<Uuid>,
    /// `vine`, or the person who wrote it.
    pub author: String,
    /// `card`, `question`, `settled`, `note`, `notice` from us; `reply` from a person.
    pub kind: String,
    /// The words.
    pub text: String,
    /// Buttons, on a question.
    pub buttons: Vec<Button>,
    /// When it was stored.
    pub at: Timestamp,
}

/// A message on its way to one room, with what is known of its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The message.
    pub message: Outbound,
    /// The platform whose adapter is to post it.
    pub platform: String,
    /// The room, as the platform names it.
    pub room: String,
    /// The thread, as the platform names it; `None` before its root is posted.
    pub thread: Option<String>,
    /// The message to edit, for cards, notes and settled questions that were posted before.
    pub edits: Option<String>,
    /// How often posting it has failed.
    pub attempts: u32,
}

/// Where a platform put a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The thread, as the platform names it.
    pub thread: String,
    /// The message, as the platform names it.
    pub message: String,
}
