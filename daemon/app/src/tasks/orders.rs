//! What people order about tasks and repositories.

use uuid::Uuid;
use vine_domain::{
    AuditEntry, Epoch, Invalid, Prompt, Repo, Slug, Task, TaskId, TaskState, Verb,
    lifecycle::{About, Event, TaskAction},
    uuid_of,
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
            self.can_run_again(task).await?;
        }
        let by = caller.name().to_owned();
        self.transition_for(known, Event::Ordered { order, by }, audit)
            .await?;
        self.get(id).await
    }

    /// Lets a task that is over continue with what a person asks for. `key` makes it idempotent.
    pub async fn go_on(
        &self,
        caller: &Caller,
        id: TaskId,
        text: &str,
        key: Uuid,
    ) -> AppResult<Task> {
        let known = self.snapshot(id, About::Unsettled).await?;
        let audit = self
            .people
            .permit(
                caller,
                Verb::Operate,
                Some(&known.task.repo),
                &format!("{id} (continue)"),
            )
            .await?;
        let text: Prompt = text.trim().parse()?;
        self.can_run_again(&known.task).await?;
        let earlier = self.store.rounds(id).await?;
        if earlier.iter().any(|round| round.key == key) {
            return self.get(id).await;
        }
        let event = Event::Continued {
            key,
            author: caller.name().to_owned(),
            text: text.as_str().to_owned(),
        };
        self.transition_for(known, event, audit).await?;
        self.get(id).await
    }

    /// Lets a task that is over continue by the rule of its repository. `key` makes it idempotent.
    pub(crate) async fn go_on_by_rule(&self, id: TaskId, text: &str, key: Uuid) -> AppResult<Task> {
        let known = self.snapshot(id, About::Unsettled).await?;
        self.can_run_again(&known.task).await?;
        let earlier = self.store.rounds(id).await?;
        if earlier.iter().any(|round| round.key == key) {
            return self.get(id).await;
        }
        let author = format!("the rule of {}", known.task.repo);
        let audit = AuditEntry {
            actor: author.clone(),
            verb: Verb::Operate.as_str().into(),
            subject: format!("{id} (continue)"),
            allowed: true,
            reason: "an operator set `--fix-checks`".into(),
        };
        let text = text.to_owned();
        self.transition_for(known, Event::Continued { key, author, text }, audit)
            .await?;
        self.get(id).await
    }

    /// The key of a round of a task that somebody asks for. Each caller has their own.
    pub fn round_key(&self, caller: &Caller, id: TaskId, named: Option<&str>) -> Uuid {
        match named {
            Some(key) => uuid_of(&format!("{} {id} {key}", caller.id())),
            None => self.ids.uuid(),
        }
    }

    /// Takes a round back: one that no worker has begun is as if nobody had asked for it, any other is
    /// cancelled.
    pub async fn take_back(&self, caller: &Caller, id: TaskId, round: u32) -> AppResult<Task> {
        let known = self.snapshot(id, About::Unsettled).await?;
        let task = &known.task;
        if task.round.number != round {
            let what = format!("{id} is in round {}", task.round.number);
            return Err(Invalid::new("round", what, "`task show` shows how it went").into());
        }
        let begun = self.store.rounds(id).await?.pop();
        let former = begun.and_then(|begun| Some((begun.epoch, begun.former?)));
        let is_new =
            |began: Epoch| matches!(task.state, TaskState::Queued { .. }) && task.epoch == began;
        let Some((began, former)) = former.filter(|(began, _)| is_new(*began)) else {
            return self.order(caller, id, TaskAction::Cancel).await;
        };
        let what = format!("{id} (take back round {round})");
        let repo = Some(&task.repo);
        let audit = self
            .people
            .permit(caller, Verb::Operate, repo, &what)
            .await?;
        let by = caller.name().to_owned();
        let event = Event::TakenBack { by, began, former };
        self.transition_for(known, event, audit).await?;
        self.get(id).await
    }

    /// A removed repository gets no new work, and a task whose prompt was removed has none.
    async fn can_run_again(&self, task: &Task) -> AppResult<()> {
        self.repo(&task.repo).await?;
        if task.epoch.0 > 0 && self.store.executions(task.id).await?.is_empty() {
            let why = "its prompt was removed, because it ended long ago".to_owned();
            return Err(Invalid::new("task", why, "create a new one with `task new`").into());
        }
        Ok(())
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
