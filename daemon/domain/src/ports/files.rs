//! Files that people sent and agents showed.

use async_trait::async_trait;

use crate::{
    chat::file::{FileContent, FileHash},
    ports::error::StoreResult,
};

/// Files that people sent and agents showed, by the hash of their content.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a file. The same content again only renews its age.
    async fn put_file(&self, content: &FileContent) -> StoreResult<()>;
    /// A file's content; `None` if it was removed, or never stored.
    async fn file(&self, hash: &FileHash) -> StoreResult<Option<Vec<u8>>>;
}
