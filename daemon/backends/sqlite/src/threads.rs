//! What was said: inbox, threads, outbox.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{FromRow, query, query_as, query_scalar};
use vine_domain::{
    MessageId, QuestionId, TaskId, Timestamp,
    chat::{Dispatch, Inbound, Message, Outbound, OutboundKind, Place, Posted},
    ports::{StoreError, Stored, Threads},
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
    task: Option<i64>,
    repo: Option<String>,
    question: Option<i64>,
    note: Option<String>,
    kind: String,
    text: String,
    buttons: String,
    thread: Option<String>,
    edits: Option<String>,
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
        let place = match (row.task, &row.repo) {
            (Some(task), _) => Place::Thread(TaskId(task.unsigned_abs())),
            (None, Some(repo)) => Place::Room(parsed(repo)?),
            (None, None) => return Err(StoreError::Corrupt(format!("message {} has no place", row.message))),
        };
        let message = Outbound { id: MessageId(uuid(&row.message)?), place, kind, text: row.text, buttons: from_json(&row.buttons)? };
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        Ok(Self { message, platform: row.platform, room: row.room, thread: row.thread, edits: row.edits, attempts })
    }
}

#[async_trait]
impl Threads for Sqlite {
    async fn receive(&self, event: &Inbound) -> Stored<bool> {
        let done = query("INSERT INTO inbox (platform, event, body, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(&event.platform)
            .bind(&event.event)
            .bind(json(event))
            .bind(self.now().0)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
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

    async fn unread(&self, age: Duration) -> Stored<Vec<Inbound>> {
        let until = self.now().0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let rows: Vec<(String,)> = query_as("SELECT body FROM inbox WHERE read IS NULL AND at <= ? ORDER BY at, event LIMIT 100")
            .bind(until)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        rows.iter().map(|(body,)| from_json(body)).collect()
    }

    async fn mark_read(&self, event: &Inbound) -> Stored<()> {
        query("UPDATE inbox SET read = ? WHERE platform = ? AND event = ?")
            .bind(self.now().0)
            .bind(&event.platform)
            .bind(&event.event)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn say(&self, task: TaskId, reply: Option<(&str, &str)>, messages: &[Outbound]) -> Stored<()> {
        let mut tx = self.begin().await?;
        commit::say(&mut tx, task, reply, messages, self.now()).await?;
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
        let rows: Vec<MessageRow> = query_as("SELECT * FROM chat_messages WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(int(after))
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(Message::try_from).collect()
    }

    async fn due(&self, platform: &str, limit: u32) -> Stored<Vec<Dispatch>> {
        // A message waits for the ones before it in its thread, so that a pause of one never reorders them.
        let rows: Vec<DispatchRow> = query_as(
            "SELECT o.message, o.platform, o.room, o.attempts, o.task, m.repo, m.question, m.note, m.kind, m.text, m.buttons,
                 (SELECT thread FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                  ORDER BY p.seq LIMIT 1) AS thread,
                 (SELECT p.ref FROM outbox p JOIN chat_messages c ON c.id = p.message
                  WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                    AND ((m.kind = 'card' AND c.kind = 'card') OR (m.kind = 'note' AND c.note = m.note) OR (m.kind = 'settled' AND c.kind = 'question' AND c.question = m.question))
                  ORDER BY p.seq LIMIT 1) AS edits
             FROM outbox o JOIN chat_messages m ON m.id = o.message
             WHERE o.posted IS NULL AND o.platform = ?1 AND o.due <= ?2
               AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = o.task AND b.platform = o.platform AND b.posted IS NULL AND b.seq < o.seq)
             ORDER BY o.due, o.seq LIMIT ?3",
        )
        .bind(platform)
        .bind(self.now().0)
        .bind(limit)
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(Dispatch::try_from).collect()
    }

    async fn settle(&self, posted: &[(&Dispatch, Posted)]) -> Stored<()> {
        let row = |(dispatch, posted): &(&Dispatch, Posted)| {
            [dispatch.message.id.to_string(), dispatch.platform.clone(), posted.thread.clone(), posted.message.clone()]
        };
        let rows: Vec<_> = posted.iter().map(row).collect();
        query(
            "UPDATE outbox SET posted = ?1, thread = p.value ->> 2, ref = p.value ->> 3 FROM json_each(?2) p
             WHERE outbox.message = p.value ->> 0 AND outbox.platform = p.value ->> 1",
        )
        .bind(self.now().0)
        .bind(json(&rows))
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn postpone(&self, message: MessageId, platform: &str, pause: Duration) -> Stored<()> {
        query("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE message = ? AND platform = ?")
            .bind(self.now().plus(pause).0)
            .bind(message.to_string())
            .bind(platform)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
