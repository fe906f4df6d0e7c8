//! Platforms: what an adapter does for us, and what it reports.

use std::time::Duration;

use async_trait::async_trait;

#[cfg(doc)]
use crate::chat::InboundKind;
use crate::ports::error::StoreResult;
use crate::{
    chat::{DesiredRoom, Fetched, Inbound, InboundBatch, OutboxItem, Posted},
    clock::Timestamp,
    form::Form,
};

/// Why a request to a platform failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Try again, after this pause at the earliest.
    #[error("{why}")]
    Retry {
        /// The platform's reason.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The platform accepts nothing from us for a while; this does not count as a failed try.
    #[error("{why}")]
    NotNow {
        /// Why.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The room accepts nothing from us for a while, other rooms do; this does not count as a
    /// failed try.
    #[error("{why}")]
    RoomBusy {
        /// Why.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The room is gone or closed to us; a person must act.
    #[error("{0}")]
    Gone(String),
    /// The thread is gone, but its room is not: the task gets a new thread.
    #[error("{0}")]
    ThreadGone(String),
    /// The platform refuses the message's content, and would refuse it again: it is sent in a
    /// plainer form.
    #[error("{0}")]
    Unfit(String),
}

/// How often cards may be edited to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressPace {
    /// At least this long between two edits of one card.
    pub card: Duration,
    /// At least this long between two such edits anywhere on the platform: together they use at most a
    /// quarter of what it grants.
    pub all: Duration,
}

/// How long platforms show an activity indicator.
pub const WORKING: Duration = Duration::from_secs(15);

/// A platform where people talk. An adapter posts what it is given, and passes on what it receives
/// through an [`EventSink`].
#[async_trait]
pub trait Chat: Send + Sync {
    /// The platform's name, as in `rooms.platform`.
    fn platform(&self) -> &'static str;
    /// Whether it supports end-to-end encrypted rooms.
    fn encrypts(&self) -> bool;
    /// In how many rooms to post at the same time, within the platform's limits.
    fn rooms_at_once(&self) -> usize;
    /// How often cards may be edited to show progress.
    fn progress_pace(&self) -> ProgressPace;
    /// Posts or edits one message; called for one message of a room at a time. Repeating a call with the
    /// same message id must not show it twice, if the platform makes that possible.
    async fn deliver(&self, item: &OutboxItem) -> Result<Posted, ChatError>;
    /// When a message of ours was posted, by the platform's clock; `None` if the platform does not
    /// tell.
    async fn posted_at(&self, room: &str, reference: &str) -> Option<Timestamp>;
    /// The address under which people open a message of ours, in a room or in a thread of it; `None` if
    /// it has none.
    async fn address(&self, room: &str, thread: &str, reference: &str) -> Option<String>;
    /// Creates the room of a repository and returns it, as the platform names it. Repeating it
    /// finds the same room.
    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError>;
    /// Makes sure that a room has the desired state: members are invited, and managers may manage
    /// it. Repeating it changes nothing.
    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError>;
    /// Those of these rooms in which no question could be posted now, each with what is wrong and
    /// what to do about it. Posts nothing. Called once a minute, it uses at most a tenth of the
    /// platform's rate limit.
    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError>;
    /// The room that replaced this one, if the platform reports one.
    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError>;
    /// Shows for a while that agents are running in these rooms; called again before [`WORKING`]
    /// has passed. Only a convenience: failures are not reported.
    async fn show_activity(&self, rooms: &[String]);
    /// Makes a call that changes nothing, to check that the platform responds.
    async fn ping(&self) -> Result<(), ChatError>;
    /// Fetches the text of an event that came without it ([`InboundKind::Awaited`]); `None` while
    /// it is not available.
    async fn fetch_content(&self, event: &Inbound) -> Option<Fetched>;
    /// Joins a room that a person named, by id or alias, if it can have the desired state. Returns
    /// the room, as the platform names it.
    async fn join_room(&self, room: &str, wish: &DesiredRoom) -> Result<String, ChatError>;
}

/// Where an adapter reports to.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// The stored position in the platform's stream.
    async fn cursor(&self) -> StoreResult<Option<String>>;
    /// Stores what the stream contained, with the new position; only then may it be acknowledged to
    /// the platform.
    async fn ingest(&self, batch: InboundBatch) -> StoreResult<()>;
    /// Threads whose tasks are not over, as (room, thread): where to look for messages that were
    /// missed.
    async fn threads(&self) -> StoreResult<Vec<(String, String)>>;
    /// The rooms of our repositories on this platform.
    async fn rooms(&self) -> StoreResult<Vec<String>>;
    /// Completions of what this person has typed so far: things of a kind (`task`, `repo`,
    /// `question`, `session`, `worker`) that they may see, each as (shown text, value).
    async fn suggest(
        &self,
        subject: &str,
        what: &str,
        typed: &str,
    ) -> StoreResult<Vec<(String, String)>>;
    /// The form of the question that a message of ours asks, by the platform's id of it; `None` if it
    /// asks none, or none that still takes answers. Secrets in it are masked.
    async fn form(&self, reference: &str) -> StoreResult<Option<Form>>;
    /// What somebody confirms who presses this button of a message of ours; empty if it is not known.
    async fn confirmation(&self, reference: &str, place: usize) -> StoreResult<String>;
    /// Whether this person may invite us to rooms.
    async fn may_invite(&self, subject: &str) -> StoreResult<bool>;
    /// The current time by our clock.
    fn now(&self) -> Timestamp;
    /// We joined or left a room.
    fn rooms_changed(&self);
    /// Reports the adapter's health: the name it has on its platform, or what is wrong and what to
    /// do about it.
    fn health(&self, health: Result<String, String>);
    /// Reports something that is missing but that questions do not need, and what to do about it.
    fn remark(&self, remark: Option<String>);
}
