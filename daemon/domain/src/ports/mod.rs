//! What the rules need from the outside: the [`Store`] in eleven parts, one for each kind of thing it
//! keeps, [`Chat`] with its [`EventSink`], and [`WakeupBus`]. All are object-safe; every method has one
//! meaning.

mod chat;
mod fleet;
mod leases;
mod orders;
mod people;
mod questions;
mod repos;
mod retention;
mod sessions;
mod stats;
mod tasks;
mod threads;
mod wakeups;

pub use self::{
    chat::{Chat, ChatError, EventSink, WORKING},
    fleet::Fleet,
    leases::{LeaseOutcome, Leases},
    orders::{Orders, WorkerDuties},
    people::People,
    questions::Questions,
    repos::Repos,
    retention::RetentionStore,
    sessions::Sessions,
    stats::{DayStats, EndedAttempts, OldestPending, Spending, Stats},
    tasks::{KeptWork, Tasks},
    threads::{PostedMessage, Threads, UnprocessedEvent},
    wakeups::{Wakeup, WakeupBus},
};

use std::time::Duration;

use crate::{
    access::AuditEntry,
    chat::Outbound,
    clock::Timestamp,
    ids::{Epoch, SessionId, TaskId, WorkerId},
    input::{Branch, Prompt, Slug, Title},
    lifecycle::Change,
    queue::Lane,
    session::SessionPolicy,
    task::Usage,
    worker::Assignment,
};

/// What can come of talking to the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the thing in between; load it and decide again.
    #[error("changed by somebody else in the meantime")]
    Conflict,
    /// A name that must be unique is taken.
    #[error("`{0}` exists already")]
    Taken(String),
    /// The store cannot serve now; trying again may help.
    #[error("the store cannot serve: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row is not what this version writes.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

/// Shorthand for answers of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// A task to be created; the store gives it its id.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// One of the ids that [`Tasks::next_tasks`] gave.
    pub id: TaskId,
    /// One line.
    pub title: Title,
    /// What to do.
    pub prompt: Prompt,
    /// Where.
    pub repo: Slug,
    /// Start from.
    pub base: Branch,
    /// Commit to.
    pub branch: Branch,
    /// How urgent.
    pub lane: Lane,
    /// Who asks.
    pub requester: String,
    /// A second creation with the same key gives the first task.
    pub key: Option<String>,
    /// The first messages of its thread.
    pub messages: Vec<Outbound>,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only this state, one of [`crate::TaskState::WORDS`], or `dead` for failed ones that were not
    /// discarded.
    pub state: Option<String>,
    /// Only this repository.
    pub repo: Option<Slug>,
    /// Only those with these words in their title or branch, in capitals or not.
    pub text: Option<String>,
    /// Only ids below this one: the last id of the page before.
    pub before: Option<TaskId>,
    /// At most this many.
    pub limit: u32,
}

/// A decided change, with what is to be said about it; stored together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The change.
    pub change: Change,
    /// Messages for the task's thread.
    pub messages: Vec<Outbound>,
    /// What a person wrote that led to it, to be kept in the thread: author and words.
    pub reply: Option<(String, String)>,
    /// What becomes of the task's session.
    pub sessions: SessionPolicy,
    /// The task was queued before, so that its order goes with the change.
    pub was_queued: bool,
    /// The decision that allowed it, for the audit.
    pub audit: Option<AuditEntry>,
}

/// A worker's wish for work.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who.
    pub worker: WorkerId,
    /// At most this many.
    pub slots: u32,
    /// None of these repositories, which are ill there.
    pub without: Vec<Slug>,
}

impl ClaimRequest {
    /// A wish for any work.
    pub fn of(worker: WorkerId, slots: u32) -> Self {
        Self {
            worker,
            slots,
            without: Vec::new(),
        }
    }
}

/// An order that was handed out.
#[derive(Debug, Clone)]
pub struct ClaimedTask {
    /// To whom.
    pub worker: WorkerId,
    /// What is to be done.
    pub assignment: Assignment,
    /// The lane it waited in.
    pub lane: Lane,
    /// How long it could have been claimed and was not.
    pub waited: Duration,
}

/// When orders are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueOrders {
    /// One is due now, whoever may take it.
    pub now: bool,
    /// How long until the next one of those that wait for their time.
    pub next: Option<Duration>,
}

/// The log of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Execution {
    /// Which.
    pub epoch: Epoch,
    /// On which worker, by name.
    pub worker: String,
    /// In which session, once there was one.
    pub session: Option<SessionId>,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended: `done`, `failed`, `lost`, `cancelled`, `released`, `parked`.
    pub outcome: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

/// Stations on a question's way that others note.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// When a platform first had it.
    pub posted: Option<Timestamp>,
    /// When somebody who may answer first looked at it.
    pub seen: Option<Timestamp>,
    /// When the attempt began that went on with the answer, if the one that asked had ended.
    pub resumed: Option<Timestamp>,
}

/// Numbers of all sessions so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// With a task.
    pub active: u64,
    /// Kept for the next one.
    pub warm: u64,
    /// Over, by reason: one of [`crate::session::ENDINGS`].
    pub ended: Vec<(String, u64)>,
    /// How long those lived, added up.
    pub lived: Duration,
    /// Tasks that were begun in a session of an earlier one.
    pub reused: u64,
}

/// One line of a task's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogLine {
    /// When it was stored.
    pub at: Timestamp,
    /// The attempt it belongs to.
    pub epoch: Epoch,
    /// One line.
    pub text: String,
}

/// Depths of everything that queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueDepths {
    /// Orders ready or waiting for their time, per lane in the order of [`Lane::ALL`].
    pub lanes: [u64; 3],
    /// Questions that wait for a person.
    pub open_questions: u64,
    /// Answers that have not reached their agent.
    pub undelivered_answers: u64,
    /// Tasks set aside.
    pub dead: u64,
    /// Messages not yet posted.
    pub outbox: u64,
    /// Workers that are enrolled.
    pub workers: u64,
    /// Nothing is claimed anywhere.
    pub paused: bool,
}

/// What a store costs its database.
pub trait TransactionCount: Send + Sync {
    /// Transactions since it was opened, with those of one statement.
    fn transaction_count(&self) -> u64;
}

/// The database. It is the truth: whatever is to survive a process goes through here first. Its
/// clock judges leases and due times; every method is one transaction.
pub trait Store:
    Tasks
    + Questions
    + Orders
    + Fleet
    + Sessions
    + Repos
    + Threads
    + People
    + Leases
    + Stats
    + RetentionStore
    + TransactionCount
{
}

impl<
    T: Tasks
        + Questions
        + Orders
        + Fleet
        + Sessions
        + Repos
        + Threads
        + People
        + Leases
        + Stats
        + RetentionStore
        + TransactionCount,
> Store for T
{
}
