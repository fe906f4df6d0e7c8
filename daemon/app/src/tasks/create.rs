//! Creating tasks.

use std::collections::HashMap;

use vine_domain::{AuditEntry, MessageId, Repo, Slug, Task, TaskId, Verb};

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
            drafts.push(self.permitted_task(caller, wish, repo, audit));
        }
        self.writes.create_together(drafts).await
    }

    async fn draft(&self, caller: &Caller, wish: TaskRequest) -> AppResult<PermittedTask> {
        let (repo, audit) = self
            .permitted(caller, wish.repo.as_ref(), "a new task")
            .await?;
        Ok(self.permitted_task(caller, wish, repo, Some(audit)))
    }

    fn permitted_task(
        &self,
        caller: &Caller,
        request: TaskRequest,
        repo: Repo,
        audit: Option<AuditEntry>,
    ) -> PermittedTask {
        // Each caller has their own keys, so that no key returns another person's task.
        let key = request.key.map(|key| format!("{}:{key}", caller.id()));
        self.isolation.known.holds(&repo);
        PermittedTask {
            isolation: self
                .isolation
                .known
                .on_card(&repo.name, &request.model, None),
            request: TaskRequest { key, ..request },
            repo,
            requester: caller.name().to_owned(),
            audit,
            card: MessageId(self.ids.uuid()),
            link: self.settings.get().link.clone(),
        }
    }

    /// The repository in which the caller may create tasks, and the decision.
    async fn permitted(
        &self,
        caller: &Caller,
        repo: Option<&Slug>,
        what: &str,
    ) -> AppResult<(Repo, AuditEntry)> {
        let name = match repo {
            Some(name) => name.clone(),
            None => self.only_repo(caller).await?,
        };
        let audit = self
            .people
            .permit(caller, Verb::Operate, Some(&name), what)
            .await?;
        Ok((self.repo(&name).await?, audit))
    }

    /// The only repository that the caller may view.
    async fn only_repo(&self, caller: &Caller) -> AppResult<Slug> {
        let names: Vec<Slug> = self
            .repos(caller)
            .await?
            .into_iter()
            .map(|repo| repo.name)
            .collect();
        if let [only] = names.as_slice() {
            return Ok(only.clone());
        }
        if names.is_empty() {
            return Err(AppError::unclear(
                "there are no repositories",
                "add one with `repo add`",
            ));
        }
        let hint = format!(
            "use `--repo` with one of: {}",
            names
                .iter()
                .map(Slug::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        );
        let text = format!("which repository? There are {}.", names.len());
        Err(AppError::unclear(text, hint))
    }
}
