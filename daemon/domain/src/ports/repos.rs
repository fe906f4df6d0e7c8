//! Repositories, and the rooms they speak in.

use async_trait::async_trait;

use super::Stored;
use crate::{input::Slug, repo::Repo};

/// Repositories, and the rooms they speak in.
#[async_trait]
pub trait Repos: Send + Sync {
    /// Adds a repository, or corrects the one of that name.
    async fn save_repo(&self, repo: &Repo) -> Stored<()>;
    /// All repositories by name.
    async fn repos(&self) -> Stored<Vec<Repo>>;
    /// Binds a room of a platform to a repository; doing it again changes nothing.
    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> Stored<()>;
}
