//! What a person asks for, and the task that it becomes.

use vine_domain::{
    AuditEntry, Branch, Invalid, Lane, MessageId, ModelChoice, Prompt, Repo, Slug, TaskId, Title,
    ports::NewTask,
};

use crate::{AppResult, texts};

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
    /// The task from whose branch it starts, once that is done.
    pub after: Option<TaskId>,
    /// The branch to commit to (default: named after the task).
    pub branch: Option<Branch>,
    /// How urgent.
    pub lane: Lane,
    /// Which model; what is left out is the repository's.
    pub model: ModelChoice,
    /// A second creation with the same key returns the first task.
    pub key: Option<String>,
}

impl TaskRequest {
    /// A request with nothing but a title.
    pub fn titled(title: Title) -> Self {
        Self {
            title,
            prompt: None,
            repo: None,
            base: None,
            after: None,
            branch: None,
            lane: Lane::Default,
            model: ModelChoice::default(),
            key: None,
        }
    }
}

/// A permitted request, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct PermittedTask {
    /// What was asked for; its key is this caller's.
    pub request: TaskRequest,
    /// Where.
    pub repo: Repo,
    /// The task that must be done before.
    pub waits_for: Option<TaskId>,
    /// Who asked.
    pub requester: String,
    /// The decision that allowed it.
    pub audit: Option<AuditEntry>,
    /// The id of its card.
    pub card: MessageId,
    /// The address of the page, for the link in its card.
    pub link: String,
    /// The preset and wall of its agents, for its card.
    pub isolation: Option<String>,
}

impl PermittedTask {
    /// The task of this number, with its card.
    pub fn numbered(self, id: TaskId) -> AppResult<NewTask> {
        let TaskRequest {
            title,
            prompt,
            base,
            branch,
            lane,
            model,
            key,
            repo: _,
            after: _,
        } = self.request;
        let branch = match branch {
            Some(branch) if branch.as_str() == Branch::DEFAULT => {
                let hint = "name a branch, or leave it out";
                return Err(Invalid::new("branch name", "`HEAD` is reserved", hint).into());
            }
            Some(branch) => branch,
            None => self.repo.conventions.branch(id, &title),
        };
        let mut new = NewTask {
            id,
            prompt: prompt.map_or_else(|| title.as_str().parse(), Ok)?,
            base: base.unwrap_or(self.repo.base),
            waits_for: self.waits_for,
            repo: self.repo.name,
            title,
            branch,
            lane,
            model,
            requester: self.requester,
            key,
            messages: Vec::new(),
            audit: self.audit,
        };
        let card = texts::new_card(self.card, &self.link, self.isolation.as_deref(), &new);
        new.messages.push(card);
        Ok(new)
    }
}
