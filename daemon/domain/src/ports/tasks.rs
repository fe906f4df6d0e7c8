//! Tasks, their attempts and logs.

use async_trait::async_trait;

use crate::{
    access::AuditEntry,
    attempt::{Attempt, Execution, LogLine, Usage},
    chat::Outbound,
    ids::{TaskId, WorkerId},
    input::{Branch, Prompt, Slug, Title},
    lifecycle::{Change, TaskSnapshot},
    ports::error::StoreResult,
    queue::Lane,
    retention::LogCap,
    session::SessionPolicy,
    task::Task,
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

/// Tasks, their attempts and logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Reserves new task ids.
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>>;
    /// Creates queued tasks with their first messages. `Some` is the earlier task with the same
    /// key, which is left unchanged.
    async fn create(&self, tasks: &[NewTask]) -> StoreResult<Vec<Option<TaskId>>>;
    /// One task.
    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>>;
    /// Those of these tasks that exist, with their questions and waiting notes.
    async fn snapshots(&self, ids: &[TaskId]) -> StoreResult<Vec<TaskSnapshot>>;
    /// A page of tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> StoreResult<Vec<Task>>;
    /// Stores decided changes of different tasks together. Each is stored completely or refused on
    /// its own: [`super::StoreError::Conflict`] if its task has changed since the decision.
    async fn commit(&self, commits: &[Commit]) -> StoreResult<Vec<StoreResult<()>>>;
    /// Adds an agent's lines to the log, up to the cap; [`super::StoreError::Conflict`] unless `by`
    /// holds the attempt.
    async fn log(
        &self,
        by: WorkerId,
        attempt: Attempt,
        lines: &[String],
        cap: &LogCap,
    ) -> StoreResult<()>;
    /// A task's log, oldest first, at most `limit` of the latest lines.
    async fn log_of(&self, task: TaskId, limit: u32) -> StoreResult<Vec<LogLine>>;
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
    /// Records an attempt's usage so far, whether it is still running or not; a conflict if that
    /// worker had no such attempt.
    async fn record_usage(&self, by: WorkerId, attempt: Attempt, usage: &Usage) -> StoreResult<()>;
    /// Stores the patch of an attempt, for `task diff`; [`super::StoreError::Conflict`] unless `by`
    /// holds it.
    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> StoreResult<()>;
    /// The patch of the latest attempt that has one.
    async fn patch_of(&self, task: TaskId) -> StoreResult<Option<String>>;
}

/// A task to be created.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// One of the ids from [`Tasks::next_tasks`].
    pub id: TaskId,
    /// One line.
    pub title: Title,
    /// What the agent should do.
    pub prompt: Prompt,
    /// The repository.
    pub repo: Slug,
    /// The branch to start from.
    pub base: Branch,
    /// The branch to commit to.
    pub branch: Branch,
    /// Its lane.
    pub lane: Lane,
    /// The requester's name.
    pub requester: String,
    /// The idempotency key: creating again with the same key returns the first task.
    pub key: Option<String>,
    /// The first messages of its thread.
    pub messages: Vec<Outbound>,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only this state: one of [`crate::TaskState::WORDS`], or `dead` for failed tasks that were
    /// not discarded.
    pub state: Option<String>,
    /// Only this repository.
    pub repo: Option<Slug>,
    /// Only those with this text in their title or branch, case-insensitively.
    pub text: Option<String>,
    /// Only ids below this one: the last id of the previous page.
    pub before: Option<TaskId>,
    /// At most this many.
    pub limit: u32,
}

/// A decided change, with the messages about it; stored together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The change.
    pub change: Change,
    /// Messages for the task's thread.
    pub messages: Vec<Outbound>,
    /// The person's message that caused it, to be stored in the thread: author and text.
    pub reply: Option<(String, String)>,
    /// The policy for the task's session.
    pub sessions: SessionPolicy,
    /// Whether the task was queued before, so that its order is removed with the change.
    pub was_queued: bool,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}
