//! The inbox: what people did on platforms, stored before it is acknowledged.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    chat::{Inbound, InboundBatch},
    clock::Timestamp,
    ports::error::StoreResult,
};

/// An event that is not yet processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprocessedEvent {
    /// Its place in the inbox.
    pub seq: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// What a person did.
    pub event: Inbound,
}

/// The inbox: what people did on platforms, stored before it is acknowledged.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores an event before it is acknowledged to the platform; `false` if it is already known.
    async fn store_event(&self, event: &Inbound) -> StoreResult<bool>;
    /// Stores what a platform's stream contained, and its new position. Known events stay
    /// unchanged, except those whose text was awaited. Returns how many of our messages turned out
    /// to be posted twice.
    async fn ingest(&self, platform: &str, batch: &InboundBatch) -> StoreResult<u64>;
    /// The position after a platform's last batch.
    async fn cursor(&self, platform: &str) -> StoreResult<Option<String>>;
    /// An event by the platform's id.
    async fn event(&self, platform: &str, event: &str) -> StoreResult<Option<Inbound>>;
    /// Whether an event was processed.
    async fn is_processed(&self, event: &Inbound) -> StoreResult<bool>;
    /// Some of the events after `after` that were stored at least `age` ago and are not yet
    /// processed, oldest first; those whose text is awaited only after `awaited`.
    async fn unprocessed(
        &self,
        age: Duration,
        awaited: Duration,
        after: u64,
    ) -> StoreResult<Vec<UnprocessedEvent>>;
    /// Events of a platform whose text its adapter must fetch, oldest first.
    async fn awaited(&self, platform: &str) -> StoreResult<Vec<Inbound>>;
    /// Marks an event as processed.
    async fn mark_processed(&self, event: &Inbound) -> StoreResult<()>;
    /// Threads on a platform whose tasks are not over, as (room, thread).
    async fn live_threads(&self, platform: &str) -> StoreResult<Vec<(String, String)>>;
}
