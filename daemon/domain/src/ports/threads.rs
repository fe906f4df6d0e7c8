//! Messages: inbox, threads, outbox.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    chat::{
        Button, Inbound, InboundBatch, Message, Outbound, OutboxItem, PostStatus, Posted,
        PrivateReply,
    },
    clock::Timestamp,
    ids::{MessageId, QuestionId, TaskId},
    ports::error::StoreResult,
};

/// A message of ours, found by the platform's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedMessage {
    /// The thread it is in.
    pub task: Option<TaskId>,
    /// The question it asks or settles.
    pub question: Option<QuestionId>,
    /// Its buttons.
    pub buttons: Vec<Button>,
    /// Whom it was for, if it is a private reply.
    pub aside: Option<PrivateReply>,
}

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

/// Messages: inbox, threads, outbox.
#[async_trait]
pub trait Threads: Send + Sync {
    /// Stores an event before it is acknowledged to the platform; `false` if it is already known.
    async fn store_event(&self, event: &Inbound) -> StoreResult<bool>;
    /// Stores what a platform's stream contained, and its new position. Known events stay
    /// unchanged, except those whose text was awaited. Returns how many of our messages turned out
    /// to be posted twice.
    async fn ingest(&self, platform: &str, batch: &InboundBatch) -> StoreResult<u64>;
    /// The position after a platform's last batch.
    async fn cursor(&self, platform: &str) -> StoreResult<Option<String>>;
    /// A message of ours by the platform's id of the message or one of its parts.
    async fn find_posted(
        &self,
        platform: &str,
        reference: &str,
    ) -> StoreResult<Option<PostedMessage>>;
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
    /// Messages due for a platform, at most `limit`: in order within each thread, and questions
    /// before state changes. Edits that show states may come later than messages after them.
    async fn due(&self, platform: &str, limit: u32) -> StoreResult<Vec<OutboxItem>>;
    /// The questions of a task that a platform shows or may show. Another daemon may have posted
    /// what was stored before `begun`, when we began to post; if another one posts, whenever it was
    /// stored.
    async fn post_statuses(
        &self,
        platform: &str,
        task: TaskId,
        begun: Option<Timestamp>,
    ) -> StoreResult<Vec<(QuestionId, PostStatus)>>;
    /// How long until the next delayed message is due, if there is one.
    async fn next_due_in(&self, platform: &str) -> StoreResult<Option<Duration>>;
    /// Records where messages were posted, all in one write.
    async fn mark_posted(&self, posted: &[(&OutboxItem, Posted)]) -> StoreResult<()>;
    /// Threads on a platform whose tasks are not over, as (room, thread).
    async fn live_threads(&self, platform: &str) -> StoreResult<Vec<(String, String)>>;
    /// Makes everything due that could not be posted in a room, except private replies.
    async fn retry_room_now(&self, platform: &str, room: &str) -> StoreResult<()>;
    /// Delays everything that waits for a room by at least this pause.
    async fn defer_room(&self, platform: &str, room: &str, pause: Duration) -> StoreResult<()>;
    /// Starts a new thread for a task in a room, since the old one is gone: with its card, its open
    /// questions and what was not yet posted.
    async fn restart_thread(&self, platform: &str, room: &str, task: TaskId) -> StoreResult<()>;
    /// Stops trying to post a message on a platform.
    async fn give_up(&self, message: MessageId, platform: &str) -> StoreResult<()>;
    /// Retries a message after a pause; `failed`: the try counts as a failure.
    async fn postpone(
        &self,
        message: MessageId,
        platform: &str,
        pause: Duration,
        failed: bool,
    ) -> StoreResult<()>;
}
