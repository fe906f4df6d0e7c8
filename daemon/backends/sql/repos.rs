//! Repositories and their rooms.

use async_trait::async_trait;
use vine_domain::{
    Repo, Slug, Timestamp,
    chat::RoomBinding,
    ports::{Repos, StoreError, StoreResult},
    repo::Source,
};

use super::{
    rows::{all, from_json, json, parsed},
    run::{Fetch as _, Run as _},
};
use crate::{
    Connection, Database, engine,
    statement::{row, rows, scalar, statement},
};

row! {
    pub(super) struct RepoRow {
        pub name: String,
        pub source: String,
        pub base: String,
        pub paused: bool,
        pub trusted: bool,
        pub encrypted: bool,
        pub push: String,
        pub guard: String,
        pub model: String,
        pub followups: String,
        pub requests: String,
        pub conventions: String,
    }
}

impl TryFrom<RepoRow> for Repo {
    type Error = StoreError;

    fn try_from(row: RepoRow) -> StoreResult<Self> {
        let source =
            Source::try_from(row.source).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Self {
            name: parsed(&row.name)?,
            source,
            base: parsed(&row.base)?,
            paused: row.paused,
            trusted: row.trusted,
            encrypted: row.encrypted,
            push: parsed(&row.push)?,
            guard: from_json(&row.guard)?,
            model: from_json(&row.model)?,
            followups: parsed(&row.followups)?,
            requests: from_json(&row.requests)?,
            conventions: from_json(&row.conventions)?,
        })
    }
}

/// All repositories by name.
macro_rules! all_repos {
    () => {
        rows!(
            RepoRow,
            r#"SELECT name, source, base, paused AS "paused: bool", trusted AS "trusted: bool", encrypted AS "encrypted: bool", push, guard, model, followups, requests, conventions
               FROM repos WHERE NOT removed ORDER BY name"#
        )
    };
}
pub(super) use all_repos;

/// Queues the cards and open questions of all unfinished tasks for a new room. Messages queued for
/// the former room are dropped.
async fn move_in(
    tx: &mut Connection,
    platform: &str,
    room: &str,
    repo: &Slug,
    now: Timestamp,
) -> StoreResult<()> {
    let former = statement!(
        "DELETE FROM outbox WHERE platform = $1 AND task IN (SELECT id FROM tasks WHERE repo = $2)",
        platform,
        repo.as_str()
    );
    former.run(&mut *tx).await?;
    // Posts in the former room do not matter in the new one.
    let there = statement!("DELETE FROM posts WHERE platform = $1
           AND message IN (SELECT m.id FROM chat_messages m JOIN tasks t ON t.id = m.task WHERE t.repo = $2)",
        platform,
        repo.as_str()
    );
    there.run(&mut *tx).await?;
    let shown = statement!("INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
         SELECT m.id, $1, $2, CASE WHEN m.kind = 'card' THEN 0 ELSE m.seq END, m.task, false, 0, $4
         FROM tasks t JOIN chat_messages m ON m.task = t.id LEFT JOIN questions q ON q.id = m.question
         WHERE t.repo = $3 AND t.state IN ('queued', 'running', 'waiting')
           AND ((m.kind = 'card' AND m.seq = (SELECT max(seq) FROM chat_messages c WHERE c.task = t.id AND c.kind = 'card'))
             OR (m.kind = 'question' AND q.state = 'open'))",
        platform,
        room,
        repo.as_str(),
        now.0
    );
    shown.run(tx).await.map(drop)
}

#[async_trait]
impl Repos for Database {
    async fn save_repo(&self, repo: &Repo) -> StoreResult<()> {
        let saved = statement!("INSERT INTO repos (name, source, base, paused, trusted, encrypted, push, guard, model, followups, requests, conventions)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (name) DO UPDATE SET source = excluded.source, base = excluded.base, trusted = excluded.trusted,
                 encrypted = excluded.encrypted, push = excluded.push, guard = excluded.guard, model = excluded.model,
                 followups = excluded.followups, requests = excluded.requests,
                 conventions = excluded.conventions, removed = false",
            repo.name.as_str(),
            repo.source.as_str(),
            repo.base.as_str(),
            repo.paused,
            repo.trusted,
            repo.encrypted,
            repo.push.as_str(),
            json(&repo.guard),
            json(&repo.model),
            repo.followups.as_str(),
            json(&repo.requests),
            json(&repo.conventions)
        );
        saved.run(self.writer()).await.map(drop)
    }

    async fn remove_repo(&self, repo: &Slug) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let name = repo.as_str();
        let open = scalar!(
            i64,
            r#"SELECT count(*) AS "count!: i64" FROM tasks WHERE repo = $1 AND state IN ('queued', 'running', 'waiting')"#,
            name
        );
        let open = open.one(&mut *tx).await?;
        if open > 0 {
            return Ok(open.unsigned_abs());
        }
        for statement in [
            statement!("DELETE FROM rooms WHERE repo = $1", name),
            statement!(
                "UPDATE repos SET removed = true, paused = false WHERE name = $1",
                name
            ),
        ] {
            statement.run(&mut *tx).await?;
        }
        engine::commit(tx).await?;
        Ok(0)
    }

    async fn repos(&self) -> StoreResult<Vec<Repo>> {
        all(all_repos!().all(self.quick()).await?)
    }

    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        engine::silence(&mut tx).await?;
        let bound = rows!(
            { repo: String, room: String },
            "SELECT repo, room FROM rooms WHERE platform = $1 AND (repo = $2 OR room = $3) ORDER BY room = $3 DESC LIMIT 1",
            platform,
            repo.as_str(),
            room
        );
        match bound.maybe(&mut *tx).await? {
            Some(bound) if bound.repo != repo.as_str() => {
                return Err(StoreError::Taken(format!("a room for {}", bound.repo)));
            }
            Some(bound) if bound.room == room => return Ok(()),
            _ => {}
        }
        let binding = statement!(
            "INSERT INTO rooms (platform, room, repo) VALUES ($1, $2, $3) ON CONFLICT (platform, repo) DO UPDATE SET room = excluded.room",
            platform,
            room,
            repo.as_str()
        );
        binding.run(&mut *tx).await?;
        move_in(&mut tx, platform, room, repo, self.now()).await?;
        engine::commit(tx).await
    }

    async fn rooms(&self) -> StoreResult<Vec<RoomBinding>> {
        let rows = rows!(
            { repo: String, platform: String, room: String, progress: bool },
            r#"SELECT repo, platform, room, progress AS "progress: bool" FROM rooms ORDER BY repo, platform"#
        );
        let rows = rows.all(self.quick()).await?;
        rows.into_iter()
            .map(|row| {
                Ok(RoomBinding {
                    repo: parsed(&row.repo)?,
                    platform: row.platform,
                    room: row.room,
                    progress: row.progress,
                })
            })
            .collect()
    }

    async fn set_progress(&self, platform: &str, repo: &Slug, shown: bool) -> StoreResult<()> {
        let set = statement!(
            "UPDATE rooms SET progress = $1 WHERE platform = $2 AND repo = $3",
            shown,
            platform,
            repo.as_str()
        );
        set.run(self.writer()).await.map(drop)
    }

    async fn busy_rooms(&self, platform: &str) -> StoreResult<Vec<String>> {
        let rooms = scalar!(
            String,
            "SELECT room FROM rooms WHERE platform = $1 AND repo IN (SELECT repo FROM tasks WHERE state = 'running') ORDER BY room",
            platform
        );
        rooms.all(self.reader()).await
    }

    async fn room_of(&self, platform: &str, room: &str) -> StoreResult<Option<Slug>> {
        let repo = scalar!(
            String,
            "SELECT repo FROM rooms WHERE platform = $1 AND room = $2",
            platform,
            room
        );
        repo.maybe(self.quick())
            .await?
            .as_deref()
            .map(parsed)
            .transpose()
    }
}
