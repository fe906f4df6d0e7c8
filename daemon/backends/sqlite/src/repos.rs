//! Repositories, and the rooms they speak in.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteExecutor, query, query_as};
use vine_domain::{
    Repo, Slug,
    ports::{Repos, StoreError, Stored},
    repo::Source,
};

use crate::{Sqlite, rows::parsed, unavailable};

#[derive(FromRow)]
struct Row {
    name: String,
    source: String,
    base: String,
    paused: bool,
    trusted: bool,
}

/// All repositories by name.
pub async fn repos(at: impl SqliteExecutor<'_>) -> Stored<Vec<Repo>> {
    let rows: Vec<Row> =
        query_as("SELECT name, source, base, paused, trusted FROM repos ORDER BY name").fetch_all(at).await.map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let source = Source::try_from(row.source).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            Ok(Repo { name: parsed(&row.name)?, source, base: parsed(&row.base)?, paused: row.paused, trusted: row.trusted })
        })
        .collect()
}

#[async_trait]
impl Repos for Sqlite {
    async fn save_repo(&self, repo: &Repo) -> Stored<()> {
        query(
            "INSERT INTO repos (name, source, base, paused, trusted) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET source = excluded.source, base = excluded.base, trusted = excluded.trusted",
        )
        .bind(repo.name.as_str())
        .bind(repo.source.as_str())
        .bind(repo.base.as_str())
        .bind(repo.paused)
        .bind(repo.trusted)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn repos(&self) -> Stored<Vec<Repo>> {
        repos(&self.reader).await
    }

    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> Stored<()> {
        query("INSERT INTO rooms (platform, room, repo) VALUES (?, ?, ?) ON CONFLICT (platform, repo) DO UPDATE SET room = excluded.room")
            .bind(platform)
            .bind(room)
            .bind(repo.as_str())
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
