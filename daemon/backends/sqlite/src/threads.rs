//! What was said: inbox, threads, outbox.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection, SqliteExecutor, query, query_as, query_scalar};
use vine_domain::{
    MessageId, QuestionId, TaskId, Timestamp,
    chat::{About, Batch, Dispatch, Echo, Fate, Inbound, Message, Outbound, OutboundKind, Place, Posted},
    ports::{Placed, StoreError, Stored, Threads},
};

use crate::{
    Sqlite, commit,
    rows::{from_json, int, json, parsed, uuid},
    unavailable,
};

#[derive(FromRow)]
struct MessageRow {
    seq: i64,
    id: String,
    task: Option<i64>,
    question: Option<i64>,
    note: Option<String>,
    author: String,
    kind: String,
    text: String,
    buttons: String,
    at: i64,
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Stored<Self> {
        Ok(Self {
            seq: row.seq.unsigned_abs(),
            id: MessageId(uuid(&row.id)?),
            task: row.task.map(|number| TaskId(number.unsigned_abs())),
            question: row.question.map(|number| QuestionId(number.unsigned_abs())),
            note: row.note.as_deref().map(uuid).transpose()?,
            author: row.author,
            kind: row.kind,
            text: row.text,
            buttons: from_json(&row.buttons)?,
            at: Timestamp(row.at),
        })
    }
}

#[derive(FromRow)]
struct DispatchRow {
    message: String,
    platform: String,
    room: String,
    attempts: i64,
    at: i64,
    task: Option<i64>,
    repo: Option<String>,
    question: Option<i64>,
    note: Option<String>,
    kind: String,
    text: String,
    buttons: String,
    aside: Option<String>,
    calls: String,
    thread: Option<String>,
    latest: Option<String>,
    edits: Option<String>,
    already: Option<String>,
    about: Option<String>,
    fate: Option<String>,
    encrypted: bool,
}

impl DispatchRow {
    fn place(&self) -> Stored<Place> {
        match (self.task, &self.repo, &self.aside) {
            (Some(task), ..) => Ok(Place::Thread(TaskId(task.unsigned_abs()))),
            (None, Some(repo), _) => Ok(Place::Room(parsed(repo)?)),
            (None, None, Some(aside)) => Ok(Place::Aside(from_json(aside)?)),
            (None, None, None) => Err(StoreError::Corrupt(format!("message {} has no place", self.message))),
        }
    }

    fn about(&self) -> Option<About> {
        let fate = match self.fate.as_deref() {
            Some("waiting") => Fate::Kept,
            Some("missed") => Fate::Missed,
            _ => Fate::Taken,
        };
        self.about.clone().map(|event| About { event, fate })
    }
}

impl TryFrom<DispatchRow> for Dispatch {
    type Error = StoreError;

    fn try_from(row: DispatchRow) -> Stored<Self> {
        let question = row.question.map(|number| QuestionId(number.unsigned_abs()));
        let note = row.note.as_deref().map(uuid).transpose()?;
        let kind = match (row.kind.as_str(), question, note) {
            ("card", ..) => OutboundKind::Card,
            ("question", Some(question), _) => OutboundKind::Question { question },
            ("settled", Some(question), _) => OutboundKind::Settled { question },
            ("note", _, Some(note)) => OutboundKind::Note { note },
            _ => OutboundKind::Notice,
        };
        let (place, about) = (row.place()?, row.about());
        let thread = match &place {
            Place::Aside(aside) => aside.thread.clone(),
            Place::Thread(_) | Place::Room(_) => row.thread,
        };
        let (buttons, calls) = (from_json(&row.buttons)?, from_json(&row.calls)?);
        let message = Outbound { id: MessageId(uuid(&row.message)?), place, kind, text: row.text, buttons, calls };
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let (platform, room, encrypted) = (row.platform, row.room, row.encrypted);
        let (latest, edits, already) = (row.latest, row.edits, row.already);
        Ok(Self {
            message,
            platform,
            room,
            thread,
            latest,
            edits,
            about,
            mentions: vec![],
            already,
            encrypted,
            again: attempts > 0,
            at: Timestamp(row.at),
            attempts,
        })
    }
}

/// Adds an event to the inbox; `false` when it is known. One whose words were awaited is known without them.
async fn take(at: impl SqliteExecutor<'_>, event: &Inbound, now: Timestamp) -> Stored<bool> {
    let done = query(
        "INSERT INTO inbox (platform, event, key, body, at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (platform, event) DO UPDATE SET body = excluded.body WHERE read IS NULL AND inbox.body ->> '$.act.act' = 'awaited'",
    )
    .bind(&event.platform)
    .bind(&event.event)
    .bind(event.own_key().to_string())
    .bind(json(event))
    .bind(now.0)
    .execute(at)
    .await
    .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

async fn mark(at: impl SqliteExecutor<'_>, event: &Inbound, now: Timestamp) -> Stored<()> {
    let marked = query("UPDATE inbox SET read = ? WHERE platform = ? AND event = ?").bind(now.0).bind(&event.platform).bind(&event.event);
    marked.execute(at).await.map(|_| ()).map_err(unavailable)
}

/// Keeps what a platform calls a part of one of our messages. Of a message that is not ours nothing is kept.
async fn noticed(tx: &mut SqliteConnection, platform: &str, echo: &Echo) -> Stored<()> {
    query(
        "INSERT INTO posts (platform, ref, message, part, last) SELECT ?, ?, id, ?, ? FROM chat_messages WHERE id = ? ON CONFLICT DO NOTHING",
    )
    .bind(platform)
    .bind(&echo.reference)
    .bind(echo.part)
    .bind(echo.last)
    .bind(echo.message.to_string())
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

#[async_trait]
impl Threads for Sqlite {
    async fn receive(&self, event: &Inbound) -> Stored<bool> {
        take(&mut *self.writer.acquire().await.map_err(unavailable)?, event, self.now()).await
    }

    async fn take_in(&self, platform: &str, batch: &Batch) -> Stored<()> {
        let mut tx = self.begin().await?;
        for echo in &batch.echoes {
            noticed(&mut tx, platform, echo).await?;
        }
        for event in &batch.events {
            take(&mut *tx, event, self.now()).await?;
        }
        if let Some(cursor) = &batch.cursor {
            query(
                "INSERT INTO cursors (platform, position) VALUES (?, ?) ON CONFLICT (platform) DO UPDATE SET position = excluded.position",
            )
            .bind(platform)
            .bind(cursor)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)
    }

    async fn cursor(&self, platform: &str) -> Stored<Option<String>> {
        let position = query_scalar("SELECT position FROM cursors WHERE platform = ?").bind(platform);
        position.fetch_optional(&self.reader).await.map_err(unavailable)
    }

    async fn placed(&self, platform: &str, reference: &str) -> Stored<Option<Placed>> {
        let row: Option<(Option<i64>, Option<i64>, String)> = query_as(
            "SELECT m.task, m.question, m.buttons FROM posts p JOIN chat_messages m ON m.id = p.message WHERE p.platform = ? AND p.ref = ?",
        )
        .bind(platform)
        .bind(reference)
        .fetch_optional(&self.reader)
        .await
        .map_err(unavailable)?;
        row.map(|(task, question, buttons)| {
            let (task, question) = (task.map(|id| TaskId(id.unsigned_abs())), question.map(|id| QuestionId(id.unsigned_abs())));
            Ok(Placed { task, question, buttons: from_json(&buttons)? })
        })
        .transpose()
    }

    async fn event(&self, platform: &str, event: &str) -> Stored<Option<Inbound>> {
        let body: Option<String> = query_scalar("SELECT body FROM inbox WHERE platform = ? AND event = ?")
            .bind(platform)
            .bind(event)
            .fetch_optional(&self.reader)
            .await
            .map_err(unavailable)?;
        body.as_deref().map(from_json).transpose()
    }

    async fn is_read(&self, event: &Inbound) -> Stored<bool> {
        let read = query_scalar("SELECT EXISTS (SELECT 1 FROM inbox WHERE platform = ? AND event = ? AND read IS NOT NULL)");
        read.bind(&event.platform).bind(&event.event).fetch_one(&self.reader).await.map_err(unavailable)
    }

    async fn unread(&self, age: Duration, awaited: Duration) -> Stored<Vec<Inbound>> {
        let now = self.now();
        let rows: Vec<(String,)> = query_as(
            "SELECT body FROM inbox WHERE read IS NULL AND at <= CASE body ->> '$.act.act' WHEN 'awaited' THEN ?2 ELSE ?1 END ORDER BY seq LIMIT 100",
        )
        .bind(now.minus(age).0)
        .bind(now.minus(awaited).0)
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        rows.iter().map(|(body,)| from_json(body)).collect()
    }

    async fn awaited(&self, platform: &str) -> Stored<Vec<Inbound>> {
        let rows: Vec<(String,)> = query_as(
            "SELECT body FROM inbox WHERE read IS NULL AND platform = ? AND body ->> '$.act.act' = 'awaited' ORDER BY seq LIMIT 100",
        )
        .bind(platform)
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        rows.iter().map(|(body,)| from_json(body)).collect()
    }

    async fn mark_read(&self, event: &Inbound) -> Stored<()> {
        mark(&self.writer, event, self.now()).await
    }

    async fn say(&self, task: TaskId, reply: Option<(&str, &str)>, messages: &[Outbound]) -> Stored<()> {
        let mut tx = self.begin().await?;
        commit::say(&mut tx, task, reply, messages, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn reply(&self, event: &Inbound, author: &str, task: TaskId, message: &Outbound) -> Stored<()> {
        let mut tx = self.begin().await?;
        commit::say(&mut tx, task, Some((author, &event.text)), std::slice::from_ref(message), self.now()).await?;
        mark(&mut *tx, event, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn post(&self, message: &Outbound) -> Stored<()> {
        let mut tx = self.begin().await?;
        commit::post(&mut tx, message, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> Stored<Vec<Message>> {
        let rows: Vec<MessageRow> = query_as("SELECT * FROM chat_messages WHERE task = ? AND seq > ? ORDER BY seq LIMIT ?")
            .bind(int(task.0))
            .bind(int(after))
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(Message::try_from).collect()
    }

    async fn latest(&self, task: TaskId, limit: u32) -> Stored<Vec<Message>> {
        let rows: Vec<MessageRow> =
            query_as("SELECT * FROM (SELECT * FROM chat_messages WHERE task = ? ORDER BY seq DESC LIMIT ?) ORDER BY seq")
                .bind(int(task.0))
                .bind(limit)
                .fetch_all(&self.reader)
                .await
                .map_err(unavailable)?;
        rows.into_iter().map(Message::try_from).collect()
    }

    async fn messages(&self, after: u64, limit: u32) -> Stored<Vec<Message>> {
        let rows: Vec<MessageRow> = query_as("SELECT * FROM chat_messages WHERE seq > ? AND aside IS NULL ORDER BY seq LIMIT ?")
            .bind(int(after))
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(Message::try_from).collect()
    }

    async fn due(&self, platform: &str, limit: u32) -> Stored<Vec<Dispatch>> {
        // A message waits for the ones before it in its thread, so that a pause of one never reorders them; only edits are
        // overtaken, and wait for one another.
        let rows: Vec<DispatchRow> = query_as(
            "SELECT o.message, o.platform, o.room, o.attempts, m.at, o.task, m.repo, m.aside, m.question, m.note, m.kind, m.text, m.buttons, m.calls,
                 coalesce(n.state, a.key) AS fate,
                 coalesce((SELECT encrypted FROM repos WHERE name = coalesce(m.repo, (SELECT repo FROM tasks WHERE id = o.task))), 0) AS encrypted,
                 (SELECT CASE i.body ->> '$.act.act' WHEN 'edited' THEN i.body ->> '$.act.of' ELSE i.event END FROM inbox i WHERE i.key = coalesce(m.note, a.key) AND i.platform = o.platform) AS about,
                 (SELECT p.ref FROM posts p WHERE p.message = o.message AND p.platform = o.platform AND p.part = 0
                    AND EXISTS (SELECT 1 FROM posts l WHERE l.message = p.message AND l.platform = p.platform AND l.last)) AS already,
                 (SELECT ref FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL AND NOT p.edit
                  ORDER BY p.seq DESC LIMIT 1) AS latest,
                 (SELECT thread FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                  ORDER BY p.seq LIMIT 1) AS thread,
                 (SELECT p.ref FROM outbox p JOIN chat_messages c ON c.id = p.message
                  WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                    AND ((m.kind = 'card' AND c.kind = 'card') OR (m.kind = 'note' AND c.note = m.note) OR (m.kind = 'settled' AND c.kind = 'question' AND c.question = m.question))
                  ORDER BY p.seq LIMIT 1) AS edits
             FROM outbox o JOIN chat_messages m ON m.id = o.message
                 LEFT JOIN notes n ON n.key = m.note
                 LEFT JOIN answers a ON a.question = m.question AND m.kind = 'settled'
             WHERE o.posted IS NULL AND o.platform = ?1 AND o.due <= ?2
               AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = o.task AND b.platform = o.platform AND b.posted IS NULL AND b.seq < o.seq
                   AND (NOT b.edit OR (o.edit AND b.rank <= o.rank)))
             ORDER BY o.rank, o.due, o.seq LIMIT ?3",
        )
        .bind(platform)
        .bind(self.now().0)
        .bind(limit)
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(Dispatch::try_from).collect()
    }

    async fn shown_questions(&self, platform: &str, task: TaskId) -> Stored<Vec<(QuestionId, Timestamp)>> {
        // The platform may have shown us a message before we noted that it was posted.
        let rows: Vec<(i64, i64)> = query_as(
            "SELECT m.question, coalesce(o.posted, m.at) FROM outbox o JOIN chat_messages m ON m.id = o.message
             WHERE o.platform = ?1 AND o.task = ?2 AND m.kind = 'question'
               AND (o.posted IS NOT NULL OR EXISTS (SELECT 1 FROM posts p WHERE p.message = m.id AND p.platform = ?1))",
        )
        .bind(platform)
        .bind(int(task.0))
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        Ok(rows.into_iter().map(|(id, at)| (QuestionId(id.unsigned_abs()), Timestamp(at))).collect())
    }

    async fn due_in(&self, platform: &str) -> Stored<Option<Duration>> {
        let now = self.now();
        let next: Option<i64> = query_scalar("SELECT min(due) FROM outbox WHERE posted IS NULL AND platform = ? AND due > ?")
            .bind(platform)
            .bind(now.0)
            .fetch_one(&self.reader)
            .await
            .map_err(unavailable)?;
        Ok(next.map(|due| Timestamp(due).since(now)))
    }

    async fn settle(&self, posted: &[(&Dispatch, Posted)]) -> Stored<()> {
        let row = |(dispatch, posted): &(&Dispatch, Posted)| {
            let place = (posted.thread.clone(), posted.parts.first().cloned());
            (dispatch.message.id.to_string(), dispatch.platform.clone(), place.0, place.1, dispatch.room.clone())
        };
        let rows: Vec<_> = posted.iter().map(row).collect();
        let mut tx = self.begin().await?;
        query(
            "UPDATE outbox SET posted = ?1, thread = p.value ->> 2, ref = p.value ->> 3 FROM json_each(?2) p
             WHERE outbox.message = p.value ->> 0 AND outbox.platform = p.value ->> 1 AND outbox.room = p.value ->> 4",
        )
        .bind(self.now().0)
        .bind(json(&rows))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        // The console names its messages as we do.
        for (dispatch, posted) in posted.iter().filter(|(dispatch, _)| dispatch.platform != "console" && dispatch.edits.is_none()) {
            for (part, reference) in (0..).zip(&posted.parts) {
                let last = part as usize + 1 == posted.parts.len();
                noticed(&mut tx, &dispatch.platform, &Echo { message: dispatch.message.id, reference: reference.clone(), part, last })
                    .await?;
            }
        }
        tx.commit().await.map_err(unavailable)
    }

    async fn live_threads(&self, platform: &str) -> Stored<Vec<(String, String)>> {
        let threads = query_as(
            "SELECT DISTINCT o.room, o.thread FROM outbox o JOIN tasks t ON t.id = o.task
             WHERE o.platform = ? AND o.thread IS NOT NULL AND t.state IN ('queued', 'running', 'waiting') ORDER BY o.task",
        );
        threads.bind(platform).fetch_all(&self.reader).await.map_err(unavailable)
    }

    async fn hurry(&self, platform: &str, room: &str) -> Stored<()> {
        query("UPDATE outbox SET due = min(due, ?) WHERE platform = ? AND room = ? AND posted IS NULL")
            .bind(self.now().0)
            .bind(platform)
            .bind(room)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn hold(&self, platform: &str, room: &str, pause: Duration) -> Stored<()> {
        query("UPDATE outbox SET due = max(due, ?) WHERE platform = ? AND room = ? AND posted IS NULL")
            .bind(self.now().plus(pause).0)
            .bind(platform)
            .bind(room)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn give_up(&self, message: MessageId, platform: &str) -> Stored<()> {
        let row = query("DELETE FROM outbox WHERE message = ? AND platform = ?").bind(message.to_string()).bind(platform);
        row.execute(&self.writer).await.map(|_| ()).map_err(unavailable)
    }

    async fn postpone(&self, message: MessageId, platform: &str, pause: Duration, failed: bool) -> Stored<()> {
        query("UPDATE outbox SET attempts = attempts + ?, due = ? WHERE message = ? AND platform = ?")
            .bind(failed)
            .bind(self.now().plus(pause).0)
            .bind(message.to_string())
            .bind(platform)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
