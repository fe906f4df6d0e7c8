//! Attempts: their logs, what they cost, and the work that is kept of them.

use async_trait::async_trait;

use crate::{
    attempt::{Attempt, Execution, LogLine, LogRange, Usage},
    ids::{TaskId, WorkerId},
    ports::error::StoreResult,
    progress::Progress,
    retention::LogCap,
    round::Round,
};

/// The work that a worker keeps of an attempt that did not finish or was not pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptWork {
    /// The commit that holds it; `None` if the worker reports nothing new.
    pub commit: Option<String>,
    /// The ref at the source that it was pushed to.
    pub pushed: Option<String>,
    /// What looks like a secret in it, if it is held back for that reason.
    pub held: Option<String>,
}

/// Attempts: their logs, what they cost, and the work that is kept of them.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Adds an agent's lines to the log, up to the cap; [`super::StoreError::Conflict`] unless `by`
    /// holds the attempt.
    async fn log(
        &self,
        by: WorkerId,
        attempt: Attempt,
        lines: &[String],
        cap: &LogCap,
    ) -> StoreResult<()>;
    /// The latest lines of a task's log within a range, oldest first.
    async fn log_of(&self, task: TaskId, range: &LogRange) -> StoreResult<Vec<LogLine>>;
    /// A task's attempts, oldest first.
    async fn executions(&self, task: TaskId) -> StoreResult<Vec<Execution>>;
    /// Records what the worker keeps of an attempt, whether it is still running or not: the commit,
    /// and the ref at the source that it was pushed to. A conflict if that worker had no such
    /// attempt.
    async fn keep_work(&self, by: WorkerId, attempt: Attempt, kept: &KeptWork) -> StoreResult<()>;
    /// Records that someone wants a task's latest kept, unpushed work to be pushed. Returns the
    /// worker and the attempt; `None` if there is no such work.
    async fn want_push(&self, task: TaskId, by: &str) -> StoreResult<Option<(WorkerId, Attempt)>>;
    /// Leaves a task's held-back work with its worker; no decision about it is needed any more.
    async fn leave(&self, task: TaskId) -> StoreResult<()>;
    /// Tasks whose work waits for a decision to push it, each with what looks like a secret in it.
    async fn held_pushes(&self) -> StoreResult<Vec<(TaskId, String)>>;
    /// Records an attempt's usage so far, whether it is still running or not, and what its agent is at;
    /// a conflict if that worker had no such attempt.
    async fn record_usage(
        &self,
        by: WorkerId,
        attempt: Attempt,
        usage: &Usage,
        progress: Option<&Progress>,
    ) -> StoreResult<()>;
    /// What the agent of an attempt is at, if it said so.
    async fn progress_of(&self, attempt: Attempt) -> StoreResult<Option<Progress>>;
    /// The patch of the latest attempt that has one, of any round or of this one.
    async fn patch_of(&self, task: TaskId, round: Option<u32>) -> StoreResult<Option<String>>;
    /// A task's later rounds, oldest first.
    async fn rounds(&self, task: TaskId) -> StoreResult<Vec<Round>>;
}
