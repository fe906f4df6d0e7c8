//! Claiming and ending attempts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{
    Failure, Slug, TaskId, assignment::Assignment, attempt::Attempt, queue::QueueDepths,
    task::Report,
};

use crate::error::ApiError;

/// `POST /api/v1/queue/claim`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// At most this many.
    pub slots: u32,
    /// Wait at most this many seconds when there is nothing to do.
    pub wait: f64,
    /// Of these repositories nothing: they are ill on this worker.
    #[serde(default)]
    pub except_repos: Vec<Slug>,
}

/// What was claimed; empty when there was nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Each under a lease of its own.
    pub assignments: Vec<Assignment>,
}

/// `POST /api/v1/queue/complete`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// Which attempt.
    pub attempt: Attempt,
    /// What came of it.
    pub report: Report,
    /// The patch, cut at 256 KiB; empty when nothing changed.
    #[serde(default)]
    pub patch: String,
    /// Claim this many in the same call.
    #[serde(default)]
    pub next: u32,
}

/// `POST /api/v1/queue/completions`: for hosts with many slots. Each attempt is completed or
/// refused alone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completions {
    /// At most a hundred.
    pub completed: Vec<Completed>,
    /// Claim this many in the same call.
    #[serde(default)]
    pub next: u32,
}

/// One of several completed attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completed {
    /// Which attempt.
    pub attempt: Attempt,
    /// What came of it.
    pub report: Report,
    /// The patch, cut at 256 KiB; empty when nothing changed.
    #[serde(default)]
    pub patch: String,
}

/// What came of several completions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CompletionResults {
    /// In order: nothing, or why it was refused.
    pub refused: Vec<Option<ApiError>>,
    /// What was claimed in the same call.
    pub assignments: Vec<Assignment>,
}

/// `POST /api/v1/queue/fail`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// Which attempt.
    pub attempt: Attempt,
    /// Why it ended.
    pub how: AttemptFailure,
}

/// Why an attempt ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum AttemptFailure {
    /// Something went wrong.
    Failed(Failure),
    /// The worker is asked to stop and hands the task back unharmed.
    Released,
    /// The agent ended while it waited for people; its session and worktree are kept.
    Parked,
}

/// Where the task is after an attempt that gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedReply {
    /// Nothing more will happen to the task by itself; its worktree can go.
    pub over: bool,
}

/// `POST /api/v1/queue/enqueue`: puts a task back into its lane.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// Which.
    pub task: TaskId,
}

/// `POST /api/v1/queue/log`: the agent's words for the task's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendLog {
    /// Which attempt.
    pub attempt: Attempt,
    /// One line each.
    pub lines: Vec<String>,
    /// Also tell the thread.
    #[serde(default)]
    pub tell: bool,
    /// They are the agent's own words; the thread sets them apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_agent: bool,
}

/// `GET /api/v1/queue`: how much waits where.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueView {
    /// Nothing is claimed anywhere.
    pub paused: bool,
    /// The depth of each queue.
    pub queues: QueuesView,
}

/// The depth of each queue.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueuesView {
    /// Tasks in the lane `high`.
    pub high_priority: u64,
    /// Tasks in the lane `default`.
    pub default: u64,
    /// Tasks in the lane `low`.
    pub low_priority: u64,
    /// Open questions.
    pub worker_requests: u64,
    /// Answers that are not delivered.
    pub controller_responses: u64,
    /// Dead letters.
    pub dead: u64,
}

impl QueueView {
    /// The queues under their names.
    pub fn of(depths: &QueueDepths) -> Self {
        let [high_priority, default, low_priority] = depths.lanes;
        Self {
            paused: depths.paused,
            queues: QueuesView {
                high_priority,
                default,
                low_priority,
                worker_requests: depths.open_questions,
                controller_responses: depths.undelivered_answers,
                dead: depths.dead,
            },
        }
    }
}
