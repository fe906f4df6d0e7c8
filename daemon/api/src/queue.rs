//! Claiming and ending attempts.

use base64::{Engine as _, prelude::BASE64_STANDARD};
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
    /// Claim at most this many tasks.
    pub slots: u32,
    /// Wait at most this many seconds if there is nothing to claim.
    pub wait: f64,
    /// Claim no tasks of these repositories: they are failing on this worker.
    #[serde(default)]
    pub except_repos: Vec<Slug>,
}

/// The claimed tasks; empty if there were none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Each has its own lease.
    pub assignments: Vec<Assignment>,
}

/// `POST /api/v1/queue/complete`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// Which attempt.
    pub attempt: Attempt,
    /// The result.
    pub report: Report,
    /// The patch, cut off at 256 KiB; empty if nothing changed.
    #[serde(default)]
    pub patch: String,
    /// Claim this many tasks in the same call.
    #[serde(default)]
    pub next: u32,
}

/// `POST /api/v1/queue/completions`: for hosts with many slots. Each attempt is accepted or
/// refused individually.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completions {
    /// At most 100.
    pub completed: Vec<Completed>,
    /// Claim this many tasks in the same call.
    #[serde(default)]
    pub next: u32,
}

/// One of several completed attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completed {
    /// Which attempt.
    pub attempt: Attempt,
    /// The result.
    pub report: Report,
    /// The patch, cut off at 256 KiB; empty if nothing changed.
    #[serde(default)]
    pub patch: String,
}

/// The result of several completions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CompletionResults {
    /// One entry for each attempt, in order: `null`, or the error that refused it.
    pub refused: Vec<Option<ApiError>>,
    /// The tasks that were claimed in the same call.
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
    /// The worker is stopping and returns the task to its lane; this is not a failure.
    Released,
    /// The agent ended while it waited for people; its session and worktree are kept.
    Parked,
}

/// The state of the task after an attempt ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedReply {
    /// Nothing more happens to the task without a person; its worktree can be removed.
    pub over: bool,
}

/// `POST /api/v1/queue/enqueue`: puts a task back into its lane.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// Which task.
    pub task: TaskId,
}

/// `POST /api/v1/queue/log`: adds the agent's output to the task's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendLog {
    /// Which attempt.
    pub attempt: Attempt,
    /// One line per item.
    pub lines: Vec<String>,
    /// Also post the lines in the thread.
    #[serde(default)]
    pub tell: bool,
    /// The lines are the agent's own words; the thread quotes them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_agent: bool,
}

/// `POST /api/v1/queue/show`: shows a file in the task's thread. The same file under the same name is shown once in
/// a round.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowFile {
    /// Which attempt.
    pub attempt: Attempt,
    /// The file's name.
    pub name: String,
    /// Its content.
    pub content: Base64,
}

/// `GET /api/v1/queue/files/{hash}`: a file that a person sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileView {
    /// Its content.
    pub content: Base64,
}

/// Bytes, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String)]
#[serde(try_from = "String", into = "String")]
pub struct Base64(pub Vec<u8>);

impl From<Base64> for String {
    fn from(bytes: Base64) -> Self {
        BASE64_STANDARD.encode(bytes.0)
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

/// `GET /api/v1/queue/status`: how many items each queue holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueView {
    /// No worker can claim tasks.
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
    /// Answers that were not delivered yet.
    pub controller_responses: u64,
    /// Dead letters.
    pub dead: u64,
}

impl QueueView {
    /// The view of these depths.
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
