//! Tasks, their attempts and logs.

use async_trait::async_trait;

use crate::{
    ids::TaskId,
    input::Slug,
    lifecycle::{About, TaskSnapshot},
    ports::error::StoreResult,
    task::Task,
};

/// Tasks, their attempts and logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Reserves new task ids.
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>>;
    /// One task.
    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>>;
    /// Those of these tasks that exist, with their questions and waiting notes.
    async fn snapshots(&self, tasks: &[(TaskId, About)]) -> StoreResult<Vec<TaskSnapshot>>;
    /// Tasks that wait for another which is done, or whose record is gone; each with that one.
    async fn unblocked(&self) -> StoreResult<Vec<(TaskId, TaskId)>>;
    /// A page of tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> StoreResult<Vec<Task>>;
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
    /// Only ids above this one, nearest first: the first id of the page that follows.
    pub after: Option<TaskId>,
    /// At most this many.
    pub limit: u32,
}
