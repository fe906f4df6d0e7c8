//! Platforms: what we ask of an adapter, and what it tells us.

use std::time::Duration;

use async_trait::async_trait;

#[cfg(doc)]
use crate::chat::InboundKind;
use crate::ports::error::StoreResult;
use crate::{
    chat::{DesiredRoom, Inbound, InboundBatch, OutboxItem, Posted},
    clock::Timestamp,
};

/// What can come of asking a platform for something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Try again, not before this pause.
    #[error("{why}")]
    Retry {
        /// What the platform said.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The platform takes nothing from us for a while; this costs nothing of what was tried.
    #[error("{why}")]
    NotNow {
        /// Why.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The room takes nothing from us for a while, others do; this costs nothing of what was tried.
    #[error("{why}")]
    RoomBusy {
        /// Why.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The room is gone or closed to us; a person has to do something about it.
    #[error("{0}")]
    Gone(String),
    /// The thread is gone, and its room is not: the task gets a new one.
    #[error("{0}")]
    ThreadGone(String),
    /// The platform refuses what the message holds, and would refuse it again: it goes out in a
    /// plainer form.
    #[error("{0}")]
    Unfit(String),
}

/// How long platforms show that somebody is at work.
pub const WORKING: Duration = Duration::from_secs(15);

/// A place where people talk. An adapter posts what it is handed, and hands in what it hears
/// through an [`EventSink`].
#[async_trait]
pub trait Chat: Send + Sync {
    /// The platform's name, as in `rooms.platform`.
    fn platform(&self) -> &'static str;
    /// Whether rooms can be end-to-end encrypted there.
    fn encrypts(&self) -> bool;
    /// Posts or edits one message. Repeating a call with the same message id must not show it twice
    /// where the platform allows that.
    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError>;
    /// When a message of ours came to stand there, by the platform's clock; `None` when it does not
    /// say.
    async fn posted_at(&self, room: &str, reference: &str) -> Option<Timestamp>;
    /// Makes the room of a repository and returns it, as the platform names it. Doing it again
    /// finds the same room.
    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError>;
    /// Sees to it that a room is as wished: who belongs there is invited, who manages may. Doing it
    /// again changes nothing.
    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError>;
    /// Of these rooms, those in which no question could be posted now, each with what is wrong and
    /// what to do about it. Posts nothing, and costs of what the platform allows a tenth at most
    /// when it is called once a minute.
    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError>;
    /// The room that has taken the place of this one, if the platform says so.
    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError>;
    /// Shows for a while that agents are at work in these rooms; called again before [`WORKING`] is
    /// over. Only a convenience: what fails is not told.
    async fn show_activity(&self, rooms: &[String]);
    /// Makes a call that changes nothing, to learn whether the platform answers.
    async fn ping(&self) -> Result<(), ChatError>;
    /// An event that came without its words ([`InboundKind::Awaited`]) again with them; `None` while they
    /// are not to be had.
    async fn fetch_content(&self, event: &Inbound) -> Option<Inbound>;
    /// Enters a room that a person has named, by id or by alias, if it can be what is wished.
    /// Returns the room, as the platform names it.
    async fn join_room(&self, room: &str, wish: &DesiredRoom) -> Result<String, ChatError>;
}

/// What an adapter tells.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Where reading the platform's stream went on the last time.
    async fn cursor(&self) -> StoreResult<Option<String>>;
    /// Stores what the stream brought, with the new position; only then may the platform hear that
    /// we have it.
    async fn ingest(&self, batch: InboundBatch) -> StoreResult<()>;
    /// Threads whose tasks are not over, as (room, thread): what was said there while nobody
    /// listened is worth looking for.
    async fn threads(&self) -> StoreResult<Vec<(String, String)>>;
    /// The rooms of our repositories on this platform.
    async fn rooms(&self) -> StoreResult<Vec<String>>;
    /// What fits what this person has typed so far: things of a kind (`task`, `repo`, `question`,
    /// `session`, `worker`) that they may see, each with what is shown and what it stands for.
    async fn suggest(
        &self,
        subject: &str,
        what: &str,
        typed: &str,
    ) -> StoreResult<Vec<(String, String)>>;
    /// Whether this person may bring us into rooms.
    async fn may_invite(&self, subject: &str) -> StoreResult<bool>;
    /// What time it is for us.
    fn now(&self) -> Timestamp;
    /// We came into a room or out of one.
    fn rooms_changed(&self);
    /// How the adapter is: fine, and who it is on its platform; or what is wrong and what to do
    /// about it.
    fn health(&self, health: Result<String, String>);
    /// What is missing that questions do not need, and what to do about it.
    fn remark(&self, remark: Option<String>);
}
