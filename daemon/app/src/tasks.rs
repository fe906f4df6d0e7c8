//! Creating and steering tasks.

use vine_domain::{
    Branch, Lane, Prompt, Repo, Slug, Task, TaskId, Timestamp, Title, Verb,
    lifecycle::{Event, Order},
    ports::NewTask,
};

use crate::{App, AppError, Caller, Done, texts};

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// One line.
    pub title: Title,
    /// What to do (default: the title).
    pub prompt: Option<Prompt>,
    /// Where; may be left out when there is only one repository.
    pub repo: Option<Slug>,
    /// Start from (default: the repository's).
    pub base: Option<Branch>,
    /// Commit to (default: `vine/T-<number>`).
    pub branch: Option<Branch>,
    /// How urgent.
    pub lane: Lane,
    /// A second creation with the same key gives the first task.
    pub key: Option<String>,
}

impl App {
    /// Creates a task and queues it.
    pub async fn create(&self, caller: &Caller, wish: Wish) -> Done<Task> {
        let repo = self.repo_for(wish.repo.as_ref()).await?;
        self.allow(caller, Verb::Operate, Some(&repo.name), "a new task").await?;
        let id = self.store.next_task().await?;
        let branch = wish.branch.map_or_else(|| format!("vine/{id}").parse(), Ok)?;
        let prompt = wish.prompt.map_or_else(|| wish.title.as_str().parse(), Ok)?;
        let new = NewTask {
            id,
            title: wish.title,
            prompt,
            base: wish.base.unwrap_or(repo.base),
            repo: repo.name,
            branch,
            lane: wish.lane,
            requester: caller.name().to_owned(),
            // Keys are the caller's own: somebody else's key never shows somebody else's task.
            key: wish.key.map(|key| format!("{}:{key}", caller.id())),
        };
        let known = self.store.create(&new, &[texts::new_card(self, &new)]).await?;
        self.wakes.work.notify_one();
        self.wakes.outbox();
        self.task(known.unwrap_or(id)).await
    }

    /// Cancels, retries, moves or discards a task.
    pub async fn order(&self, caller: &Caller, id: TaskId, order: Order) -> Done<Task> {
        let task = self.task(id).await?;
        self.allow(caller, Verb::Operate, Some(&task.repo), &format!("{id} ({order:?})")).await?;
        self.step(id, Event::Ordered { order, by: caller.name().to_owned() }, None).await?;
        self.task(id).await
    }

    /// One task.
    pub async fn task(&self, id: TaskId) -> Done<Task> {
        self.store.task(id).await?.ok_or_else(|| AppError::NotFound(format!("task {id}")))
    }

    /// Whether nothing more will happen to the task that was created then; an unknown one is not over.
    pub async fn is_over(&self, id: TaskId, created: Timestamp) -> Done<bool> {
        let task = self.store.task(id).await?;
        Ok(task.is_some_and(|task| task.created == created && task.is_over()))
    }

    /// The repository of that name, or the only one.
    async fn repo_for(&self, name: Option<&Slug>) -> Done<Repo> {
        let mut repos = self.store.repos().await?;
        match name {
            Some(name) => repos.into_iter().find(|repo| repo.name == *name).ok_or_else(|| AppError::NotFound(format!("repository {name}"))),
            None if repos.len() == 1 => Ok(repos.remove(0)),
            None => {
                let names: Vec<_> = repos.iter().map(|repo| repo.name.as_str()).collect();
                let hint = format!("name one with --repo: {}", names.join(", "));
                Err(vine_domain::Invalid::new("task", format!("there are {} repositories", names.len()), hint).into())
            }
        }
    }
}
