//! Tasks: what a person asked for, and where it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    attempt::{Attempt, Usage},
    clock::Timestamp,
    failure::{Failure, FailureKind},
    ids::{Epoch, TaskId, WorkerId},
    input::{Branch, Prompt, Slug, Title},
    invalid::{Invalid, shown},
    lease::Lease,
    queue::Lane,
};

/// What a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What people call it.
    pub id: TaskId,
    /// One line.
    pub title: Title,
    /// What the agent is asked to do.
    pub prompt: Prompt,
    /// Where.
    pub repo: Slug,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// How urgent.
    pub lane: Lane,
    /// The name of the person who asked.
    pub requester: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// The latest attempt; 0 before the first.
    pub epoch: Epoch,
    /// Attempts that failed since it was created or last retried by a person.
    pub failures: u32,
    /// What happened to places under it, latest last, since it was created or last retried.
    pub losses: Vec<Loss>,
    /// Where it is.
    pub state: TaskState,
    /// Counts changes; the store refuses a change that was decided on an older count.
    pub version: u64,
}

/// Where a task is. Each state owns exactly what is true in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskState {
    /// Has a work order and waits for a slot.
    Queued {
        /// Not before this moment.
        due: Timestamp,
        /// It was answered while parked and goes ahead of new work.
        resumes: bool,
    },
    /// An agent works on it.
    Running {
        /// The right to do so.
        lease: Lease,
    },
    /// At least one of its questions is open.
    Waiting {
        /// Held while the agent is alive; `None` when parked.
        lease: Option<Lease>,
    },
    /// Finished.
    Done {
        /// What came of it.
        report: Report,
    },
    /// Set aside after a failure; listed by `queue dead` until replayed or discarded.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// No longer listed as dead.
        discarded: bool,
    },
    /// Called off.
    Cancelled {
        /// By whom.
        by: String,
    },
}

/// A place was lost or fell ill while it ran a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredLoss")]
pub struct Loss {
    /// When.
    pub at: Timestamp,
    /// Which worker.
    pub by: Option<WorkerId>,
    /// Of what it fell ill; `None` when it was lost without a word.
    pub of: Option<FailureKind>,
    /// It was well before the agent began.
    pub during: bool,
}

/// As it is stored; before places could fall ill it was the moment alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredLoss {
    At(Timestamp),
    Of {
        at: Timestamp,
        by: Option<WorkerId>,
        of: Option<FailureKind>,
        during: bool,
    },
}

impl From<StoredLoss> for Loss {
    fn from(stored: StoredLoss) -> Self {
        match stored {
            StoredLoss::At(at) => Self {
                at,
                by: None,
                of: None,
                during: false,
            },
            StoredLoss::Of { at, by, of, during } => Self { at, by, of, during },
        }
    }
}

/// What came of a finished attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// The agent's last words.
    pub summary: String,
    /// What it wanted to do and was not allowed to, a line each.
    #[serde(default)]
    pub denied: Vec<String>,
    /// The commit that holds the work; `None` when nothing changed.
    pub commit: Option<String>,
    /// The branch that holds it; not the wanted one when that was taken meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
    /// `git diff --stat` from the base; empty when nothing changed.
    pub diffstat: String,
    /// What it cost.
    pub usage: Usage,
}

impl TaskState {
    /// The word for this state in the store, in listings and on the page.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Waiting { .. } => "waiting",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// All words that [`TaskState::as_str`] can give.
    pub const WORDS: [&'static str; 6] = [
        "queued",
        "running",
        "waiting",
        "done",
        "failed",
        "cancelled",
    ];

    /// One of [`TaskState::WORDS`], or what is wrong with it.
    pub fn word(text: &str) -> Result<String, Invalid> {
        let is_none = || {
            Invalid::new(
                "state",
                format!("`{}`", shown(text)),
                format!("use one of {}", Self::WORDS.join(", ")),
            )
        };
        Self::WORDS
            .contains(&text)
            .then(|| text.to_owned())
            .ok_or_else(is_none)
    }
}

impl Task {
    /// The attempt under way.
    pub fn attempt(&self) -> Attempt {
        Attempt {
            task: self.id,
            epoch: self.epoch,
        }
    }

    /// The lease, while an attempt is under way.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.state {
            TaskState::Running { lease } | TaskState::Waiting { lease: Some(lease) } => Some(lease),
            _ => None,
        }
    }

    /// Nothing more will happen to it by itself.
    pub fn is_over(&self) -> bool {
        matches!(
            self.state,
            TaskState::Done { .. } | TaskState::Failed { .. } | TaskState::Cancelled { .. }
        )
    }
}
