//! Workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{
    Epoch, QuestionId, SessionId, Slug, TaskId, Timestamp, Wall, Worker, WorkerId, WorkerIsolation,
    WorkerState,
    assignment::WorkerMessage,
    attempt::{Attempt, Usage},
    token::Token,
};

/// `POST /api/v1/workers`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The one-time code.
    pub code: Token,
    /// What people will call it.
    pub name: String,
    /// How many agents at once.
    #[schema(minimum = 1, maximum = 1000)]
    pub slots: u32,
    /// Program and version.
    pub version: String,
}

/// The new worker's identity and secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// Identity.
    pub id: WorkerId,
    /// Secret, shown once.
    pub token: Token,
}

/// `POST /api/v1/workers/{id}/heartbeat`: renews leases, then waits for something to tell the
/// worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Made at each start of the worker's process; another one means that its agents are gone.
    pub boot: Uuid,
    /// How many agents at once.
    pub slots: u32,
    /// What the worker believes to hold.
    pub leases: Vec<Attempt>,
    /// Answers that it is passing on right now; they are not sent again.
    pub handling: Vec<QuestionId>,
    /// Notes that it is passing on right now, by their keys; they are not sent again.
    #[serde(default)]
    pub noting: Vec<Uuid>,
    /// Attempts whose work it is pushing right now; it is not told again.
    #[serde(default)]
    pub pushing: Vec<Attempt>,
    /// What keeps it from working.
    pub trouble: Option<String>,
    /// Repositories of which it takes no tasks now.
    #[serde(default)]
    pub paused_repos: Vec<PausedRepo>,
    /// What its worktrees take on its disk.
    #[serde(default)]
    pub worktree_bytes: u64,
    /// What stands around its agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<WorkerIsolation>,
    /// Wait at most this many seconds when there is nothing to tell.
    pub wait: f64,
}

/// A repository that is ill on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PausedRepo {
    /// Which.
    pub repo: Slug,
    /// Why, for people.
    pub why: String,
}

/// What the worker is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatReply {
    /// Acted upon by the worker, repeated until it is.
    pub messages: Vec<WorkerMessage>,
}

/// `POST /api/v1/workers/{id}/orphans`: tasks whose worktrees a worker found; the reply holds those
/// that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Orphans {
    /// Each with when it was created, which tells it from tasks of other installations.
    pub tasks: Vec<(TaskId, Timestamp)>,
    /// Sessions whose homes lie there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
}

/// `POST /api/v1/workers/{id}/kept`: what a worker keeps of an attempt that did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportKeptWork {
    /// Of which task.
    pub task: TaskId,
    /// When that was created, which tells it from tasks of other installations.
    pub created_at: Timestamp,
    /// Of which attempt.
    pub epoch: Epoch,
    /// The commit that holds it; `None` when there is nothing of it.
    pub commit: Option<String>,
    /// The ref at the source that it was pushed to.
    pub name: Option<String>,
    /// What looks like a secret in it, for which it is held back.
    #[serde(default)]
    pub held: Vec<String>,
    /// What else people should know.
    pub notes: Vec<String>,
}

/// `POST /api/v1/workers/{id}/spent`: what an attempt of the worker cost so far, however it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportUsage {
    /// Which attempt.
    pub attempt: Attempt,
    /// All of it, not what came since the last time.
    pub usage: Usage,
}

/// `POST /api/v1/workers/{id}/refused`: hosts that an agent was not let out to.
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
    /// Its identity, as paths and tasks name it.
    pub id: WorkerId,
    /// What people call it.
    pub name: String,
    /// What it is doing.
    pub state: WorkerState,
    /// How many agents it runs at once.
    pub slots: u32,
    /// Attempts that run.
    pub running: usize,
    /// Attempts that wait for people.
    pub waiting: usize,
    /// Takes no new work.
    pub draining: bool,
    /// Program and version.
    pub version: String,
    /// What keeps it from working at all.
    pub trouble: Option<String>,
    /// Repositories of which it takes no tasks now.
    pub paused_repos: Vec<PausedRepo>,
    /// When it last called.
    pub last_seen_at: Timestamp,
    /// Since when it is offline, if it said goodbye or lost its leases.
    pub gone_at: Option<Timestamp>,
    /// The most agents that an administrator lets it run at once.
    pub max_slots: Option<u32>,
    /// The only repositories whose tasks it gets.
    pub only_repos: Option<Vec<Slug>>,
    /// The wall around its agents; none until it reported one.
    pub wall: Option<Wall>,
    /// Why no better wall is possible, and what to do about it.
    pub wall_reason: Option<String>,
    /// Its agents can read the login of the model's account.
    pub login_readable: bool,
}

/// `GET /api/v1/workers`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerList {
    /// By name.
    pub items: Vec<WorkerView>,
}

impl WorkerView {
    /// A worker, with how many of its leases run and how many wait.
    pub fn of((worker, running, waiting): &(Worker, usize, usize), now: Timestamp) -> Self {
        let isolation = worker.standing.as_ref();
        let paused = worker.without.iter().cloned();
        Self {
            id: worker.id,
            name: worker.name.clone(),
            state: worker.state(*running, *waiting, now),
            slots: worker.slots,
            running: *running,
            waiting: *waiting,
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
