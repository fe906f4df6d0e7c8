//! Rooms on platforms, where repositories are discussed.

use serde::{Deserialize, Serialize};

use crate::input::Slug;

/// The room that a repository should have on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The repository.
    pub repo: Slug,
    /// What the room is about, in one line.
    pub topic: String,
    /// Whether it must be end-to-end encrypted.
    pub encrypted: bool,
    /// Its members.
    pub members: Vec<RoomMember>,
}

/// A person who belongs in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    /// The platform's id of the person.
    pub subject: String,
    /// Whether the person may also manage the room.
    pub manages: bool,
}

/// A repository's room on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomBinding {
    /// The repository.
    pub repo: Slug,
    /// The platform.
    pub platform: String,
    /// The room, as the platform names it.
    pub room: String,
    /// Whether its cards show what agents are at.
    pub progress: bool,
}
