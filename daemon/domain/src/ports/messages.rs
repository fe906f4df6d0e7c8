//! Messages in the threads of tasks.

use async_trait::async_trait;

use crate::{
    chat::{Inbound, Message, Outbound},
    ids::TaskId,
    ports::error::StoreResult,
};

/// Messages in the threads of tasks.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Adds messages to a thread without changing a task; `reply` is what a person wrote before
    /// them.
    async fn add_messages(
        &self,
        task: TaskId,
        reply: Option<(&str, &str)>,
        messages: &[Outbound],
    ) -> StoreResult<()>;
    /// Adds a person's command and its result to a thread. This also marks the event as processed,
    /// so that a crash cannot run it again.
    async fn add_command_reply(
        &self,
        event: &Inbound,
        author: &str,
        task: TaskId,
        message: &Outbound,
    ) -> StoreResult<()>;
    /// Adds one message; a second one with the same id is ignored.
    async fn enqueue_message(&self, message: &Outbound) -> StoreResult<()>;
    /// A thread after `seq`, oldest first.
    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
    /// The latest messages of a thread, in order.
    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>>;
    /// The messages of all threads after `seq`, oldest first, up to the first place where an
    /// earlier one may still be being written; no private replies.
    async fn messages(&self, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
}
