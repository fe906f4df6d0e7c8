//! What can go wrong with an attempt, and what follows from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{clock::Timestamp, ids::TaskId};

/// The kind of trouble, as far as what follows differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent's process died.
    AgentCrashed,
    /// The agent ended without saying that it finished.
    StoppedEarly,
    /// The agent said nothing for too long while nobody was asked anything.
    AgentHung,
    /// The agent's program is not there or does not start.
    AgentMissing,
    /// The model's service has no capacity or cannot be reached.
    Overloaded,
    /// The account's limit is used up until a known or guessed time.
    UsageLimit,
    /// The model's service refuses the credentials, or the account cannot pay.
    BadCredentials,
    /// The conversation no longer fits into the model's context.
    ContextTooLong,
    /// The model's service refused the request for another reason.
    ApiRefused,
    /// The repository is not where its source says, or is none.
    RepositoryMissing,
    /// The base branch does not exist.
    BaseMissing,
    /// The work branch is checked out elsewhere or belongs to other work.
    BranchTaken,
    /// Git failed in another way.
    Git,
    /// Workers died under this task again and again.
    WorkersLost,
}

/// Trouble, told so that a person can act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What happened, to what, in one or two sentences.
    pub what: String,
    /// When trying again makes sense, if the cause named a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again after a growing pause; give up after [`ATTEMPTS`].
    Backoff,
    /// Try again at a time, without counting this attempt.
    At(Timestamp),
    /// Trying again would fail the same way.
    GiveUp,
}

/// Failed attempts after which a task is set aside as dead.
pub const ATTEMPTS: u32 = 3;
/// Attempts lost with their workers, within [`LOSS_WINDOW`], after which a task is set aside as
/// dead.
pub const LOSSES: usize = 3;
/// See [`LOSSES`].
pub const LOSS_WINDOW: Duration = Duration::from_secs(72 * 3600);

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// How long a usage limit is taken to last when nobody says it.
pub const UNKNOWN_RESET: Duration = Duration::from_secs(30 * 60);

impl Failure {
    /// A failure of `kind`; `what` says what happened and to what.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            retry_at: None,
        }
    }

    /// What follows from this at `now`.
    pub fn remedy(&self, now: Timestamp) -> Remedy {
        use FailureKind as K;
        match self.kind {
            K::UsageLimit => Remedy::At(
                self.retry_at
                    .filter(|at| *at > now)
                    .unwrap_or(now.plus(UNKNOWN_RESET)),
            ),
            K::AgentCrashed | K::StoppedEarly | K::AgentHung | K::Overloaded | K::Git => {
                Remedy::Backoff
            }
            K::AgentMissing | K::BadCredentials | K::ContextTooLong | K::ApiRefused => {
                Remedy::GiveUp
            }
            K::RepositoryMissing | K::BaseMissing | K::BranchTaken | K::WorkersLost => {
                Remedy::GiveUp
            }
        }
    }

    /// What a person should do, in one sentence, when no retry is planned.
    pub fn advice(&self) -> &'static str {
        use FailureKind as K;
        match self.kind {
            K::AgentCrashed => "See `task log` for its last words, then `task retry`.",
            K::StoppedEarly => {
                "See `task log` for how far it came; make the prompt more exact, then `task retry`."
            }
            K::AgentHung => {
                "See `task log` for its last step; a command that waits for input is the usual \
                 cause. Then `task retry`."
            }
            K::AgentMissing => {
                "Install the agent on the worker or set `agents.claude.command`, then `task retry`."
            }
            K::Overloaded => {
                "Nothing is wrong with the task; `task retry` when the service is well again."
            }
            K::UsageLimit => "It starts again by itself when the limit is reset.",
            K::BadCredentials => {
                "Log the agent in on the worker, or set its key in `agents.claude.env`, then `task \
                 retry`."
            }
            K::ContextTooLong => {
                "Split the task into smaller ones, or `task retry` to start it in a fresh session."
            }
            K::ApiRefused => {
                "Read what the service said; change the prompt or the model, then `task retry`."
            }
            K::RepositoryMissing => {
                "Put the repository back or correct it with `repo add`, then `task retry`."
            }
            K::BaseMissing => "Create the branch, or make a new task with `--base`.",
            K::BranchTaken => "Free the branch, or make a new task with another `--branch`.",
            K::Git => "See `task log` for what git said, then `task retry`.",
            K::WorkersLost => {
                "Look at the workers' memory and logs first: this task may be what ends them. Then \
                 `task retry`."
            }
        }
    }
}

/// The pause before attempt number `failures + 1`: 30 s doubled each time, at most 30 min, spread
/// by 20 % either way so that tasks which failed together do not return together. The spread
/// depends on the task, not on chance.
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
        let pauses: std::collections::BTreeSet<_> =
            (1..50).map(|task| backoff(TaskId(task), 1)).collect();
        assert!(pauses.len() > 10, "tasks must not all return together");
    }

    #[test]
    fn a_usage_limit_waits_for_its_reset_and_never_for_the_past() {
        let now = Timestamp(1_000_000);
        let mut limit = Failure::new(FailureKind::UsageLimit, "limit");
        assert_eq!(limit.remedy(now), Remedy::At(now.plus(UNKNOWN_RESET)));
        limit.retry_at = Some(Timestamp(5));
        assert_eq!(limit.remedy(now), Remedy::At(now.plus(UNKNOWN_RESET)));
        limit.retry_at = Some(Timestamp(2_000_000));
        assert_eq!(limit.remedy(now), Remedy::At(Timestamp(2_000_000)));
    }
}
