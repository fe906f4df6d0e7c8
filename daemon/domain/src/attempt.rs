//! Attempts (one run of a task by one worker), their records and their logs.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{Epoch, SessionId, TaskId},
};

/// An attempt's name, which all its writes carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// The epoch it was leased under.
    pub epoch: Epoch,
}

/// The record of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Execution {
    /// Which.
    pub epoch: Epoch,
    /// Of which round of the task.
    pub round: u32,
    /// On which worker, by name.
    pub worker: String,
    /// In which session, once there was one.
    pub session: Option<SessionId>,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended: `done`, `failed`, `lost`, `cancelled`, `released`, `parked`.
    pub outcome: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

/// One line of a task's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Its position; later lines have larger ones.
    pub seq: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// The attempt it belongs to.
    pub epoch: Epoch,
    /// One line.
    pub text: String,
}

/// Which lines of a log: the latest ones that match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRange {
    /// Only those before this position.
    pub before: Option<u64>,
    /// Only those with this text, case-insensitively.
    pub text: Option<String>,
    /// At most this many.
    pub limit: u32,
}

impl LogRange {
    /// The latest lines.
    pub fn latest(limit: u32) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }
}

/// What an attempt used, as the agent counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Turns of the conversation.
    pub turns: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// An estimate from list prices, in millionths of a dollar.
    pub cost_microdollars: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        let Self {
            turns,
            input_tokens,
            output_tokens,
            cost_microdollars,
        } = other;
        self.turns += turns;
        self.input_tokens += input_tokens;
        self.output_tokens += output_tokens;
        self.cost_microdollars += cost_microdollars;
    }
}
