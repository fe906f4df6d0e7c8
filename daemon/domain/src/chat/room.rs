//! Rooms on platforms: where a repository is talked about.

use serde::{Deserialize, Serialize};

use crate::input::Slug;

/// The room that a repository should have on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The repository.
    pub repo: Slug,
    /// What the room is about, in one line.
    pub topic: String,
    /// It has to be end-to-end encrypted.
    pub encrypted: bool,
    /// Who belongs there.
    pub members: Vec<RoomMember>,
}

/// Somebody who belongs into a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    /// The platform's id of them.
    pub subject: String,
    /// They may also manage the room.
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
}
