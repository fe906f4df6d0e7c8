//! Messages in the threads of tasks.

use async_trait::async_trait;

use crate::{chat::Message, ids::TaskId, ports::error::StoreResult};

/// Messages in the threads of tasks.
#[async_trait]
pub trait Messages: Send + Sync {
    /// A thread after `seq`, oldest first.
    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
    /// The latest messages of a thread, in order.
    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>>;
    /// The messages of all threads after `seq`, oldest first, up to the first place where an
    /// earlier one may still be being written; no private replies.
    async fn messages(&self, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
}
