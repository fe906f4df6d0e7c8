//! What people order about tasks and repositories.

use vine_domain::{
    Invalid, Repo, Slug, Task, TaskId, Verb,
    lifecycle::{About, Event, TaskAction},
};

use crate::{AppError, AppResult, Caller, tasks::Tasks, texts};

impl Tasks {
    /// Cancels, retries, moves or discards a task.
    pub async fn order(&self, caller: &Caller, id: TaskId, order: TaskAction) -> AppResult<Task> {
        let known = self.snapshot(id, About::Unsettled).await?;
        let task = &known.task;
        let audit = self
            .people
            .permit(
                caller,
                Verb::Operate,
                Some(&task.repo),
                &format!("{id} ({order:?})"),
            )
            .await?;
        if order == TaskAction::Retry {
            // A removed repository gets no new work.
            self.repo(&task.repo).await?;
            if task.epoch.0 > 0 && self.store.executions(id).await?.is_empty() {
                let why = "its prompt was removed, because it ended long ago".to_owned();
                return Err(Invalid::new("task", why, "create a new one with `task new`").into());
            }
        }
        let by = caller.name().to_owned();
        self.transition_for(known, Event::Ordered { order, by }, audit)
            .await?;
        self.get(id).await
    }

    /// Adds a repository or updates the one of that name. Platforms create a room for it; the
    /// console needs none.
    pub async fn add_repo(&self, repo: &Repo) -> AppResult<()> {
        self.store.save_repo(repo).await?;
        self.isolation.known.holds(repo);
        self.wakeups.rooms();
        self.wakeups.page();
        Ok(())
    }

    /// Removes a repository without open tasks; its history is kept.
    pub async fn remove_repo(&self, caller: &Caller, name: &Slug) -> AppResult<()> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("repo {name}"))
            .await?;
        self.repo(name).await?;
        let open = self.store.remove_repo(name).await?;
        if open > 0 {
            let tasks = texts::counted(open, "open task", "open tasks");
            return Err(AppError::Unreadable(format!(
                "{name} has {tasks}; cancel them first, `task list --repo {name}` shows them"
            )));
        }
        self.wakeups.rooms();
        self.wakeups.page();
        Ok(())
    }

    /// Pauses the queue, or the tasks of one repository, or ends the pause.
    pub async fn pause(&self, caller: &Caller, repo: Option<&Slug>, paused: bool) -> AppResult<()> {
        let place = repo.map_or("everywhere".into(), |repo| format!("in {repo}"));
        let word = if paused { "paused" } else { "open" };
        self.people
            .allow(
                caller,
                Verb::Operate,
                repo,
                &format!("queue ({word} {place})"),
            )
            .await?;
        if let Some(name) = repo {
            self.repo(name).await?;
        }
        self.store.set_paused(repo, paused).await?;
        self.wakeups.work();
        self.wakeups.page();
        Ok(())
    }
}
