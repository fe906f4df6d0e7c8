//! Creating and changing tasks.

use std::collections::HashMap;

use vine_api::TaskView;
use vine_domain::{
    AuditEntry, Branch, Invalid, Lane, Note, Prompt, Question, Repo, Slug, Task, TaskId, Timestamp,
    Title, Verb,
    attempt::Execution,
    lifecycle::{Event, TaskAction},
    ports::NewTask,
};

use crate::{App, AppError, AppResult, Caller, Missing, batcher::BatchedCall, texts};

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct TaskRequest {
    /// One line.
    pub title: Title,
    /// What to do (default: the title).
    pub prompt: Option<Prompt>,
    /// Where; may be left out if there is only one repository.
    pub repo: Option<Slug>,
    /// The branch to start from (default: the repository's).
    pub base: Option<Branch>,
    /// The branch to commit to (default: named after the task).
    pub branch: Option<Branch>,
    /// How urgent.
    pub lane: Lane,
    /// A second creation with the same key returns the first task.
    pub key: Option<String>,
}

/// A permitted request, before it has an id.
#[derive(Debug, Clone)]
pub(crate) struct PermittedTask {
    wish: TaskRequest,
    repo: Repo,
    requester: String,
    audit: Option<AuditEntry>,
}

impl PermittedTask {
    fn new(caller: &Caller, wish: TaskRequest, repo: Repo, audit: Option<AuditEntry>) -> Self {
        // Each caller has their own keys, so that no key returns another person's task.
        let key = wish.key.map(|key| format!("{}:{key}", caller.id()));
        Self {
            wish: TaskRequest { key, ..wish },
            repo,
            requester: caller.name().to_owned(),
            audit,
        }
    }

    fn with(self, app: &App, id: TaskId) -> AppResult<NewTask> {
        let Self {
            wish,
            repo,
            requester,
            audit,
        } = self;
        let branch = match wish.branch {
            Some(branch) if branch.as_str() == Branch::DEFAULT => {
                let hint = "name a branch, or leave it out";
                return Err(
                    Invalid::new("branch name", "`HEAD` is reserved".to_owned(), hint).into(),
                );
            }
            Some(branch) => branch,
            None => Branch::of_task(id, &wish.title),
        };
        let prompt = wish
            .prompt
            .map_or_else(|| wish.title.as_str().parse(), Ok)?;
        app.around.holds(&repo);
        let (base, key, messages) = (wish.base.unwrap_or(repo.base), wish.key, Vec::new());
        let (title, lane, repo) = (wish.title, wish.lane, repo.name);
        let new = NewTask {
            id,
            title,
            prompt,
            base,
            repo,
            branch,
            lane,
            requester,
            key,
            messages,
            audit,
        };
        let card = texts::new_card(app, &new);
        Ok(NewTask {
            messages: vec![card],
            ..new
        })
    }
}

/// A task with everything that belongs to it.
pub struct TaskWithParts {
    /// The task.
    pub task: Task,
    /// What its agents asked.
    pub questions: Vec<Question>,
    /// What people told its agents.
    pub notes: Vec<Note>,
    /// Its attempts, oldest first.
    pub executions: Vec<Execution>,
}

impl TaskWithParts {
    /// As programs see it.
    pub fn view(&self) -> TaskView {
        TaskView::whole(&self.task, &self.questions, &self.notes, &self.executions)
    }
}

impl App {
    /// Creates a task and queues it.
    pub async fn create(&self, caller: &Caller, wish: TaskRequest) -> AppResult<Task> {
        let draft = self.draft(caller, wish).await?;
        let app = self.clone();
        let id = self
            .together
            .creations
            .call(draft, |calls| app.create_all(calls))
            .await?;
        self.task(id).await
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
            drafts.push(PermittedTask::new(caller, wish, repo, audit));
        }
        self.store_drafts(drafts).await
    }

    async fn draft(&self, caller: &Caller, wish: TaskRequest) -> AppResult<PermittedTask> {
        let (repo, audit) = self
            .permitted(caller, wish.repo.as_ref(), "a new task")
            .await?;
        Ok(PermittedTask::new(caller, wish, repo, Some(audit)))
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
            .permit(caller, Verb::Operate, Some(&name), what)
            .await?;
        Ok((self.repo(&name).await?, audit))
    }

    async fn create_all(self, calls: Vec<BatchedCall<PermittedTask, TaskId>>) {
        let drafts = calls.iter().map(|call| call.input.clone()).collect();
        match self.store_drafts(drafts).await {
            Ok(ids) => calls
                .into_iter()
                .zip(ids)
                .for_each(|(call, id)| call.reply(Ok(id))),
            Err(error) if calls.len() == 1 => calls
                .into_iter()
                .zip([error])
                .for_each(|(call, error)| call.reply(Err(error))),
            // A task that cannot be stored must not make the others fail.
            Err(error) => {
                tracing::warn!(%error, "could not store {} tasks together, storing them one by one: \
                 {error}", calls.len());
                for call in calls {
                    let id = self
                        .store_drafts(vec![call.input.clone()])
                        .await
                        .map(|ids| ids[0]);
                    call.reply(id);
                }
            }
        }
    }

    async fn store_drafts(&self, drafts: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
        let ids = self
            .store
            .next_tasks(u32::try_from(drafts.len()).unwrap_or(u32::MAX))
            .await?;
        let news: Vec<NewTask> = drafts
            .into_iter()
            .zip(&ids)
            .map(|(draft, id)| draft.with(self, *id))
            .collect::<AppResult<_>>()?;
        let known = self.store.create(&news).await?;
        self.meter
            .created(known.iter().filter(|known| known.is_none()).count());
        self.wakes.work();
        self.wakes.outbox();
        Ok(known
            .into_iter()
            .zip(ids)
            .map(|(known, id)| known.unwrap_or(id))
            .collect())
    }

    /// Cancels, retries, moves or discards a task.
    pub async fn order(&self, caller: &Caller, id: TaskId, order: TaskAction) -> AppResult<Task> {
        let task = self.task(id).await?;
        let audit = self
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
        self.transition_for(
            id,
            Event::Ordered {
                order,
                by: caller.name().to_owned(),
            },
            None,
            Some(audit),
        )
        .await?;
        self.task(id).await
    }

    /// One task.
    pub async fn task(&self, id: TaskId) -> AppResult<Task> {
        self.store
            .task(id)
            .await?
            .ok_or_else(|| Missing::Task(id).into())
    }

    /// The same for a person who may view it.
    pub async fn look_at(&self, caller: &Caller, id: TaskId) -> AppResult<Task> {
        let task = self.task(id).await?;
        self.allow(caller, Verb::See, Some(&task.repo), &id.to_string())
            .await?;
        Ok(task)
    }

    /// A task with everything that belongs to it; its questions count as seen by the caller.
    pub async fn task_with_parts(&self, caller: &Caller, id: TaskId) -> AppResult<TaskWithParts> {
        let task = self.look_at(caller, id).await?;
        let questions = self.store.questions_of(id).await?;
        self.seen(caller, &task.repo, &questions).await?;
        Ok(TaskWithParts {
            questions,
            executions: self.store.executions(id).await?,
            notes: self.store.notes_of(id).await?,
            task,
        })
    }

    /// Whether the task that was created then is over; an unknown one is not.
    pub async fn is_over(&self, id: TaskId, created: Timestamp) -> AppResult<bool> {
        let task = self.store.task(id).await?;
        Ok(task.is_some_and(|task| task.created == created && task.is_over()))
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
