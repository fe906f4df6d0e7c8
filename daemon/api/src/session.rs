//! Sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{
    Session, SessionId, SessionState, TaskId, Timestamp, WorkerId, attempt::Attempt,
};

use crate::question::GrantView;

/// `POST /api/v1/sessions`: maps a session to its task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSession {
    /// Which session.
    pub id: SessionId,
    /// Which attempt.
    pub attempt: Attempt,
    /// Its folder on the worker's machine.
    pub worktree: String,
    /// Agent and version.
    pub agent: String,
}

/// `POST /api/v1/sessions/{id}/heartbeat`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionHeartbeat {
    /// Which attempt.
    pub attempt: Attempt,
    /// How full the model's context is, in percent.
    pub context: Option<u8>,
}

/// A session.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// `active`, `warm` or `ended`.
    pub state: &'static str,
    /// The task it is bound to.
    pub task: TaskId,
    /// The worker that holds its files.
    pub worker: WorkerId,
    /// Its folder on that worker's machine.
    pub worktree: String,
    /// Agent and version.
    pub agent: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When its agent was last active.
    pub last_active_at: Timestamp,
    /// Seconds since it started.
    pub age_seconds: u64,
    /// Seconds since its agent was last active.
    pub idle_seconds: u64,
    /// How full the model's context is, in percent.
    pub context_percent: Option<u8>,
    /// A person pinned it, so no policy ends it.
    pub pinned: bool,
    /// How many more tasks were started in it.
    pub reused: u32,
    /// Ended: when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_at: Option<Timestamp>,
    /// Ended: the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Permissions that were granted for it; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub granted: Option<Vec<GrantView>>,
}

/// `GET /api/v1/sessions`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionList {
    /// Latest first.
    pub items: Vec<SessionView>,
}

impl SessionView {
    /// The view of a session.
    pub fn of(session: &Session, now: Timestamp) -> Self {
        let (ended_at, reason) = match &session.state {
            SessionState::Active | SessionState::Warm => (None, None),
            SessionState::Ended { at, reason } => (Some(*at), Some(reason.clone())),
        };
        Self {
            id: session.id,
            state: session.state.as_str(),
            task: session.task,
            worker: session.worker,
            worktree: session.worktree.clone(),
            agent: session.agent.clone(),
            started_at: session.started,
            last_active_at: session.active,
            age_seconds: now.since(session.started).as_secs(),
            idle_seconds: now.since(session.active).as_secs(),
            context_percent: session.context,
            pinned: session.kept,
            reused: session.reused,
            ended_at,
            reason,
            granted: None,
        }
    }
}
