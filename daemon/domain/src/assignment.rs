//! What a worker receives: an assignment when it claims, messages while it works.

use serde::{Deserialize, Serialize};

use crate::{
    attempt::Attempt,
    clock::Timestamp,
    ids::SessionId,
    input::{Branch, Prompt, Title},
    model::ModelChoice,
    note::Note,
    question::Question,
    repo::Repo,
    round::Round,
};

/// A claimed task with everything a worker needs to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Assignment {
    /// The lease that every write of this attempt must name.
    pub attempt: Attempt,
    /// How long the lease lasts without a heartbeat, in seconds. The worker relies on it for three
    /// quarters of that.
    pub lease_secs: u64,
    /// The task's title.
    pub title: Title,
    /// What the agent should do.
    pub prompt: Prompt,
    /// The repository.
    pub repo: Repo,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// The model that its agent uses.
    #[serde(default)]
    pub model: ModelChoice,
    /// The requester's name.
    pub requester: String,
    /// When the task was created; with its id, this distinguishes it from tasks of other
    /// installations.
    pub created_at: Timestamp,
    /// The session to resume, if this worker holds one.
    pub resume: Option<SessionId>,
    /// Whether that session may not know what is to be done: it did another task before, the task went
    /// on since, or it was interrupted at its start.
    #[serde(default)]
    pub unheard: bool,
    /// Whether to start in a copy of that session, which another task continues in.
    #[serde(default)]
    pub fork: bool,
    /// What earlier attempts left at the source, for a worker that does not have it.
    #[serde(default)]
    pub unfinished_work: Option<UnfinishedWork>,
    /// What people asked for after the task was first over, oldest first; the last of them is what is
    /// to be done now.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// All earlier questions that have an outcome, oldest first. Those that are
    /// [`Question::untold`] have reached no agent; an agent without the session needs all of them.
    pub answered: Vec<Question>,
}

impl Assignment {
    /// Whether an earlier round left something on the branch.
    pub fn changed_before(&self) -> bool {
        self.rounds.last().is_some_and(|round| round.tip.is_some())
    }
}

/// Unfinished work of a task that a worker pushed outside `refs/heads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnfinishedWork {
    /// The ref: `refs/vine/T-7`.
    pub name: String,
    /// The commit that it pointed to.
    pub commit: String,
}

/// Something a worker must be told; sent again until the worker has acted on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum WorkerMessage {
    /// A question has an outcome ([`Question::untold`]); pass it to the agent, then confirm.
    Answer {
        /// The question.
        question: Box<Question>,
    },
    /// A person sent a note to the agent; pass it on, then confirm.
    Note {
        /// The attempt whose agent is to read it.
        attempt: Attempt,
        /// The note.
        note: Note,
    },
    /// The lease is gone; stop the agent and write nothing more.
    Stop {
        /// The attempt that is over.
        attempt: Attempt,
        /// Why, for the worker's log.
        why: String,
        /// Whether the task itself is over, so its worktree can be removed.
        over: bool,
    },
    /// A person wants the work that the worker keeps of an attempt to be pushed to its source; push
    /// it, then report.
    Push {
        /// Which attempt.
        attempt: Attempt,
        /// The commit that the person knows.
        commit: String,
        /// When the task was created; this distinguishes it from tasks of other installations.
        created_at: Timestamp,
        /// Its current repository settings.
        repo: Box<Repo>,
    },
}
