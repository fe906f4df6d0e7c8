//! Sessions: the agent's memory of a task, and where it is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{SessionId, TaskId, WorkerId},
};

/// An agent's session, with everything needed to resume it.
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
    /// The agent and version that wrote it: `claude 2.1.330`.
    pub agent: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// When it began.
    pub started: Timestamp,
    /// When the worker last reported activity.
    pub active: Timestamp,
    /// How much of the model's context it fills, in percent; `None` until the agent reports it.
    pub context: Option<u8>,
    /// Whether an operator asked to keep it; then no policy ends it.
    pub kept: bool,
    /// How many further tasks started in it.
    pub reused: u32,
}

impl Session {
    /// Whether its files are not needed any more: its task cannot continue in it.
    pub fn is_over(&self, policy: &SessionPolicy, now: Timestamp) -> bool {
        match &self.state {
            SessionState::Active | SessionState::Warm => false,
            SessionState::Ended { at, reason } => {
                !CONTINUABLE.contains(&reason.as_str()) || now.since(*at) >= policy.rest
            }
        }
    }

    /// When the policy ends it unless it is used before; `None` while its task is open, if someone
    /// asked to keep it, and once it has ended.
    pub fn ends(&self, policy: &SessionPolicy) -> Option<Timestamp> {
        let by_itself = self.state == SessionState::Warm && !self.kept;
        by_itself.then(|| {
            self.active
                .plus(policy.max_idle)
                .min(self.started.plus(policy.max_age))
        })
    }
}

/// Which sessions are kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Whether a session may be used for further tasks of the same repository and base branch.
    pub reuse: bool,
    /// Sessions are not reused when older than this: their memory of the repository becomes stale.
    pub max_age: Duration,
    /// Sessions are not reused when unused for this long.
    pub max_idle: Duration,
    /// Sessions are not reused when they fill more of the model's context than this, in percent.
    pub max_context: u8,
    /// How long an answered task is reserved for the worker that holds its session.
    pub affinity: Duration,
    /// How long the session of a task that is over is kept, in case the task continues.
    pub rest: Duration,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            reuse: true,
            max_age: minutes(60),
            max_idle: minutes(30),
            max_context: 60,
            affinity: minutes(10),
            rest: minutes(14 * 24 * 60),
        }
    }
}

/// Where a session is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SessionState {
    /// Its task is running or waits for a person.
    Active,
    /// Its task is done, and the next similar task may start in it.
    Warm,
    /// It has ended; its files may be gone.
    Ended {
        /// When.
        at: Timestamp,
        /// Why: one of [`ENDINGS`].
        reason: String,
    },
}

impl SessionState {
    /// The word for this state in the store and in listings.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Warm => "warm",
            Self::Ended { .. } => "ended",
        }
    }
}

/// Endings after which the session's own task can continue in it.
pub const CONTINUABLE: [&str; 5] = ["completed", "failed", "cancelled", "idle", "age"];

/// Why sessions end: their task is over (three words), a person ended them, their worker is gone,
/// they were unused, too old, or too full.
pub const ENDINGS: [&str; 8] = [
    "completed",
    "failed",
    "cancelled",
    "command",
    "lost",
    "idle",
    "age",
    "context",
];

/// Statistics of all sessions so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// With a task.
    pub active: u64,
    /// Kept for the next one.
    pub warm: u64,
    /// Ended, by reason: one of [`crate::session::ENDINGS`].
    pub ended: Vec<(String, u64)>,
    /// The total lifetime of the ended ones.
    pub lived: Duration,
    /// Tasks that started in a session of an earlier one.
    pub reused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Ids, System};

    #[test]
    fn a_warm_session_ends_when_it_is_unused_or_old_whichever_comes_first_and_no_other_ends_by_itself()
     {
        let minutes = |count: i64| Timestamp(count * 60_000);
        let session = |state: SessionState, kept: bool, active: i64| Session {
            id: SessionId(System.uuid()),
            task: TaskId(1),
            worker: WorkerId(System.uuid()),
            worktree: "/w".into(),
            agent: "claude 1".into(),
            state,
            started: minutes(0),
            active: minutes(active),
            context: None,
            kept,
            reused: 0,
        };
        let policy = SessionPolicy::default();
        assert_eq!(
            session(SessionState::Warm, false, 10).ends(&policy),
            Some(minutes(40)),
            "unused for half an hour"
        );
        assert_eq!(
            session(SessionState::Warm, false, 50).ends(&policy),
            Some(minutes(60)),
            "an hour old"
        );
        assert_eq!(session(SessionState::Warm, true, 10).ends(&policy), None);
        assert_eq!(session(SessionState::Active, false, 10).ends(&policy), None);
        let ended = SessionState::Ended {
            at: minutes(20),
            reason: "idle".into(),
        };
        assert_eq!(session(ended, false, 10).ends(&policy), None);
    }
}
