//! Statistics about the whole installation.

use std::time::Duration;

use async_trait::async_trait;

use crate::{attempt::Usage, clock::Timestamp, ports::error::StoreResult};

/// Since when the oldest of each kind has been waiting; `None` if nothing waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OldestPending {
    /// A task that could be claimed.
    pub queued: Option<Timestamp>,
    /// An open question.
    pub question: Option<Timestamp>,
    /// The claim of a current attempt.
    pub lease: Option<Timestamp>,
    /// A message to be posted.
    pub outbox: Option<Timestamp>,
    /// An event to be processed.
    pub inbox: Option<Timestamp>,
    /// How many events there are to be processed.
    pub inbox_depth: u64,
}

/// The total usage of a group of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// The repository.
    pub repo: String,
    /// The requester of the tasks.
    pub requester: String,
    /// The day since 1970, in UTC.
    pub day: i64,
    /// The total.
    pub usage: Usage,
}

/// Attempts that ended within one span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedAttempts {
    /// Which span, counted from the first one requested.
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
    /// The total time from claim to end of those with a result.
    pub took: Duration,
    /// The total time of all attempts that ended.
    pub busy: Duration,
    /// First attempts that ended.
    pub first_claims: u64,
    /// The total time that their tasks waited to be claimed.
    pub queued: Duration,
    /// Questions that were asked.
    pub asked: u64,
    /// Messages in the threads of the tasks that ended with a result.
    pub messages: u64,
}

/// Statistics about the whole installation.
#[async_trait]
pub trait Stats: Send + Sync {
    /// Writes a dummy value, to check that writing works.
    async fn probe_write(&self) -> StoreResult<()>;
    /// Since when the oldest of each kind has been waiting.
    async fn oldest_pending(&self) -> StoreResult<OldestPending>;
    /// The attempts that ended since then, for each span of this length in which any did.
    async fn ended_since(
        &self,
        since: Timestamp,
        span: Duration,
    ) -> StoreResult<Vec<EndedAttempts>>;
    /// What happened since then.
    async fn day(&self, since: Timestamp) -> StoreResult<DayStats>;
    /// The usage of attempts that ended since then, by repository, requester and day in UTC.
    async fn spent_since(&self, since: Timestamp) -> StoreResult<Vec<Spending>>;
    /// The answers since then, latest first, at most `limit`: when each was given, and how long its
    /// question had waited.
    async fn answers_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(Timestamp, Duration)>>;
    /// How far apart the clocks of this machine and of the database are.
    fn skew(&self) -> Duration;
}
