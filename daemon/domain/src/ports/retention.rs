//! Removing old data, and proving that the rest is unchanged.

use async_trait::async_trait;

use crate::{
    clock::Timestamp, ledger::LedgerEntry, ports::error::StoreResult, retention::Retention,
};

/// Removing old data, and proving that the rest is unchanged.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Removes a small part of what has exceeded its retention; returns the number of rows. Of
    /// tasks that are not over, it removes only old log lines; it never removes questions and
    /// answers.
    async fn prune(&self, retention: &Retention) -> StoreResult<u64>;
    /// Removes a small part of the oldest removable rows, whatever their age; returns the number of
    /// rows.
    async fn shrink(&self) -> StoreResult<u64>;
    /// How many bytes the database's rows and indices take; freed space does not count.
    async fn size(&self) -> StoreResult<u64>;
    /// Seals some of the unsealed decisions and answers; returns the number.
    async fn seal(&self) -> StoreResult<u64>;
    /// The records after a link that were decided since then, in order, with the hash of the link
    /// before the first.
    async fn records(
        &self,
        after: u64,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<(String, Vec<LedgerEntry>)>;
}
