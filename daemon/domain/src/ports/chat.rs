//! Platforms: what we ask of an adapter, and what it tells us.

use std::time::Duration;

use async_trait::async_trait;

use super::Stored;
use crate::chat::{Batch, Dispatch, Posted, RoomWish};

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
    #[error("the platform asks us to be slower: nothing for {} ms", .after.as_millis())]
    Limited {
        /// At least this long.
        after: Duration,
    },
    /// The room or thread is gone or closed to us; a person has to do something about it.
    #[error("{0}")]
    Gone(String),
}

/// A place where people talk. An adapter posts what it is handed, and hands in what it hears through an [`Ear`].
#[async_trait]
pub trait Chat: Send + Sync {
    /// The platform's name, as in `rooms.platform`.
    fn platform(&self) -> &'static str;
    /// Posts or edits one message. Repeating a call with the same message id must not show it twice where the
    /// platform allows that.
    async fn deliver(&self, dispatch: &Dispatch) -> Result<Posted, ChatError>;
    /// Makes the room of a repository, or sees to it that the one it has is as wished. Returns the room, as the platform
    /// names it. Doing it again changes nothing.
    async fn furnish(&self, wish: &RoomWish) -> Result<String, ChatError>;
    /// Enters a room that a person has named, by id or by alias. Returns the room, as the platform names it.
    async fn enter(&self, room: &str) -> Result<String, ChatError>;
}

/// What an adapter tells.
#[async_trait]
pub trait Ear: Send + Sync {
    /// Where reading the platform's stream went on the last time.
    async fn cursor(&self) -> Stored<Option<String>>;
    /// Stores what the stream brought, with the new position; only then may the platform hear that we have it.
    async fn hear(&self, batch: Batch) -> Stored<()>;
    /// Whether this person may bring us into rooms.
    async fn manages(&self, subject: &str) -> Stored<bool>;
    /// How the adapter is: fine, or what is wrong and what to do about it.
    fn health(&self, health: Result<(), String>);
}
