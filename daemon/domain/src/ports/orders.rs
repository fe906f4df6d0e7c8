//! The queue: work orders, leases and what they wait for.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    assignment::Assignment,
    attempt::Attempt,
    ids::WorkerId,
    input::Slug,
    note::Note,
    ports::error::StoreResult,
    question::Question,
    queue::{Lane, QueueDepths},
    schedule::ClaimRequest,
};

/// What a worker has to do with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerDuties {
    /// The leases that it holds.
    pub leases: Vec<Attempt>,
    /// Attempts whose work somebody wants to be pushed, each with the commit that they know of.
    pub wanted: Vec<(Attempt, String)>,
}

/// The queue: work orders, leases and what they wait for.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Gives due orders to workers, all wishes decided together.
    async fn claim(&self, wants: &[ClaimRequest]) -> StoreResult<Vec<ClaimedTask>>;
    /// Extends leases; coarse, so a lease may be written less often than it is renewed.
    async fn renew(&self, held: &[(WorkerId, Attempt)]) -> StoreResult<()>;
    /// Extends every live lease by its whole length; called once at start, so that nobody is
    /// declared dead for our absence.
    async fn adopt_leases(&self) -> StoreResult<()>;
    /// What a worker holds.
    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<Attempt>>;
    /// The leases that a worker holds, and what it is to push; one look at the store, since each beat
    /// asks.
    async fn duties(&self, worker: WorkerId) -> StoreResult<WorkerDuties>;
    /// Attempts whose lease has ended.
    async fn expired(&self) -> StoreResult<Vec<Attempt>>;
    /// Questions of tasks that `worker` holds of which the agent has to be told something.
    async fn undelivered(&self, worker: WorkerId) -> StoreResult<Vec<Question>>;
    /// Waiting notes for tasks that `worker` holds, oldest first, each with the attempt under way.
    async fn waiting_notes_for(&self, worker: WorkerId) -> StoreResult<Vec<(Attempt, Note)>>;
    /// Follows the clock that people set, which carries on what is written about time, and moves leases and
    /// pauses with it, which nobody's setting of a clock is to end. Returns by how many milliseconds.
    async fn keep_time(&self) -> StoreResult<Option<i64>>;
    /// Whether an order is due, and how long until the next one is.
    async fn next_due(&self) -> StoreResult<DueOrders>;
    /// Workers for whom orders or warm sessions are kept, at most so many: they are asked first.
    async fn preferred(&self, limit: u32) -> StoreResult<Vec<WorkerId>>;
    /// Depths of everything that queues.
    async fn depths(&self) -> StoreResult<QueueDepths>;
    /// Stops or resumes claiming, everywhere or in one repository.
    async fn set_paused(&self, repo: Option<&Slug>, paused: bool) -> StoreResult<()>;
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
