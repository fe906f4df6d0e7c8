//! Rounds: a task that is over continues, on the same branch and in the same session.
//!
//! The first round is what the task was created for. Each later one is what a person asked for after
//! the round before had ended.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, ids::Epoch, task::TaskState};

/// A later round of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Round {
    /// Its number, from 2.
    pub number: u32,
    /// Made where the request was received: the same request begins one round.
    pub key: Uuid,
    /// The name of the person who asked for it.
    pub author: String,
    /// What they asked for, verbatim.
    pub text: String,
    /// What the round before ended with, for an agent that does not remember it.
    pub before: String,
    /// The commit at which the rounds before left the branch, if they changed anything.
    #[serde(default)]
    pub tip: Option<String>,
    /// Whether the round before was cancelled: its unfinished work is not continued.
    #[serde(default)]
    pub clean: bool,
    /// The number of the task's latest attempt when it began.
    pub epoch: Epoch,
    /// When it began.
    pub at: Timestamp,
    /// It was taken back before a worker began it; no agent hears of it.
    #[serde(skip)]
    pub withdrawn: bool,
    /// The state that the task had before, for as long as the round can be taken back.
    #[serde(skip)]
    pub former: Option<TaskState>,
}
