//! Creating tasks.

use std::collections::HashMap;

use vine_domain::{
    AuditEntry, Invalid, MessageId, Repo, Slug, Task, TaskId, Verb, lifecycle::Event,
};

use crate::{
    AppError, AppResult, Caller,
    tasks::{
        Tasks,
        request::{PermittedTask, TaskRequest},
    },
};

impl Tasks {
    /// Creates a task and queues it.
    pub async fn create(&self, caller: &Caller, wish: TaskRequest) -> AppResult<Task> {
        let new = self.draft(caller, wish).await?;
        let id = self.writes.create(new).await?;
        self.get(id).await
    }

    /// Creates several tasks at once, all or none. Returns their ids in order.
    pub async fn create_many(
        &self,
        caller: &Caller,
        wishes: Vec<TaskRequest>,
    ) -> AppResult<Vec<TaskId>> {
        let mut drafts = Vec::with_capacity(wishes.len());
        let mut repos: HashMap<Option<Slug>, Repo> = HashMap::new();
        for wish in wishes {
            // All tasks of a repository share one audit entry.
            let (repo, audit) = match repos.get(&wish.repo) {
                Some(known) => (known.clone(), None),
                None => {
                    let (repo, audit) = self
                        .permitted(caller, wish.repo.as_ref(), "new tasks")
                        .await?;
                    (repo, Some(audit))
                }
            };
            repos.insert(wish.repo.clone(), repo.clone());
            drafts.push(self.permitted_task(caller, wish, repo, audit).await?);
        }
        self.writes.create_together(drafts).await
    }

    async fn draft(&self, caller: &Caller, wish: TaskRequest) -> AppResult<PermittedTask> {
        let (repo, audit) = self
            .permitted(caller, wish.repo.as_ref(), "a new task")
            .await?;
        self.permitted_task(caller, wish, repo, Some(audit)).await
    }

    async fn permitted_task(
        &self,
        caller: &Caller,
        request: TaskRequest,
        repo: Repo,
        audit: Option<AuditEntry>,
    ) -> AppResult<PermittedTask> {
        let (waits_for, request) = self.behind(request, &repo).await?;
        // Each caller has their own keys, so that no key returns another person's task.
        let key = request.key.map(|key| format!("{}:{key}", caller.id()));
        self.isolation.known.holds(&repo);
        Ok(PermittedTask {
            isolation: self
                .isolation
                .known
                .on_card(&repo.name, &request.model, None),
            request: TaskRequest { key, ..request },
            repo,
            waits_for,
            requester: caller.name().to_owned(),
            audit,
            card: MessageId(self.ids.uuid()),
            link: self.settings.get().link.clone(),
        })
    }

    /// The task that a new one waits for, and its request, which starts from that task's branch.
    async fn behind(
        &self,
        request: TaskRequest,
        repo: &Repo,
    ) -> AppResult<(Option<TaskId>, TaskRequest)> {
        let Some(first) = request.after else {
            return Ok((None, request));
        };
        let first = self.get(first).await?;
        if first.repo != repo.name {
            let why = format!("{} belongs to another repository", first.id);
            let hint = "name a task of the same repository";
            return Err(Invalid::new("task to start after", why, hint).into());
        }
        let left_on = first.left_on();
        let waits = left_on.is_none();
        let base = Some(left_on.unwrap_or(first.branch));
        Ok((waits.then_some(first.id), TaskRequest { base, ..request }))
    }

    /// Queues tasks whose predecessor is done and has its work on a branch.
    pub(crate) async fn unblock(&self) -> AppResult<()> {
        for (task, first) in self.store.unblocked().await? {
            let base = match self.store.task(first).await? {
                None => None,
                Some(first) => match first.left_on() {
                    Some(branch) => Some(branch),
                    None => continue,
                },
            };
            self.transition(task, Event::Unblocked { base }).await?;
        }
        Ok(())
    }

    /// The repository in which the caller may create tasks, and the decision.
    async fn permitted(
        &self,
        caller: &Caller,
        repo: Option<&Slug>,
        what: &str,
    ) -> AppResult<(Repo, AuditEntry)> {
        let may = |name| self.people.permit(caller, Verb::Operate, Some(name), what);
        match repo {
            Some(name) => {
                let audit = may(name).await?;
                Ok((self.repo(name).await?, audit))
            }
            None => {
                let repo = self.only_repo(caller).await?;
                let audit = may(&repo.name).await?;
                Ok((repo, audit))
            }
        }
    }

    /// The only repository that the caller may view.
    async fn only_repo(&self, caller: &Caller) -> AppResult<Repo> {
        let mut repos = self.repos(caller).await?;
        if repos.len() < 2
            && let Some(only) = repos.pop()
        {
            return Ok(only);
        }
        if repos.is_empty() {
            return Err(AppError::unclear(
                "there are no repositories",
                "add one with `repo add`",
            ));
        }
        let hint = format!(
            "use `--repo` with one of: {}",
            repos
                .iter()
                .map(|repo| repo.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
        let text = format!("which repository? There are {}.", repos.len());
        Err(AppError::unclear(text, hint))
    }
}
