//! Tasks and repositories that somebody may view.

use std::cmp::Reverse;

use vine_domain::{
    MessageId, Progress, Repo, Round, Slug, Task, TaskId, Timestamp, Verb,
    access::ListScope,
    attempt::{Execution, LogLine, LogRange},
    lifecycle::{About, TaskSnapshot},
    ports::{StoreResult, TaskFilter},
};

use crate::{AppResult, Caller, Missing, lists::merged, tasks::Tasks};

impl Tasks {
    /// One task.
    pub async fn get(&self, id: TaskId) -> AppResult<Task> {
        self.store
            .task(id)
            .await?
            .ok_or_else(|| Missing::Task(id).into())
    }

    /// The same for a person who may view it.
    pub async fn look_at(&self, caller: &Caller, id: TaskId) -> AppResult<Task> {
        let task = self.get(id).await?;
        self.people
            .allow(caller, Verb::See, Some(&task.repo), &id.to_string())
            .await?;
        Ok(task)
    }

    /// The same with its questions and waiting notes.
    pub(crate) async fn look_at_whole(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> AppResult<TaskSnapshot> {
        let whole = self.snapshot(id, About::Everything).await?;
        self.people
            .allow(caller, Verb::See, Some(&whole.task.repo), &id.to_string())
            .await?;
        Ok(whole)
    }

    /// Whether the task that was created then is over; an unknown one is not.
    pub async fn is_over(&self, id: TaskId, created: Timestamp) -> AppResult<bool> {
        let task = self.store.task(id).await?;
        Ok(task.is_some_and(|task| task.created == created && task.is_over()))
    }

    /// Tasks that match, newest first.
    pub async fn list(&self, caller: &Caller, filter: &TaskFilter) -> AppResult<Vec<Task>> {
        if filter.repo.is_some() {
            self.people
                .allow(caller, Verb::See, filter.repo.as_ref(), "tasks")
                .await?;
            return Ok(self.store.tasks(filter).await?);
        }
        let sight = self.people.sight(caller, "tasks").await?;
        Ok(self.tasks_in(&sight, filter).await?)
    }

    pub(crate) async fn tasks_in(
        &self,
        sight: &ListScope,
        filter: &TaskFilter,
    ) -> StoreResult<Vec<Task>> {
        let within = |repo: Option<&Slug>| {
            let filter = TaskFilter {
                repo: repo.cloned(),
                ..filter.clone()
            };
            async move { self.store.tasks(&filter).await }
        };
        if filter.after.is_some() {
            let mut nearest = merged(sight, filter.limit, within, |task| task.id).await?;
            nearest.sort_by_key(|task| Reverse(task.id));
            return Ok(nearest);
        }
        merged(sight, filter.limit, within, |task| Reverse(task.id)).await
    }

    /// One repository.
    pub async fn repo(&self, name: &Slug) -> AppResult<Repo> {
        let found = self.find_repo(name).await?;
        found.ok_or_else(|| Missing::Repo(name.clone()).into())
    }

    /// The same, if it exists.
    pub(crate) async fn find_repo(&self, name: &Slug) -> AppResult<Option<Repo>> {
        let mut repos = self.store.repos().await?.into_iter();
        Ok(repos.find(|repo| repo.name == *name))
    }

    /// Repositories, by name.
    pub async fn repos(&self, caller: &Caller) -> AppResult<Vec<Repo>> {
        let sight = self.people.sight(caller, "repositories").await?;
        Ok(self.repos_in(&sight).await?)
    }

    pub(crate) async fn repos_in(&self, sight: &ListScope) -> StoreResult<Vec<Repo>> {
        let mut repos = self.store.repos().await?;
        if let ListScope::Only(own) = sight {
            repos.retain(|repo| own.contains(&repo.name));
        }
        Ok(repos)
    }

    /// What is paused, in a few words, for those who see everything; `None` if nothing is.
    pub async fn paused(&self) -> AppResult<Option<String>> {
        if self.store.depths().await?.paused {
            return Ok(Some("Paused everywhere".into()));
        }
        let repos = self.store.repos().await?;
        let paused = repos.iter().filter(|repo| repo.paused);
        let names: Vec<&str> = paused.map(|repo| repo.name.as_str()).collect();
        Ok((!names.is_empty()).then(|| format!("Paused in {}", names.join(", "))))
    }

    /// All repositories, for those who see everything.
    pub async fn all_repos(&self) -> AppResult<Vec<Repo>> {
        Ok(self.store.repos().await?)
    }

    /// The latest lines of a task's log within a range.
    pub async fn log(&self, id: TaskId, range: &LogRange) -> AppResult<Vec<LogLine>> {
        Ok(self.store.log_of(id, range).await?)
    }

    /// The latest patch of a task, or that of one round.
    pub async fn patch(&self, id: TaskId, round: Option<u32>) -> AppResult<Option<String>> {
        Ok(self.store.patch_of(id, round).await?)
    }

    /// What the agent of a task is at, if it said so.
    pub async fn progress(&self, task: &Task) -> AppResult<Option<Progress>> {
        Ok(self.store.progress_of(task.attempt()).await?)
    }

    /// The model, preset and wall of the agent that has the task now.
    pub(crate) fn isolation_now(&self, task: &Task) -> Option<String> {
        let worker = task.lease().map(|lease| lease.worker);
        self.isolation
            .known
            .on_card(&task.repo, &task.model, worker)
    }

    /// An id for a message that is not stored.
    pub(crate) fn message_id(&self) -> MessageId {
        MessageId(self.ids.uuid())
    }

    /// A task's later rounds, oldest first.
    pub async fn rounds(&self, id: TaskId) -> AppResult<Vec<Round>> {
        Ok(self.store.rounds(id).await?)
    }

    /// The attempts of a task, oldest first.
    pub async fn executions(&self, id: TaskId) -> AppResult<Vec<Execution>> {
        Ok(self.store.executions(id).await?)
    }

    /// The model, preset and wall of a task's agent, current or last; `on` is the name of its
    /// latest worker.
    pub async fn agent_of(&self, task: &Task, on: Option<&str>) -> AppResult<Option<String>> {
        self.isolation.of(task, on).await
    }
}
