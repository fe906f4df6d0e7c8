//! Sessions: the agent's memory of a task, and where it lives.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{SessionId, TaskId, WorkerId},
};

/// An agent's session with everything needed to go back into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// For Claude Code the id that `--resume` takes.
    pub id: SessionId,
    /// The task it is bound to.
    pub task: TaskId,
    /// The worker that holds its files; no other machine can resume it.
    pub worker: WorkerId,
    /// The worktree, a path on that worker's machine.
    pub worktree: String,
    /// Which agent and version wrote it: `claude 2.1.330`.
    pub agent: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// When it began.
    pub started: Timestamp,
    /// When the worker last reported activity.
    pub active: Timestamp,
    /// How much of the model's context it fills, in percent; `None` until the agent said so.
    pub context: Option<u8>,
    /// An operator asked to keep it; no policy ends it.
    pub kept: bool,
}

/// Where a session is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SessionState {
    /// Its task is under way or waits for a person.
    Active,
    /// Over; its files may be gone.
    Ended {
        /// When.
        at: Timestamp,
        /// Why, in one of the words of `sessions ended by reason`: `completed`, `failed`, `cancelled`, `command`, `lost`.
        reason: String,
    },
}
