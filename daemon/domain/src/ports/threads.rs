//! What was said: inbox, threads, outbox.

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

/// A message of ours, found by the platform's id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedMessage {
    /// The thread it stands in.
    pub task: Option<TaskId>,
    /// The question it asks or settles.
    pub question: Option<QuestionId>,
    /// Its buttons.
    pub buttons: Vec<Button>,
    /// To whom it was said, when it was said to one person.
    pub aside: Option<PrivateReply>,
}

/// An event that nobody has dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprocessedEvent {
    /// Its place in the inbox.
    pub seq: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// What somebody did.
    pub event: Inbound,
}

/// What was said: inbox, threads, outbox.
#[async_trait]
pub trait Threads: Send + Sync {
    /// Stores an event before the platform is told that we have it; `false` when it is known
    /// already.
    async fn store_event(&self, event: &Inbound) -> StoreResult<bool>;
    /// Stores what a platform's stream brought, and its new position. Events that are known already
    /// stay as they are, but for those whose words were awaited. Returns how many of our messages
    /// turned out to be shown twice.
    async fn ingest(&self, platform: &str, batch: &InboundBatch) -> StoreResult<u64>;
    /// The position that the last batch of a platform brought.
    async fn cursor(&self, platform: &str) -> StoreResult<Option<String>>;
    /// A message of ours by the platform's id of it, or of one of its parts.
    async fn find_posted(
        &self,
        platform: &str,
        reference: &str,
    ) -> StoreResult<Option<PostedMessage>>;
    /// An event by the platform's id of it.
    async fn event(&self, platform: &str, event: &str) -> StoreResult<Option<Inbound>>;
    /// Whether an event was dealt with.
    async fn is_processed(&self, event: &Inbound) -> StoreResult<bool>;
    /// Some of the events after `after` that were stored at least `age` ago and not yet dealt with,
    /// oldest first; those whose words are awaited only after `awaited`.
    async fn unprocessed(
        &self,
        age: Duration,
        awaited: Duration,
        after: u64,
    ) -> StoreResult<Vec<UnprocessedEvent>>;
    /// Events of a platform whose words its adapter is to fetch, oldest first.
    async fn awaited(&self, platform: &str) -> StoreResult<Vec<Inbound>>;
    /// Marks an event as dealt with.
    async fn mark_processed(&self, event: &Inbound) -> StoreResult<()>;
    /// Adds messages to a thread without changing a task; `reply` is what a person wrote before
    /// them.
    async fn add_messages(
        &self,
        task: TaskId,
        reply: Option<(&str, &str)>,
        messages: &[Outbound],
    ) -> StoreResult<()>;
    /// Adds a command that a person said to a thread, and what came of it; the event that brought
    /// it is dealt with thereby, so that no crash runs it again.
    async fn add_command_reply(
        &self,
        event: &Inbound,
        author: &str,
        task: TaskId,
        message: &Outbound,
    ) -> StoreResult<()>;
    /// Adds one message; a second one with the same id is none.
    async fn enqueue_message(&self, message: &Outbound) -> StoreResult<()>;
    /// A thread after `seq`, oldest first.
    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
    /// The latest messages of a thread, oldest of them first.
    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>>;
    /// All threads after `seq`, oldest first, up to where something may still be under way that
    /// comes before; nothing aside.
    async fn messages(&self, after: u64, limit: u32) -> StoreResult<Vec<Message>>;
    /// Messages due for a platform, at most `limit`: in order within each thread, and questions
    /// before news of states. Edits of states may come later than what was said after them.
    async fn due(&self, platform: &str, limit: u32) -> StoreResult<Vec<OutboxItem>>;
    /// The questions of a task that a platform shows, or may show: somebody else may have posted
    /// what was stored before `begun`, since when we post; whenever it was stored, if somebody else
    /// does.
    async fn post_statuses(
        &self,
        platform: &str,
        task: TaskId,
        begun: Option<Timestamp>,
    ) -> StoreResult<Vec<(QuestionId, PostStatus)>>;
    /// How long until the next message that waits for its time is due, if any does.
    async fn next_due_in(&self, platform: &str) -> StoreResult<Option<Duration>>;
    /// Notes where messages were put, all in one write.
    async fn mark_posted(&self, posted: &[(&OutboxItem, Posted)]) -> StoreResult<()>;
    /// Threads on a platform whose tasks are not over, as (room, thread).
    async fn live_threads(&self, platform: &str) -> StoreResult<Vec<(String, String)>>;
    /// Makes due what could not be posted in a room; nothing that is told to one person.
    async fn retry_room_now(&self, platform: &str, room: &str) -> StoreResult<()>;
    /// Lets everything that waits for a room wait for so long at least.
    async fn defer_room(&self, platform: &str, room: &str, pause: Duration) -> StoreResult<()>;
    /// Begins the thread of a task in a room anew, with its card, the questions that are open, and
    /// what was not posted so far: the old one is gone.
    async fn restart_thread(&self, platform: &str, room: &str, task: TaskId) -> StoreResult<()>;
    /// Posts a message nowhere any more.
    async fn give_up(&self, message: MessageId, platform: &str) -> StoreResult<()>;
    /// Tries a message again after a pause; `failed` says that the attempt counts.
    async fn postpone(
        &self,
        message: MessageId,
        platform: &str,
        pause: Duration,
        failed: bool,
    ) -> StoreResult<()>;
}
