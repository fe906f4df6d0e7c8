//! Repositories and their rooms.

use async_trait::async_trait;

use crate::{chat::RoomBinding, input::Slug, ports::error::StoreResult, repo::Repo};

/// Repositories and their rooms.
#[async_trait]
pub trait Repos: Send + Sync {
    /// Adds a repository, or updates the one with this name.
    async fn save_repo(&self, repo: &Repo) -> StoreResult<()>;
    /// Removes a repository with its rooms, unless it has open tasks: then it returns their number
    /// and changes nothing. Tasks that are over stay; adding the repository again restores it.
    async fn remove_repo(&self, repo: &Slug) -> StoreResult<u64>;
    /// All repositories by name.
    async fn repos(&self) -> StoreResult<Vec<Repo>>;
    /// Binds a room of a platform to a repository; repeating it changes nothing. Open tasks will be
    /// shown in the new room, with their open questions. A room of another repository is refused as
    /// taken.
    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> StoreResult<()>;
    /// All rooms, by repository.
    async fn rooms(&self) -> StoreResult<Vec<RoomBinding>>;
    /// Whether the cards in a repository's room show what agents are at.
    async fn set_progress(&self, platform: &str, repo: &Slug, shown: bool) -> StoreResult<()>;
    /// The rooms of a platform whose repositories have running agents.
    async fn busy_rooms(&self, platform: &str) -> StoreResult<Vec<String>>;
    /// The repository of a room.
    async fn room_of(&self, platform: &str, room: &str) -> StoreResult<Option<Slug>>;
}
