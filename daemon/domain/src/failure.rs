//! What can go wrong with an attempt, and what happens then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::TaskId};

/// The kinds of failure that are handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent's process died.
    AgentCrashed,
    /// The agent ended without reporting that it finished.
    StoppedEarly,
    /// The agent produced no output for too long while no question was open.
    AgentHung,
    /// The agent's program is missing or does not start.
    AgentMissing,
    /// The worker's disk is full.
    DiskFull,
    /// The model's service has no capacity or cannot be reached.
    Overloaded,
    /// The account's usage limit is reached until a known or guessed time.
    UsageLimit,
    /// The model's service refuses the credentials, or the account cannot pay.
    BadCredentials,
    /// The conversation no longer fits into the model's context.
    ContextTooLong,
    /// The model's service refused the request for another reason.
    ApiRefused,
    /// There is no repository at its source.
    RepositoryMissing,
    /// The remote of the repository does not respond, or refuses the login.
    RemoteAway,
    /// The worker has no wall that is good enough for the repository.
    WallMissing,
    /// The base branch does not exist.
    BaseMissing,
    /// The work branch is checked out elsewhere or belongs to other work.
    BranchTaken,
    /// Git failed in another way.
    Git,
    /// Workers were repeatedly lost while running this task.
    WorkersLost,
    /// Healthy workers or repositories repeatedly became unhealthy while running this task.
    MakesIll,
}

/// Where the fault lies. Only a task's own failures count against it; whatever else is unhealthy
/// pauses itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureOwner {
    /// The task: its prompt, its agent's work, its branches.
    Task,
    /// The whole worker: its agent, its credentials, its disk.
    Worker,
    /// The repository on this worker: its checkout, or its connection to the remote.
    Repository,
    /// The account that the agents use.
    Account,
    /// The model's service.
    Service,
}

impl FailureKind {
    /// Where the fault lies.
    pub fn owner(self) -> FailureOwner {
        match self {
            Self::AgentMissing | Self::DiskFull | Self::BadCredentials => FailureOwner::Worker,
            Self::RepositoryMissing | Self::RemoteAway | Self::WallMissing => {
                FailureOwner::Repository
            }
            Self::UsageLimit => FailureOwner::Account,
            Self::Overloaded => FailureOwner::Service,
            Self::AgentCrashed
            | Self::StoppedEarly
            | Self::AgentHung
            | Self::ContextTooLong
            | Self::ApiRefused
            | Self::BaseMissing
            | Self::BranchTaken
            | Self::Git
            | Self::WorkersLost
            | Self::MakesIll => FailureOwner::Task,
        }
    }
}

/// A failure, described so that a person can act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What happened, to what, in one or two sentences.
    pub what: String,
    /// When a retry makes sense, if the cause gave a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The worker was healthy before the agent began, so the task may have made it unhealthy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub during: bool,
}

/// How a failure is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Retry after a growing pause; give up after [`ATTEMPTS`].
    Backoff,
    /// Hand the task back without counting a failure: it starts again on a healthy worker, no
    /// earlier than this.
    HandBack(Timestamp),
    /// A retry would fail the same way.
    GiveUp,
}

/// After this many failed attempts a task becomes a dead letter.
pub const ATTEMPTS: u32 = 3;
/// After this many attempts lost with their workers within [`LOSS_WINDOW`], a task becomes a dead
/// letter.
pub const LOSSES: usize = 3;
/// After this many workers or repositories became unhealthy under a task within [`LOSS_WINDOW`], it
/// becomes a dead letter.
pub const ILLNESSES: usize = 2;
/// See [`LOSSES`].
pub const LOSS_WINDOW: Duration = Duration::from_secs(72 * 3600);

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

impl Failure {
    /// A failure of `kind`; `what` describes what happened, and to what.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            retry_at: None,
            during: false,
        }
    }

    /// How to handle this failure at `now`.
    pub fn remedy(&self, now: Timestamp) -> Remedy {
        use FailureKind as K;
        match (self.kind.owner(), self.kind) {
            // The next worker would use the same service.
            (FailureOwner::Service, _) => Remedy::HandBack(now.plus(FIRST_PAUSE)),
            (FailureOwner::Worker | FailureOwner::Repository | FailureOwner::Account, _) => {
                Remedy::HandBack(now)
            }
            (FailureOwner::Task, K::AgentCrashed | K::StoppedEarly | K::AgentHung | K::Git) => {
                Remedy::Backoff
            }
            (FailureOwner::Task, _) => Remedy::GiveUp,
        }
    }

    /// What a person should do.
    pub fn advice(&self) -> &'static str {
        use FailureKind as K;
        match self.kind {
            K::AgentCrashed => "Check the end of `task log`, then run `task retry`.",
            K::StoppedEarly => {
                "Check in `task log` how far it got, make the prompt more precise, then run `task retry`."
            }
            K::AgentHung => {
                "Check its last step in `task log`; the usual cause is a command that waits for \
                 input. Then run `task retry`."
            }
            K::AgentMissing => {
                "Install the agent on the worker or set `agents.claude.command`. The worker checks \
                 again automatically."
            }
            K::DiskFull => "Free disk space on the worker. It checks again automatically.",
            K::Overloaded => {
                "Nothing is wrong with the task. The workers check again automatically."
            }
            K::UsageLimit => "It starts again automatically when the limit resets.",
            K::BadCredentials => {
                "Log the agent in on the worker, or set its key in `agents.claude.env`. The worker \
                 checks again automatically."
            }
            K::ContextTooLong => {
                "Split the task into smaller ones, or run `task retry` to start it in a new session."
            }
            K::ApiRefused => {
                "Read the service's message, change the prompt or the model, then run `task retry`."
            }
            K::RepositoryMissing => {
                "Restore the repository, or correct its source with `repo add`. The worker checks \
                 again automatically."
            }
            K::RemoteAway => {
                "Make sure the worker can reach the remote with its key or token. It checks again \
                 automatically."
            }
            K::WallMissing => {
                "Set up a better wall on the worker (`vine doctor` there shows how), or change the \
                 wall that the repository requires with `repo set`."
            }
            K::BaseMissing => "Create the branch, or create a new task with `--base`.",
            K::BranchTaken => "Free the branch, or create a new task with another `--branch`.",
            K::Git => "Check git's output in `task log`, then run `task retry`.",
            K::WorkersLost => {
                "First check the workers' memory and logs: this task may be what stops them. Then run \
                 `task retry`."
            }
            K::MakesIll => {
                "Check what the agent did there (`task log`), give it another approach or more room, \
                 then run `task retry`."
            }
        }
    }
}

/// The upper bound of a pause: the longest pause, plus its spread.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(36 * 60);

/// The pause before attempt number `failures + 1`: 30 s doubled each time, at most 30 min, spread
/// by 20 % either way so that tasks that failed together do not return together. The spread depends
/// on the task, not on chance.
pub fn backoff(task: TaskId, failures: u32) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE);
    let mixed = task
        .0
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(u64::from(failures))
        .wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let percent = 80 + u32::try_from((mixed >> 33) % 41).expect("below 41");
    doubled * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_is_spread_and_has_an_end() {
        for failures in 1..40 {
            let ideal = (30 << (failures - 1).min(10)).min(1800);
            for task in 1..50 {
                let pause = backoff(TaskId(task), failures).as_secs_f64();
                assert!(
                    (0.8 * f64::from(ideal)..=1.2 * f64::from(ideal)).contains(&pause),
                    "{failures} {pause}"
                );
            }
        }
        assert_eq!(LONGEST_BACKOFF, LONGEST_PAUSE * 120 / 100);
        let pauses: std::collections::BTreeSet<_> =
            (1..50).map(|task| backoff(TaskId(task), 1)).collect();
        assert!(pauses.len() > 10, "tasks must not all return together");
    }

    #[test]
    fn only_a_tasks_own_fault_counts() {
        let now = Timestamp(1_000_000);
        for (kind, remedy) in [
            (FailureKind::UsageLimit, Remedy::HandBack(now)),
            (FailureKind::BadCredentials, Remedy::HandBack(now)),
            (FailureKind::DiskFull, Remedy::HandBack(now)),
            (FailureKind::RemoteAway, Remedy::HandBack(now)),
            (
                FailureKind::Overloaded,
                Remedy::HandBack(now.plus(FIRST_PAUSE)),
            ),
            (FailureKind::AgentCrashed, Remedy::Backoff),
            (FailureKind::BaseMissing, Remedy::GiveUp),
        ] {
            assert_eq!(Failure::new(kind, "x").remedy(now), remedy, "{kind:?}");
        }
    }
}
