//! Tasks, their attempts and logs.

use async_trait::async_trait;

use super::{Commit, Execution, LogLine, NewTask, Stored, TaskFilter};
use crate::{
    ids::{TaskId, WorkerId},
    lifecycle::Situation,
    task::Task,
    worker::Attempt,
};

/// Tasks, their attempts and logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Fresh task ids.
    async fn next_tasks(&self, count: u32) -> Stored<Vec<TaskId>>;
    /// Creates queued tasks with their first messages. `Some` is the earlier task made with the
    /// same key; nothing of that one changed then.
    async fn create(&self, tasks: &[NewTask]) -> Stored<Vec<Option<TaskId>>>;
    /// One task.
    async fn task(&self, id: TaskId) -> Stored<Option<Task>>;
    /// Tasks with their questions and waiting notes, those that exist.
    async fn situations(&self, ids: &[TaskId]) -> Stored<Vec<Situation>>;
    /// A page of tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> Stored<Vec<Task>>;
    /// Stores decided changes of different tasks together. Each is stored whole or refused alone:
    /// [`super::StoreError::Conflict`] when its task is no longer what was decided on.
    async fn commit(&self, commits: &[Commit]) -> Stored<Vec<Stored<()>>>;
    /// Adds an agent's lines to the log; [`super::StoreError::Conflict`] unless `by` holds the
    /// attempt.
    async fn log(&self, by: WorkerId, attempt: Attempt, lines: &[String]) -> Stored<()>;
    /// A task's log, oldest first, at most `limit` of the latest lines.
    async fn log_of(&self, task: TaskId, limit: u32) -> Stored<Vec<LogLine>>;
    /// A task's attempts, oldest first.
    async fn executions(&self, task: TaskId) -> Stored<Vec<Execution>>;
    /// Notes what the worker of an attempt keeps of it, whether it is still under way or not:
    /// the commit, and the ref at the source that it was pushed to. A conflict when that worker had
    /// no such attempt.
    async fn keep_work(
        &self,
        by: WorkerId,
        attempt: Attempt,
        commit: &str,
        name: Option<&str>,
    ) -> Stored<()>;
    /// Keeps the patch of an attempt, for `task diff`; [`super::StoreError::Conflict`] unless `by`
    /// holds it.
    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> Stored<()>;
    /// The patch of the latest attempt that has one.
    async fn patch_of(&self, task: TaskId) -> Stored<Option<String>>;
}
