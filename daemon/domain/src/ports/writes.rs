//! The way into the store: decided writes, several in one transaction.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    access::AuditEntry,
    assignment::Assignment,
    chat::{Inbound, Outbound},
    clock::Timestamp,
    forge::ChangeRequest,
    ids::{MessageId, TaskId, WorkerId},
    input::{Branch, Prompt, Slug, Title},
    lifecycle::Change,
    model::ModelChoice,
    ports::error::StoreResult,
    queue::Lane,
    schedule::ClaimRequest,
    session::SessionPolicy,
};

/// What was decided. It is stored completely, or refused by itself.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new, queued task with its first messages.
    Create(Box<NewTask>),
    /// A change of a task, with the messages about it; [`super::StoreError::Conflict`] if the task
    /// has changed since the decision.
    Change(Box<Commit>),
    /// Messages that change no task.
    Say(Say),
    /// The new state of the pull request of a task, with the messages about it;
    /// [`super::StoreError::Conflict`] if it has changed since the decision.
    Request(Box<SaveRequest>),
    /// Due orders for workers that want some. All requests are decided together, after the other
    /// writes of their batch.
    Claim(Vec<ClaimRequest>),
    /// An entry in the audit.
    Audit(AuditEntry),
}

/// What a write has led to.
#[derive(Debug)]
pub enum Written {
    /// It is stored.
    Stored,
    /// The task is there: the new one, or the one that was created with the same key before, which is
    /// left unchanged.
    Created(TaskId),
    /// These orders were given to workers.
    Claimed(Vec<ClaimedTask>),
}

/// The way into the store.
#[async_trait]
pub trait Writes: Send + Sync {
    /// Stores decided writes in one transaction, with one outcome for each; if it fails as a whole,
    /// nothing is stored. At most one of them may change the same task.
    async fn commit(&self, batch: &[Write]) -> StoreResult<Vec<StoreResult<Written>>>;
}

/// A task to be created.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// One of the ids from [`super::Tasks::next_tasks`].
    pub id: TaskId,
    /// One line.
    pub title: Title,
    /// What the agent should do.
    pub prompt: Prompt,
    /// The repository.
    pub repo: Slug,
    /// The branch to start from.
    pub base: Branch,
    /// The task that must be done before it is queued.
    pub waits_for: Option<TaskId>,
    /// The branch to commit to.
    pub branch: Branch,
    /// Its lane.
    pub lane: Lane,
    /// The model of its agents.
    pub model: ModelChoice,
    /// The requester's name.
    pub requester: String,
    /// The idempotency key: creating again with the same key returns the first task.
    pub key: Option<String>,
    /// The first messages of its thread.
    pub messages: Vec<Outbound>,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}

/// A decided change, with what is stored about it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The change.
    pub change: Change,
    /// Messages for the task's thread.
    pub messages: Vec<Outbound>,
    /// The person's message that caused it, to be stored in the thread.
    pub reply: Option<Reply>,
    /// The patch of the attempt that it ends, for `task diff`.
    pub patch: Option<String>,
    /// The policy for the task's session.
    pub sessions: SessionPolicy,
    /// Whether the task was queued before, so that its order is removed with the change.
    pub was_queued: bool,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
    /// Whether its pull request is to be looked at, since its work was pushed.
    pub pushed: bool,
}

/// The pull request of a task, to be stored.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// The request, with the version that the decision was based on.
    pub request: ChangeRequest,
    /// When it is to be looked at next; `None` if only a change of its task calls for that.
    pub due: Option<Timestamp>,
    /// Messages for the task's thread.
    pub messages: Vec<Outbound>,
}

/// Messages that change no task. One whose id is known is ignored.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// What a person wrote before them, in the thread of a task.
    pub reply: Option<(TaskId, Reply)>,
    /// Ours, in order.
    pub messages: Vec<Outbound>,
    /// The event that they answer: it is processed with this, so that a crash cannot process it
    /// again.
    pub event: Option<Box<Inbound>>,
}

impl Say {
    /// One message.
    pub fn one(message: Outbound) -> Self {
        Self {
            messages: vec![message],
            ..Self::default()
        }
    }
}

/// A person's message in the thread of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its id.
    pub id: MessageId,
    /// The person's name.
    pub author: String,
    /// Their words.
    pub text: String,
}

/// An order that was given to a worker.
#[derive(Debug, Clone)]
pub struct ClaimedTask {
    /// The worker.
    pub worker: WorkerId,
    /// What it must do.
    pub assignment: Assignment,
    /// The lane it waited in.
    pub lane: Lane,
    /// How long it was ready before it was claimed.
    pub waited: Duration,
}
