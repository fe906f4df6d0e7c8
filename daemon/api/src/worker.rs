//! Workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{
    Epoch, Progress, QuestionId, SessionId, Slug, TaskId, Timestamp, Wall, WorkerId,
    WorkerIsolation, WorkerLoad, WorkerState,
    assignment::WorkerMessage,
    attempt::{Attempt, Usage},
    token::Token,
};

/// `POST /api/v1/workers`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The enrolment code.
    pub code: Token,
    /// Its name.
    pub name: String,
    /// How many agents it can run at once.
    #[schema(minimum = 1, maximum = 1000)]
    pub slots: u32,
    /// The program's name and version.
    pub version: String,
}

/// The new worker's id and token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// Its id.
    pub id: WorkerId,
    /// Its token, shown only once.
    pub token: Token,
}

/// `POST /api/v1/workers/{id}/heartbeat`: renews leases, then waits for worker messages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Created at each start of the worker's process; a new one means that its agents are gone.
    pub boot: Uuid,
    /// How many agents it can run at once.
    pub slots: u32,
    /// The attempts that the worker believes it holds.
    pub leases: Vec<Attempt>,
    /// Questions whose answers it is delivering right now; those are not sent again.
    pub handling: Vec<QuestionId>,
    /// Keys of the notes that it is delivering right now; those are not sent again.
    #[serde(default)]
    pub noting: Vec<Uuid>,
    /// Attempts whose work it is pushing right now; it is not told to push them again.
    #[serde(default)]
    pub pushing: Vec<Attempt>,
    /// Why it cannot work; empty if it can.
    pub trouble: Option<String>,
    /// Repositories whose tasks it does not take at the moment.
    #[serde(default)]
    pub paused_repos: Vec<PausedRepo>,
    /// Disk space that its worktrees use, in bytes.
    #[serde(default)]
    pub worktree_bytes: u64,
    /// The wall around its agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<WorkerIsolation>,
    /// Wait at most this many seconds if there are no messages.
    pub wait: f64,
}

/// A repository that is failing on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PausedRepo {
    /// Which repository.
    pub repo: Slug,
    /// The reason, for people.
    pub why: String,
}

/// Messages for the worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatReply {
    /// Each is sent again until the worker has confirmed it.
    pub messages: Vec<WorkerMessage>,
}

/// `POST /api/v1/workers/{id}/orphans`: tasks and sessions whose files a worker found; the reply
/// lists those that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Orphans {
    /// Each with its creation time, which distinguishes it from tasks of other installations.
    pub tasks: Vec<(TaskId, Timestamp)>,
    /// Sessions whose home folders the worker found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
}

/// `POST /api/v1/workers/{id}/kept`: the unfinished work that a worker keeps of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportKeptWork {
    /// Which task.
    pub task: TaskId,
    /// The task's creation time, which distinguishes it from tasks of other installations.
    pub created_at: Timestamp,
    /// The number of the attempt.
    pub epoch: Epoch,
    /// The commit that holds the work; `null` if there is none.
    pub commit: Option<String>,
    /// The ref in the repository that it was pushed to.
    pub name: Option<String>,
    /// What looks like a secret in it; the work is held back because of it.
    #[serde(default)]
    pub held: Vec<String>,
    /// What else people should know.
    pub notes: Vec<String>,
}

/// `POST /api/v1/workers/{id}/spent`: the usage of an attempt so far, however it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportUsage {
    /// Which attempt.
    pub attempt: Attempt,
    /// The total, not the difference from the previous report.
    pub usage: Usage,
    /// What the agent is at, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// `POST /api/v1/workers/{id}/refused`: hosts that an agent was not allowed to reach.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedHosts {
    /// Which attempt.
    pub attempt: Attempt,
    /// As the agent named them, in punycode.
    pub hosts: Vec<String>,
}

/// A worker.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerView {
    /// Its id.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: WorkerState,
    /// How many agents it can run at once.
    pub slots: u32,
    /// How many of its attempts are running.
    pub running: usize,
    /// How many of its attempts are waiting for people.
    pub waiting: usize,
    /// It takes no new work.
    pub draining: bool,
    /// The program's name and version.
    pub version: String,
    /// Why it cannot work; empty if it can.
    pub trouble: Option<String>,
    /// Repositories whose tasks it does not take at the moment.
    pub paused_repos: Vec<PausedRepo>,
    /// When it last called.
    pub last_seen_at: Timestamp,
    /// When it went offline, if it signed off or lost its leases.
    pub gone_at: Option<Timestamp>,
    /// The maximum number of agents at once that an administrator set.
    pub max_slots: Option<u32>,
    /// The only repositories whose tasks it receives.
    pub only_repos: Option<Vec<Slug>>,
    /// The wall around its agents; `null` until it has reported one.
    pub wall: Option<Wall>,
    /// Why a stronger wall is not possible, and what to do about it.
    pub wall_reason: Option<String>,
    /// Its agents can read the login of the model account.
    pub login_readable: bool,
}

/// `GET /api/v1/workers`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerList {
    /// Sorted by name.
    pub items: Vec<WorkerView>,
}

impl WorkerView {
    /// The view of a worker.
    pub fn of(load: &WorkerLoad, now: Timestamp) -> Self {
        let worker = &load.worker;
        let isolation = worker.standing.as_ref();
        let paused = worker.without.iter().cloned();
        Self {
            id: worker.id,
            name: worker.name.clone(),
            state: load.state(now),
            slots: worker.slots,
            running: load.running,
            waiting: load.waiting,
            draining: worker.draining,
            version: worker.version.clone(),
            trouble: worker.trouble.clone(),
            paused_repos: paused.map(|(repo, why)| PausedRepo { repo, why }).collect(),
            last_seen_at: worker.seen,
            gone_at: worker.gone,
            max_slots: worker.limits.slots,
            only_repos: worker.limits.repos.clone(),
            wall: isolation.map(|isolation| isolation.wall),
            wall_reason: isolation
                .map(|isolation| isolation.why.clone())
                .filter(|why| !why.is_empty()),
            login_readable: isolation.is_some_and(|isolation| isolation.login),
        }
    }
}
