//! The queue: work orders and leases, and what waits for them.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    attempt::Attempt, ids::WorkerId, input::Slug, note::Note, ports::error::StoreResult,
    question::Question, queue::QueueDepths,
};

/// What a worker is responsible for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerDuties {
    /// The leases it holds.
    pub leases: Vec<Attempt>,
    /// Attempts whose work someone wants to be pushed, each with the commit that they know.
    pub wanted: Vec<(Attempt, String)>,
    /// Whether an agent of these leases must be told an answer or a note.
    pub has_news: bool,
}

/// The queue: work orders and leases, and what waits for them.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Extends leases. A lease may be written less often than it is renewed.
    async fn renew(&self, held: &[(WorkerId, Attempt)]) -> StoreResult<()>;
    /// Extends every live lease by its full length; called once at start, so that no worker is
    /// declared lost because we were away.
    async fn adopt_leases(&self) -> StoreResult<()>;
    /// The leases that a worker holds.
    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<Attempt>>;
    /// The leases that a worker holds, and what it must push; one query, since each heartbeat asks
    /// for it.
    async fn duties(&self, worker: WorkerId) -> StoreResult<WorkerDuties>;
    /// Attempts whose lease has ended.
    async fn expired(&self) -> StoreResult<Vec<Attempt>>;
    /// Questions of tasks that `worker` holds whose outcome the agent must still be told.
    async fn undelivered(&self, worker: WorkerId) -> StoreResult<Vec<Question>>;
    /// Waiting notes for tasks that `worker` holds, oldest first, each with the current attempt.
    async fn waiting_notes_for(&self, worker: WorkerId) -> StoreResult<Vec<(Attempt, Note)>>;
    /// Follows the machine's clock after people set it, and moves leases and pauses by the same
    /// amount, so that setting a clock ends none of them. Returns the number of milliseconds.
    async fn keep_time(&self) -> StoreResult<Option<i64>>;
    /// Whether an order is due, and how long until the next one is.
    async fn next_due(&self) -> StoreResult<DueOrders>;
    /// Workers for which orders or warm sessions are reserved, at most `limit`; they are asked
    /// first.
    async fn preferred(&self, limit: u32) -> StoreResult<Vec<WorkerId>>;
    /// The depth of each queue.
    async fn depths(&self) -> StoreResult<QueueDepths>;
    /// Stops or resumes claiming, everywhere or in one repository.
    async fn set_paused(&self, repo: Option<&Slug>, paused: bool) -> StoreResult<()>;
}

/// When orders are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueOrders {
    /// Whether one is due now, for any worker.
    pub now: bool,
    /// How long until the next one that is not yet due.
    pub next: Option<Duration>,
}
