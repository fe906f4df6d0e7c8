//! Notes: messages of people to a running agent that answer none of its questions.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, ids::TaskId};

/// A message for the agent of a task. It enters the session as a message from a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Note {
    /// Made where the message was received; also the uuid under which it enters a session, which
    /// drops a second copy.
    pub key: Uuid,
    /// The task whose agent is to read it.
    pub task: TaskId,
    /// The name of its author.
    pub author: String,
    /// The words, verbatim.
    pub text: String,
    /// When it was stored.
    pub at: Timestamp,
    /// Where it is in its life.
    pub state: NoteState,
}

/// Where a note is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NoteState {
    /// It is kept until an agent reads it.
    Waiting,
    /// The agent has it.
    Delivered {
        /// When the worker confirmed.
        at: Timestamp,
    },
    /// The task was over before an agent read it.
    Missed,
}

impl NoteState {
    /// The word for this state in the store and in listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered { .. } => "delivered",
            Self::Missed => "missed",
        }
    }
}
