//! The task that a command is about.

use vine_domain::TaskId;

use crate::{AppError, AppResult};

/// The task that a command is about; in its thread it need not be named.
pub(super) fn named(task: Option<TaskId>) -> AppResult<TaskId> {
    task.ok_or_else(|| {
        AppError::Unreadable("which task? Name it, like T-7; `task list` shows them.".into())
    })
}
