//! What is removed since it is old, and what can be proved of what stays.

use async_trait::async_trait;

use crate::{
    clock::Timestamp, ledger::LedgerEntry, ports::error::StoreResult, retention::Retention,
};

/// What is removed since it is old, and what can be proved of what stays.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Removes a small part of what is older than it is to be; how many rows that were. Nothing of tasks
    /// that are not over but old lines of their logs, nothing of questions and answers.
    async fn prune(&self, retention: &Retention) -> StoreResult<u64>;
    /// Removes a small part of the oldest that may go, whatever its age; how many rows that were.
    async fn shrink(&self) -> StoreResult<u64>;
    /// How many bytes the rows of the database take, with their indices; room that is free again does not
    /// count.
    async fn size(&self) -> StoreResult<u64>;
    /// Seals a part of the decisions and answers that are not; how many those were.
    async fn seal(&self) -> StoreResult<u64>;
    /// Records after a link that were decided since then, in their order, with the hash of the link before
    /// the first.
    async fn records(
        &self,
        after: u64,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<(String, Vec<LedgerEntry>)>;
}
