//! What a worker is handed: an assignment when it claims, messages while it works.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    attempt::Attempt,
    clock::Timestamp,
    ids::SessionId,
    input::{Branch, Prompt, Title},
    note::Note,
    question::Question,
    repo::Repo,
};

/// A claimed task with everything a worker needs to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The lease that every write of this attempt must name.
    pub attempt: Attempt,
    /// How long the lease lasts without a beat, in seconds. The worker trusts it for three quarters
    /// of that.
    pub lease_secs: u64,
    /// What the task is called.
    pub title: Title,
    /// What the agent is asked to do.
    pub prompt: Prompt,
    /// Where.
    pub repo: Repo,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// Who asked for it.
    pub requester: String,
    /// When it was created; with its id this tells it from tasks of other installations.
    pub created: Timestamp,
    /// The session to go back into, when this worker holds one.
    pub resume: Option<SessionId>,
    /// That session may not have heard of this task yet: it did another one before, or was cut off
    /// at its beginning.
    #[serde(default)]
    pub unheard: bool,
    /// What earlier attempts left at the source, for a worker that has nothing of it.
    #[serde(default)]
    pub work: Option<UnfinishedWork>,
    /// Everything that was asked before and of which something came, oldest first; what is
    /// [`Question::untold`] has not reached any agent, an agent without the session needs them all.
    pub answered: Vec<Question>,
}

/// Unfinished work of a task that a worker pushed outside of `refs/heads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnfinishedWork {
    /// The ref: `refs/vine/T-7`.
    pub name: String,
    /// The commit that it was at.
    pub commit: String,
}

/// Something a worker must be told, repeated until it is acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum WorkerMessage {
    /// Something came of a question ([`Question::untold`]); pass it to the agent, then confirm.
    Answer {
        /// The question.
        question: Box<Question>,
    },
    /// A person has words for the agent; pass them on, then confirm.
    Note {
        /// The attempt whose agent is to read it.
        attempt: Attempt,
        /// The words.
        note: Note,
    },
    /// The lease is gone; stop the agent, write nothing more.
    Stop {
        /// The attempt that is over.
        attempt: Attempt,
        /// Why, for the worker's log.
        why: String,
        /// The task itself is over, so its worktree can go.
        over: bool,
    },
    /// A person wants to have what the worker keeps of an attempt at its source; push it, then tell.
    Push {
        /// Which attempt.
        attempt: Attempt,
        /// The commit that the person knows of.
        commit: String,
        /// When the task was created, which tells it from those of other installations.
        created: Timestamp,
        /// Its repository, as it is now.
        repo: Box<Repo>,
    },
}
