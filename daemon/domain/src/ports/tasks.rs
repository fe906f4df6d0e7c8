//! Tasks, their attempts and logs.

use async_trait::async_trait;

use super::{Commit, Execution, LogLine, NewTask, Stored, TaskFilter};
use crate::{
    chat::Outbound,
    ids::{TaskId, WorkerId},
    task::Task,
    worker::Attempt,
};

/// Tasks, their attempts and logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// A fresh task id.
    async fn next_task(&self) -> Stored<TaskId>;
    /// Creates a queued task with its first messages. `Some` is the earlier task made with the same key; nothing changed then.
    async fn create(&self, task: &NewTask, messages: &[Outbound]) -> Stored<Option<TaskId>>;
    /// One task.
    async fn task(&self, id: TaskId) -> Stored<Option<Task>>;
    /// A page of tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> Stored<Vec<Task>>;
    /// Stores a decided change; [`super::StoreError::Conflict`] when the task is no longer what was decided on.
    async fn commit(&self, commit: &Commit) -> Stored<()>;
    /// Adds an agent's lines to the log; [`super::StoreError::Conflict`] unless `by` holds the attempt.
    async fn log(&self, by: WorkerId, attempt: Attempt, lines: &[String]) -> Stored<()>;
    /// A task's log, oldest first, at most `limit` of the latest lines.
    async fn log_of(&self, task: TaskId, limit: u32) -> Stored<Vec<LogLine>>;
    /// A task's attempts, oldest first.
    async fn executions(&self, task: TaskId) -> Stored<Vec<Execution>>;
    /// Keeps the patch of an attempt, for `task diff`; [`super::StoreError::Conflict`] unless `by` holds it.
    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> Stored<()>;
    /// The patch of the latest attempt that has one.
    async fn patch_of(&self, task: TaskId) -> Stored<Option<String>>;
}
