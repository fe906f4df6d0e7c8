//! Notes: what people say to an agent at work that answers no question of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{clock::Timestamp, ids::TaskId};

/// Words for the agent of a task. They enter its session as a message of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// Made where the words came in; also the uuid under which they enter a session, which drops a
    /// second copy.
    pub key: Uuid,
    /// The task whose agent is to read it.
    pub task: TaskId,
    /// The name of whoever wrote it.
    pub author: String,
    /// The words, verbatim.
    pub text: String,
    /// When it was stored.
    pub at: Timestamp,
    /// Where it is in its life.
    pub state: NoteState,
}

/// Where a note is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NoteState {
    /// Kept until an agent reads it.
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
