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

/// What a worker keeps of an attempt that did not finish, or was not pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptWork {
    /// The commit that holds it; `None` when the worker has nothing new to tell of it.
    pub commit: Option<String>,
    /// The ref at the source that it was pushed to.
    pub pushed: Option<String>,
    /// What looks like a secret in it, for which it is held back.
    pub held: Option<String>,
}

/// Tasks, their attempts and logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Fresh task ids.
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>>;
    /// Creates queued tasks with their first messages. `Some` is the earlier task made with the
    /// same key; nothing of that one changed then.
    async fn create(&self, tasks: &[NewTask]) -> StoreResult<Vec<Option<TaskId>>>;
    /// One task.
    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>>;
    /// Tasks with their questions and waiting notes, those that exist.
    async fn snapshots(&self, ids: &[TaskId]) -> StoreResult<Vec<TaskSnapshot>>;
    /// A page of tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> StoreResult<Vec<Task>>;
    /// Stores decided changes of different tasks together. Each is stored whole or refused alone:
    /// [`super::StoreError::Conflict`] when its task is no longer what was decided on.
    async fn commit(&self, commits: &[Commit]) -> StoreResult<Vec<StoreResult<()>>>;
    /// Adds an agent's lines to the log, as far as there is room; [`super::StoreError::Conflict`] unless `by` holds the
    /// attempt.
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
    /// Notes what the worker of an attempt keeps of it, whether it is still under way or not:
    /// the commit, and the ref at the source that it was pushed to. A conflict when that worker had
    /// no such attempt.
    async fn keep_work(&self, by: WorkerId, attempt: Attempt, kept: &KeptWork) -> StoreResult<()>;
    /// Somebody wants what was kept last of a task and is not pushed to be pushed: by which worker,
    /// of which attempt; `None` when there is nothing of that kind.
    async fn want_push(&self, task: TaskId, by: &str) -> StoreResult<Option<(WorkerId, Attempt)>>;
    /// What is held back of a task stays where it is, and nobody needs to decide on it any more.
    async fn leave(&self, task: TaskId) -> StoreResult<()>;
    /// Tasks whose work waits for somebody to say that it may be pushed, each with what looks like a
    /// secret in it.
    async fn held_pushes(&self) -> StoreResult<Vec<(TaskId, String)>>;
    /// Notes what an attempt cost so far, whether it is still under way or not; a conflict when that
    /// worker had no such attempt.
    async fn record_usage(&self, by: WorkerId, attempt: Attempt, usage: &Usage) -> StoreResult<()>;
    /// Keeps the patch of an attempt, for `task diff`; [`super::StoreError::Conflict`] unless `by`
    /// holds it.
    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> StoreResult<()>;
    /// The patch of the latest attempt that has one.
    async fn patch_of(&self, task: TaskId) -> StoreResult<Option<String>>;
}

/// A task to be created; the store gives it its id.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// One of the ids that [`Tasks::next_tasks`] gave.
    pub id: TaskId,
    /// One line.
    pub title: Title,
    /// What to do.
    pub prompt: Prompt,
    /// Where.
    pub repo: Slug,
    /// Start from.
    pub base: Branch,
    /// Commit to.
    pub branch: Branch,
    /// How urgent.
    pub lane: Lane,
    /// Who asks.
    pub requester: String,
    /// A second creation with the same key gives the first task.
    pub key: Option<String>,
    /// The first messages of its thread.
    pub messages: Vec<Outbound>,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only this state, one of [`crate::TaskState::WORDS`], or `dead` for failed ones that were not
    /// discarded.
    pub state: Option<String>,
    /// Only this repository.
    pub repo: Option<Slug>,
    /// Only those with these words in their title or branch, in capitals or not.
    pub text: Option<String>,
    /// Only ids below this one: the last id of the page before.
    pub before: Option<TaskId>,
    /// At most this many.
    pub limit: u32,
}

/// A decided change, with what is to be said about it; stored together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The change.
    pub change: Change,
    /// Messages for the task's thread.
    pub messages: Vec<Outbound>,
    /// What a person wrote that led to it, to be kept in the thread: author and words.
    pub reply: Option<(String, String)>,
    /// What becomes of the task's session.
    pub sessions: SessionPolicy,
    /// The task was queued before, so that its order goes with the change.
    pub was_queued: bool,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}
