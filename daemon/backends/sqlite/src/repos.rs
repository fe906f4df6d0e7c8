//! Repositories, and the rooms they speak in.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection, SqliteExecutor, query, query_as, query_scalar};
use vine_domain::{
    Repo, Slug, Timestamp,
    chat::Binding,
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
    encrypted: bool,
}

/// All repositories by name.
pub async fn repos(at: impl SqliteExecutor<'_>) -> Stored<Vec<Repo>> {
    let rows: Vec<Row> = query_as("SELECT name, source, base, paused, trusted, encrypted FROM repos ORDER BY name")
        .fetch_all(at)
        .await
        .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let source = Source::try_from(row.source).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let (paused, trusted, encrypted) = (row.paused, row.trusted, row.encrypted);
            Ok(Repo { name: parsed(&row.name)?, source, base: parsed(&row.base)?, paused, trusted, encrypted })
        })
        .collect()
}

/// Shows a new room the tasks that are not over: their cards as they are now, and their open questions. What was on its
/// way to a former room goes nowhere.
async fn move_in(tx: &mut SqliteConnection, platform: &str, room: &str, repo: &Slug, now: Timestamp) -> Stored<()> {
    query("DELETE FROM outbox WHERE platform = ?1 AND task IN (SELECT id FROM tasks WHERE repo = ?2)")
        .bind(platform)
        .bind(repo.as_str())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    // Where they were posted in the former room says nothing of the new one.
    query(
        "DELETE FROM posts WHERE platform = ?1 AND message IN (SELECT m.id FROM chat_messages m JOIN tasks t ON t.id = m.task WHERE t.repo = ?2)",
    )
    .bind(platform)
    .bind(repo.as_str())
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    query(
        "INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
         SELECT m.id, ?1, ?2, CASE WHEN m.kind = 'card' THEN 0 ELSE m.seq END, m.task, 0, 0, ?4
         FROM tasks t JOIN chat_messages m ON m.task = t.id LEFT JOIN questions q ON q.id = m.question
         WHERE t.repo = ?3 AND t.state IN ('queued', 'running', 'waiting')
           AND ((m.kind = 'card' AND m.seq = (SELECT max(seq) FROM chat_messages c WHERE c.task = t.id AND c.kind = 'card'))
             OR (m.kind = 'question' AND q.state = 'open'))",
    )
    .bind(platform)
    .bind(room)
    .bind(repo.as_str())
    .bind(now.0)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

#[async_trait]
impl Repos for Sqlite {
    async fn save_repo(&self, repo: &Repo) -> Stored<()> {
        query(
            "INSERT INTO repos (name, source, base, paused, trusted, encrypted) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET source = excluded.source, base = excluded.base, trusted = excluded.trusted, encrypted = excluded.encrypted",
        )
        .bind(repo.name.as_str())
        .bind(repo.source.as_str())
        .bind(repo.base.as_str())
        .bind(repo.paused)
        .bind(repo.trusted)
        .bind(repo.encrypted)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn repos(&self) -> Stored<Vec<Repo>> {
        repos(&self.reader).await
    }

    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> Stored<()> {
        let mut tx = self.begin().await?;
        let bound: Option<(String, String)> =
            query_as("SELECT repo, room FROM rooms WHERE platform = ? AND (repo = ? OR room = ?) ORDER BY room = ? DESC")
                .bind(platform)
                .bind(repo.as_str())
                .bind(room)
                .bind(room)
                .fetch_optional(&mut *tx)
                .await
                .map_err(unavailable)?;
        match bound {
            Some((bound, _)) if bound != repo.as_str() => return Err(StoreError::Taken(format!("a room for {bound}"))),
            Some((_, bound)) if bound == room => return Ok(()),
            _ => {}
        }
        query("INSERT INTO rooms (platform, room, repo) VALUES (?, ?, ?) ON CONFLICT (platform, repo) DO UPDATE SET room = excluded.room")
            .bind(platform)
            .bind(room)
            .bind(repo.as_str())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        move_in(&mut tx, platform, room, repo, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn rooms(&self) -> Stored<Vec<Binding>> {
        let rows: Vec<(String, String, String)> = query_as("SELECT repo, platform, room FROM rooms ORDER BY repo, platform")
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(|(repo, platform, room)| Ok(Binding { repo: parsed(&repo)?, platform, room })).collect()
    }

    async fn busy_rooms(&self, platform: &str) -> Stored<Vec<String>> {
        let rooms = query_scalar(
            "SELECT room FROM rooms WHERE platform = ? AND repo IN (SELECT repo FROM tasks WHERE state = 'running') ORDER BY room",
        );
        rooms.bind(platform).fetch_all(&self.reader).await.map_err(unavailable)
    }

    async fn room_of(&self, platform: &str, room: &str) -> Stored<Option<Slug>> {
        let repo: Option<String> = query_scalar("SELECT repo FROM rooms WHERE platform = ? AND room = ?")
            .bind(platform)
            .bind(room)
            .fetch_optional(&self.reader)
            .await
            .map_err(unavailable)?;
        repo.as_deref().map(parsed).transpose()
    }
}
