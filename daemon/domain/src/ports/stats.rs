//! Numbers about the place as a whole.

use std::time::Duration;

use async_trait::async_trait;

use crate::{attempt::Usage, clock::Timestamp, ports::error::StoreResult};

/// Since when the oldest of each kind waits; `None` when there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OldestPending {
    /// A task that could be claimed.
    pub queued: Option<Timestamp>,
    /// An open question.
    pub question: Option<Timestamp>,
    /// The claim of an attempt under way.
    pub lease: Option<Timestamp>,
    /// A message that is to be posted.
    pub outbox: Option<Timestamp>,
    /// An event that is to be dealt with.
    pub inbox: Option<Timestamp>,
    /// How many of those there are.
    pub inbox_depth: u64,
}

/// What attempts cost together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// Of this repository.
    pub repo: String,
    /// For tasks of this person.
    pub requester: String,
    /// On this day since 1970, in UTC.
    pub day: i64,
    /// All of it.
    pub usage: Usage,
}

/// Attempts that ended within one span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedAttempts {
    /// Which span, counted from the first one asked for.
    pub span: usize,
    /// With a result.
    pub done: u64,
    /// With a failure.
    pub failed: u64,
}

/// What happened within a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayStats {
    /// Attempts that ended with a result.
    pub done: u64,
    /// With a failure.
    pub failed: u64,
    /// How long those with a result took from their claim on, together.
    pub took: Duration,
    /// How long all attempts that ended took, together.
    pub busy: Duration,
    /// First attempts that ended.
    pub first_claims: u64,
    /// How long their tasks waited for their claim, together.
    pub queued: Duration,
    /// Questions that were asked.
    pub asked: u64,
    /// Messages in the threads of what ended with a result.
    pub messages: u64,
}

/// Numbers about the place as a whole.
#[async_trait]
pub trait Stats: Send + Sync {
    /// Writes something that means nothing, to see whether that can be done.
    async fn probe_write(&self) -> StoreResult<()>;
    /// Since when what waits has waited.
    async fn oldest_pending(&self) -> StoreResult<OldestPending>;
    /// What came to an end since then, for each span of that length in which anything did.
    async fn ended_since(
        &self,
        since: Timestamp,
        span: Duration,
    ) -> StoreResult<Vec<EndedAttempts>>;
    /// What happened since then.
    async fn day(&self, since: Timestamp) -> StoreResult<DayStats>;
    /// What attempts cost that ended since then, by repository, requester and day in UTC.
    async fn spent_since(&self, since: Timestamp) -> StoreResult<Vec<Spending>>;
    /// The answers since then, latest first, at most so many: when each was given, and how long its
    /// question had waited.
    async fn answers_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(Timestamp, Duration)>>;
    /// How far the clocks of this machine and of the database are apart.
    fn skew(&self) -> Duration;
}
