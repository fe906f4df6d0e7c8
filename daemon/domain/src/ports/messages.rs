//! Messages in the threads of tasks.

use async_trait::async_trait;

use uuid::Uuid;

use crate::{chat::Message, clock::Timestamp, ids::TaskId, input::Slug, ports::error::StoreResult};

/// Messages in the threads of tasks.
#[async_trait]
pub trait Messages: Send + Sync {
    /// A thread after `seq`, oldest first.
    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
    /// The latest messages of a thread, in order.
    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>>;
    /// The number of the latest message.
    async fn last_message(&self) -> StoreResult<u64>;
    /// The digests that were posted since a moment, each with its repository, oldest first.
    async fn digests(&self, since: Timestamp) -> StoreResult<Vec<(Slug, Uuid)>>;
    /// The messages of all threads after `seq`, oldest first, up to the first place where an
    /// earlier one may still be being written; no private replies.
    async fn messages(&self, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
}
