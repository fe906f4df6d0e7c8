//! Tasks, their attempts and logs.

use async_trait::async_trait;

use crate::{
    access::AuditEntry,
    chat::Outbound,
    ids::TaskId,
    input::{Branch, Prompt, Slug, Title},
    lifecycle::{Change, TaskSnapshot},
    ports::error::StoreResult,
    queue::Lane,
    session::SessionPolicy,
    task::Task,
};

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
