//! Repositories, and the rooms they speak in.

use async_trait::async_trait;

use crate::{chat::RoomBinding, input::Slug, ports::error::StoreResult, repo::Repo};

/// Repositories, and the rooms they speak in.
#[async_trait]
pub trait Repos: Send + Sync {
    /// Adds a repository, or corrects the one of that name.
    async fn save_repo(&self, repo: &Repo) -> StoreResult<()>;
    /// Removes a repository with its rooms, unless tasks of it are not over: then it says how many, and
    /// nothing changes. Tasks that are over stay; adding it again brings it back.
    async fn remove_repo(&self, repo: &Slug) -> StoreResult<u64>;
    /// All repositories by name.
    async fn repos(&self) -> StoreResult<Vec<Repo>>;
    /// Binds a room of a platform to a repository; doing it again changes nothing. Tasks that are
    /// not over are to be shown in a room that is new to them, with their open questions. A room of
    /// another repository is refused as taken.
    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> StoreResult<()>;
    /// All rooms, by repository.
    async fn rooms(&self) -> StoreResult<Vec<RoomBinding>>;
    /// The rooms of a platform in whose repositories agents are at work.
    async fn busy_rooms(&self, platform: &str) -> StoreResult<Vec<String>>;
    /// The repository of a room.
    async fn room_of(&self, platform: &str, room: &str) -> StoreResult<Option<Slug>>;
}
