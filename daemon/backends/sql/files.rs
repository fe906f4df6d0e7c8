//! Files, by the hash of their content.

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use vine_domain::{
    chat::file::{FileContent, FileHash},
    ports::{Files, StoreError, StoreResult},
};

use super::{
    rows::int,
    run::{Fetch as _, Run as _},
};
use crate::{
    Database,
    statement::{scalar, statement},
};

#[async_trait]
impl Files for Database {
    async fn put_file(&self, content: &FileContent) -> StoreResult<()> {
        let put = statement!(
            "INSERT INTO files (hash, size, content, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (hash) DO UPDATE SET at = excluded.at",
            content.file.hash.as_str(),
            int(content.file.size),
            BASE64_STANDARD.encode(&content.bytes),
            self.now().0
        );
        put.run(self.writer()).await.map(drop)
    }

    async fn file(&self, hash: &FileHash) -> StoreResult<Option<Vec<u8>>> {
        let content = scalar!(
            String,
            "SELECT content FROM files WHERE hash = $1",
            hash.as_str()
        );
        let content = content.maybe(self.reader()).await?;
        let decoded = content.map(|content| BASE64_STANDARD.decode(content));
        decoded
            .transpose()
            .map_err(|error| StoreError::Corrupt(format!("file {hash}: {error}")))
    }
}
