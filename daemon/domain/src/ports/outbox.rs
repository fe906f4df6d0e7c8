//! The outbox: what is to be posted on which platform, and where it was posted.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    attempt::Usage,
    chat::{Button, OutboxItem, PostStatus, Posted, PrivateReply},
    clock::Timestamp,
    ids::{MessageId, QuestionId, TaskId},
    ports::error::StoreResult,
    progress::Progress,
    task::Task,
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

/// A card in a room that shows progress, of a task whose agent said what it is at.
#[derive(Debug, Clone)]
pub struct WorkingCard {
    /// The task, running or waiting.
    pub task: Task,
    /// What its agent is at.
    pub progress: Progress,
    /// Since when.
    pub since: Timestamp,
    /// What the attempt has cost so far.
    pub usage: Usage,
    /// The room, as the platform names it.
    pub room: String,
    /// The thread in it.
    pub thread: String,
    /// The card.
    pub reference: String,
    /// Whether the card may be shown only in an end-to-end encrypted room.
    pub encrypted: bool,
}

/// Where a platform shows a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedQuestion {
    /// Which.
    pub question: QuestionId,
    /// The room, as the platform names it.
    pub room: String,
    /// The thread in it.
    pub thread: String,
    /// Its message.
    pub reference: String,
}

/// The outbox: what is to be posted on which platform, and where it was posted.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Messages due for a platform, at most `limit`: in order within each thread, and questions
    /// before state changes. Edits that show states may come later than messages after them.
    async fn due(
        &self,
        platform: &str,
        except: &[String],
        limit: u32,
    ) -> StoreResult<Vec<OutboxItem>>;
    /// The cards on a platform whose tasks have progress to show, except those that wait to be edited
    /// for another reason.
    async fn working_cards(&self, platform: &str) -> StoreResult<Vec<WorkingCard>>;
    /// The questions of a task that a platform shows or may show. Another daemon may have posted
    /// what was stored before `begun`, when we began to post; if another one posts, whenever it was
    /// stored.
    async fn post_statuses(
        &self,
        platform: &str,
        task: TaskId,
        begun: Option<Timestamp>,
    ) -> StoreResult<Vec<(QuestionId, PostStatus)>>;
    /// Where a platform shows these questions; those that it does not show are left out.
    async fn asked_at(
        &self,
        platform: &str,
        questions: &[QuestionId],
    ) -> StoreResult<Vec<PostedQuestion>>;
    /// Where a platform shows the card of a task: room, thread and message; `None` before it does.
    async fn card_of(&self, platform: &str, task: TaskId) -> StoreResult<Option<[String; 3]>>;
    /// How long until the next delayed message is due, if there is one.
    async fn next_due_in(&self, platform: &str) -> StoreResult<Option<Duration>>;
    /// Records where messages were posted, all in one write.
    async fn mark_posted(&self, posted: &[(&OutboxItem, Posted)]) -> StoreResult<()>;
    /// A message of ours by the platform's id of the message or one of its parts.
    async fn find_posted(
        &self,
        platform: &str,
        reference: &str,
    ) -> StoreResult<Option<PostedMessage>>;
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
