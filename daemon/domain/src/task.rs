//! Tasks: what a person asked for, and its current state.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::{Attempt, Usage},
    clock::Timestamp,
    failure::{Failure, FailureKind},
    forge::RequestBrief,
    ids::{Epoch, TaskId, WorkerId},
    input::{Branch, Prompt, Slug, Title},
    invalid::{Invalid, shown},
    lease::Lease,
    model::ModelChoice,
    queue::Lane,
};

/// What a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id, as people use it.
    pub id: TaskId,
    /// One line that names it.
    pub title: Title,
    /// What the agent should do.
    pub prompt: Prompt,
    /// The repository.
    pub repo: Slug,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// Its lane.
    pub lane: Lane,
    /// The model of its agents; what it leaves out is its repository's.
    pub model: ModelChoice,
    /// The requester's name.
    pub requester: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// The number of the latest attempt; 0 before the first.
    pub epoch: Epoch,
    /// Attempts that failed since it was created or last retried by a person.
    pub failures: u32,
    /// Workers that were lost or became unhealthy while running it, latest last, since it was
    /// created or last retried by a person.
    pub losses: Vec<Loss>,
    /// Which round it is in.
    pub round: TaskRound,
    /// The task that must be done before it is queued; it starts from that task's branch.
    pub waits_for: Option<TaskId>,
    /// Its pull request, once a forge has it.
    pub request: Option<RequestBrief>,
    /// Its state.
    pub state: TaskState,
    /// Counts changes; the store refuses a change that is based on an older count.
    pub version: u64,
}

/// The round that a task is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRound {
    /// Its number, from 1.
    pub number: u32,
    /// The key of the request that began it; the first has none.
    pub key: Option<Uuid>,
}

impl Default for TaskRound {
    fn default() -> Self {
        Self {
            number: 1,
            key: None,
        }
    }
}

impl TaskRound {
    /// Whether this is a later round.
    pub fn is_later(self) -> bool {
        self.number > 1
    }
}

/// The state of a task. Each state holds exactly the data that applies to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskState {
    /// It has a work order and waits for a slot.
    Queued {
        /// It can start no earlier than this.
        due: Timestamp,
        /// Whether it was answered while parked, so that it goes ahead of new work.
        resumes: bool,
    },
    /// An agent is working on it.
    Running {
        /// The worker's right to do so.
        lease: Lease,
    },
    /// At least one of its questions is open.
    Waiting {
        /// Held while the agent runs; `None` while parked.
        lease: Option<Lease>,
    },
    /// Finished.
    Done {
        /// The result.
        report: Report,
    },
    /// It failed for good; `queue dead` lists it until it is replayed or discarded.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// Whether it is no longer listed as a dead letter.
        discarded: bool,
    },
    /// Cancelled.
    Cancelled {
        /// By whom.
        by: String,
    },
}

/// A worker that was lost or became unhealthy while it ran a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredLoss")]
pub struct Loss {
    /// When.
    pub at: Timestamp,
    /// Which worker.
    pub by: Option<WorkerId>,
    /// Why it became unhealthy; `None` if contact was lost.
    pub of: Option<FailureKind>,
    /// Whether it was healthy before the agent began.
    pub during: bool,
}

/// The stored form; older rows hold only the time.
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

/// The result of a finished attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// The agent's final message.
    pub summary: String,
    /// What it wanted to do but was not allowed to, one line each.
    #[serde(default)]
    pub denied: Vec<String>,
    /// The commit that holds the work; `None` when nothing changed.
    pub commit: Option<String>,
    /// The branch that holds it; a different one if the requested branch was taken meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
    /// `git diff --stat` from the base; empty when nothing changed.
    pub diffstat: String,
    /// What it cost.
    pub usage: Usage,
}

impl TaskState {
    /// What a round ended with, in words; empty while it has not ended.
    pub(crate) fn ended_with(&self) -> String {
        match self {
            Self::Done { report } if report.summary.is_empty() => "It was done.".into(),
            Self::Done { report } => report.summary.clone(),
            Self::Failed { failure, .. } => format!("It failed: {}", failure.what),
            Self::Cancelled { by } => format!("It was cancelled by {by}."),
            Self::Queued { .. } | Self::Running { .. } | Self::Waiting { .. } => String::new(),
        }
    }

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

    /// Checks that a text is one of [`TaskState::WORDS`].
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
    /// The current or latest attempt.
    pub fn attempt(&self) -> Attempt {
        Attempt {
            task: self.id,
            epoch: self.epoch,
        }
    }

    /// The lease of the current attempt, while there is one.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.state {
            TaskState::Running { lease } | TaskState::Waiting { lease: Some(lease) } => Some(lease),
            _ => None,
        }
    }

    /// The branch at the source that holds what it did, or the one that it started from if it changed
    /// nothing; `None` if it is not done, or its work is not pushed.
    pub fn left_on(&self) -> Option<Branch> {
        match &self.state {
            TaskState::Done { report } if report.commit.is_some() => report.branch.clone(),
            TaskState::Done { .. } => Some(self.base.clone()),
            _ => None,
        }
    }

    /// Whether nothing more will happen unless a person acts.
    pub fn is_over(&self) -> bool {
        matches!(
            self.state,
            TaskState::Done { .. } | TaskState::Failed { .. } | TaskState::Cancelled { .. }
        )
    }
}
