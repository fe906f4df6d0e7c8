//! Credentials for git that workers borrow.

use vine_domain::{
    Task, WorkerId,
    attempt::Attempt,
    forge::GitToken,
    lifecycle::Refusal,
    ports::{ForgeError, StoreError},
};

use crate::{AppError, AppResult, change_requests::ChangeRequests};

impl ChangeRequests {
    /// A credential for the repository of an attempt that the worker holds, or held last, or whose work it is to
    /// push. `None` if no forge has one to lend: then the worker uses its own.
    pub async fn git_token(&self, by: WorkerId, attempt: Attempt) -> AppResult<Option<GitToken>> {
        let task = self.tasks.get(attempt.task).await?;
        let holds =
            task.epoch == attempt.epoch && task.lease().is_some_and(|lease| lease.worker == by);
        if !holds
            && !self.held_last(by, attempt, &task).await?
            && !self.is_to_push(by, attempt).await?
        {
            return Err(Refusal::Stale(attempt).into());
        }
        let repo = self.tasks.repo(&task.repo).await?;
        let Some((project, forge)) = self.forges.of(&repo) else {
            return Ok(None);
        };
        let lent = forge.git_token(&project).await;
        let lent = lent.map(|token| {
            let host = project.host.clone();
            token.map(|token| GitToken { host, ..token })
        });
        lent.map_err(|error| match error {
            ForgeError::Retry { why, .. } => {
                StoreError::Unavailable(format!("{}: {why}", project.host).into()).into()
            }
            refused => AppError::Unreadable(format!("{} lends no token: {refused}", project.host)),
        })
    }

    /// Whether nobody has taken the task over since: the worker may have to push what it was interrupted at.
    async fn held_last(&self, by: WorkerId, attempt: Attempt, task: &Task) -> AppResult<bool> {
        if task.is_over() || task.epoch != attempt.epoch || task.lease().is_some() {
            return Ok(false);
        }
        let name = self.store.worker(by).await?.map(|worker| worker.name);
        let executions = self.store.executions(task.id).await?;
        let last = executions.iter().find(|one| one.epoch == attempt.epoch);
        Ok(last.is_some_and(|last| name.is_some_and(|name| last.worker == name)))
    }

    async fn is_to_push(&self, by: WorkerId, attempt: Attempt) -> AppResult<bool> {
        let wanted = self.store.duties(by).await?.wanted;
        Ok(wanted.iter().any(|(of, _)| *of == attempt))
    }
}
