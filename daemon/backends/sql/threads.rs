//! Messages: inbox, threads, outbox.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{query, query_scalar};
use vine_domain::{
    MessageId, QuestionId, TaskId, Timestamp,
    chat::{
        Disposition, Inbound, InboundBatch, InboundKind, MarkupLevel, Message, MessagePlace,
        OurPost, Outbound, OutboundKind, OutboxItem, PostStatus, Posted, SourceMessage,
    },
    ports::{PostedMessage, StoreError, StoreResult, Threads, UnprocessedEvent},
};

use super::{
    messages::{self, ThreadLine},
    rows::{from_json, int, json, parsed, uuid},
    unavailable,
};
use crate::{Connection, Database};

struct MessageRow {
    seq: i64,
    aside: bool,
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

    fn try_from(row: MessageRow) -> StoreResult<Self> {
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
    within: Option<String>,
    encrypted: bool,
}

impl DispatchRow {
    fn place(&self) -> StoreResult<MessagePlace> {
        match (self.task, &self.repo, &self.aside) {
            (Some(task), ..) => Ok(MessagePlace::Thread(TaskId(task.unsigned_abs()))),
            (None, Some(repo), _) => Ok(MessagePlace::Room(parsed(repo)?)),
            (None, None, Some(aside)) => Ok(MessagePlace::Aside(from_json(aside)?)),
            (None, None, None) => Err(StoreError::Corrupt(format!(
                "message {} has no place",
                self.message
            ))),
        }
    }

    fn about(&self) -> Option<SourceMessage> {
        let fate = match self.fate.as_deref() {
            Some("waiting") => Disposition::Kept,
            Some("missed") => Disposition::Missed,
            _ => Disposition::Taken,
        };
        self.about
            .clone()
            .map(|event| SourceMessage { event, fate })
    }
}

impl TryFrom<DispatchRow> for OutboxItem {
    type Error = StoreError;

    fn try_from(row: DispatchRow) -> StoreResult<Self> {
        let question = row.question.map(|number| QuestionId(number.unsigned_abs()));
        let note = row.note.as_deref().map(uuid).transpose()?;
        let kind = match (row.kind.as_str(), question, note) {
            ("card", ..) => OutboundKind::Card,
            ("question", Some(question), _) => OutboundKind::Question { question },
            ("settled", Some(question), _) => OutboundKind::Settled { question },
            ("note", _, Some(note)) => OutboundKind::Note { note },
            _ => OutboundKind::Notice,
        };
        let place = row.place()?;
        let about = row.about();
        let thread = match &place {
            MessagePlace::Aside(aside) => aside.thread.clone(),
            MessagePlace::Thread(_) | MessagePlace::Room(_) => row.thread,
        };
        let buttons = from_json(&row.buttons)?;
        let calls = from_json(&row.calls)?;
        let message = Outbound {
            id: MessageId(uuid(&row.message)?),
            place,
            kind,
            text: row.text,
            buttons,
            calls,
        };
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let platform = row.platform;
        let room = row.room;
        let encrypted = row.encrypted;
        let repo = row.within.as_deref().map(parsed).transpose()?;
        let latest = row.latest;
        let edits = row.edits;
        let already = row.already;
        Ok(Self {
            message,
            platform,
            room,
            repo,
            thread,
            latest,
            edits,
            about,
            mentions: vec![],
            already,
            encrypted,
            form: MarkupLevel::Whole,
            again: attempts > 0,
            at: Timestamp(row.at),
            attempts,
        })
    }
}

/// Messages, by the clauses after `FROM chat_messages`.
macro_rules! messages {
    ($rest:literal $(, $arg:expr)*) => {
        sqlx::query_as!(
            MessageRow,
            r#"SELECT seq AS "seq!", id, task, aside IS NOT NULL AS "aside!: bool", question, note, author, kind, text, buttons, at
               FROM chat_messages "# + $rest
            $(, $arg)*
        )
    };
}

/// Adds events to the inbox and returns how many were new or updated. An event whose content was
/// awaited is updated with it.
async fn take(tx: &mut Connection, events: &[Inbound], now: Timestamp) -> StoreResult<u64> {
    let row = |event: &Inbound| {
        let about = match &event.act {
            InboundKind::Edited(of) => of,
            _ => &event.event,
        };
        json!({
            "platform": event.platform, "event": event.event, "key": event.own_key(), "about": about, "awaited": event.act == InboundKind::Awaited,
            "body": json(event),
        })
    };
    let rows: Vec<Value> = events.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let taken = query!(
        "INSERT INTO inbox (platform, event, key, about, awaited, body, at)
         SELECT value ->> 'platform', value ->> 'event', value ->> 'key', value ->> 'about', CAST(value ->> 'awaited' AS BOOLEAN),
             value ->> 'body', $1 FROM json_each($2) l WHERE true ORDER BY l.key
         ON CONFLICT (platform, event) DO UPDATE SET body = excluded.body, awaited = excluded.awaited, about = excluded.about
         WHERE inbox.read IS NULL AND inbox.awaited",
        now.0,
        json(&rows)
    );
    Ok(taken
        .execute(tx)
        .await
        .map_err(unavailable)?
        .rows_affected())
}

async fn mark(tx: &mut Connection, event: &Inbound, now: Timestamp) -> StoreResult<()> {
    let marked = query!(
        "UPDATE inbox SET read = $1 WHERE platform = $2 AND event = $3",
        now.0,
        event.platform,
        event.event
    );
    marked.execute(tx).await.map(|_| ()).map_err(unavailable)
}

/// Stores the platform's IDs of the parts of our messages; other messages are ignored. Returns how
/// many parts exist under another ID too.
async fn noticed(tx: &mut Connection, platform: &str, echoes: &[OurPost]) -> StoreResult<u64> {
    let mut twice = 0;
    let mut rest = echoes.iter().collect::<Vec<_>>();
    // A statement does not see its own rows, so IDs of the same part need separate statements.
    while !rest.is_empty() {
        let mut parts = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|echo| parts.insert((echo.message, echo.part)));
        twice += name(tx, platform, &now).await?;
        rest = later;
    }
    Ok(twice)
}

async fn name(tx: &mut Connection, platform: &str, echoes: &[&OurPost]) -> StoreResult<u64> {
    let row = |echo: &&OurPost| json!({ "ref": echo.reference, "part": echo.part, "last": echo.last, "message": echo.message.to_string() });
    let rows: Vec<Value> = echoes.iter().map(row).collect();
    let twice = query_scalar!(
        r#"INSERT INTO posts (platform, ref, message, part, last)
         SELECT $1, c.ref, m.id, c.part, c.last
         FROM (SELECT value ->> 'ref' AS ref, CAST(value ->> 'part' AS BIGINT) AS part, CAST(value ->> 'last' AS BOOLEAN) AS last,
                   value ->> 'message' AS message FROM json_each($2)) c JOIN chat_messages m ON m.id = c.message
         WHERE true ON CONFLICT (platform, ref) DO NOTHING
         RETURNING EXISTS (SELECT 1 FROM posts o WHERE o.message = posts.message AND o.platform = posts.platform
                           AND o.part = posts.part AND o.ref <> posts.ref) AS "twice!: bool""#,
        platform,
        json(&rows)
    );
    let twice = twice.fetch_all(tx).await.map_err(unavailable)?;
    Ok(twice.into_iter().filter(|twice| *twice).count() as u64)
}

#[async_trait]
impl Threads for Database {
    async fn store_event(&self, event: &Inbound) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        let new = take(&mut tx, std::slice::from_ref(event), self.now()).await? == 1;
        tx.commit().await.map_err(unavailable)?;
        Ok(new)
    }

    async fn ingest(&self, platform: &str, batch: &InboundBatch) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let twice = noticed(&mut tx, platform, &batch.echoes).await?;
        take(&mut tx, &batch.events, self.now()).await?;
        if let Some(cursor) = &batch.cursor {
            let position = query!(
                "INSERT INTO cursors (platform, position) VALUES ($1, $2) ON CONFLICT (platform) DO UPDATE SET position = excluded.position",
                platform,
                cursor
            );
            position.execute(&mut *tx).await.map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(twice)
    }

    async fn cursor(&self, platform: &str) -> StoreResult<Option<String>> {
        let position = query_scalar!("SELECT position FROM cursors WHERE platform = $1", platform);
        position
            .fetch_optional(self.reader())
            .await
            .map_err(unavailable)
    }

    async fn find_posted(
        &self,
        platform: &str,
        reference: &str,
    ) -> StoreResult<Option<PostedMessage>> {
        let row = query!(
            "SELECT m.task, m.question, m.buttons, m.aside FROM posts p JOIN chat_messages m ON m.id = p.message WHERE p.platform = $1 AND p.ref = $2",
            platform,
            reference
        );
        let row = row
            .fetch_optional(self.reader())
            .await
            .map_err(unavailable)?;
        row.map(|row| {
            let task = row.task.map(|id| TaskId(id.unsigned_abs()));
            let question = row.question.map(|id| QuestionId(id.unsigned_abs()));
            Ok(PostedMessage {
                task,
                question,
                buttons: from_json(&row.buttons)?,
                aside: row.aside.as_deref().map(from_json).transpose()?,
            })
        })
        .transpose()
    }

    async fn event(&self, platform: &str, event: &str) -> StoreResult<Option<Inbound>> {
        let body = query_scalar!(
            "SELECT body FROM inbox WHERE platform = $1 AND event = $2",
            platform,
            event
        );
        body.fetch_optional(self.reader())
            .await
            .map_err(unavailable)?
            .as_deref()
            .map(from_json)
            .transpose()
    }

    async fn is_processed(&self, event: &Inbound) -> StoreResult<bool> {
        let read = query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM inbox WHERE platform = $1 AND event = $2 AND read IS NOT NULL) AS "read!: bool""#,
            event.platform,
            event.event
        );
        read.fetch_one(self.reader()).await.map_err(unavailable)
    }

    async fn unprocessed(
        &self,
        age: Duration,
        awaited: Duration,
        after: u64,
    ) -> StoreResult<Vec<UnprocessedEvent>> {
        let now = self.now();
        let rows = query!(
            r#"SELECT seq AS "seq!", body, at FROM inbox WHERE read IS NULL AND seq > $3 AND at <= $1 AND (NOT awaited OR at <= $2)
               ORDER BY seq LIMIT 100"#,
            now.minus(age).0,
            now.minus(awaited).0,
            int(after)
        );
        let rows = rows
            .fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .into_iter();
        rows.map(|row| {
            Ok(UnprocessedEvent {
                seq: row.seq.unsigned_abs(),
                at: Timestamp(row.at),
                event: from_json(&row.body)?,
            })
        })
        .collect()
    }

    async fn awaited(&self, platform: &str) -> StoreResult<Vec<Inbound>> {
        let bodies = query_scalar!(
            "SELECT body FROM inbox WHERE read IS NULL AND awaited AND platform = $1 ORDER BY seq LIMIT 100",
            platform
        );
        bodies
            .fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .iter()
            .map(|body| from_json(body))
            .collect()
    }

    async fn mark_processed(&self, event: &Inbound) -> StoreResult<()> {
        mark(
            &mut *self.writer().acquire().await.map_err(unavailable)?,
            event,
            self.now(),
        )
        .await
    }

    async fn add_messages(
        &self,
        task: TaskId,
        reply: Option<(&str, &str)>,
        messages: &[Outbound],
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let reply = reply
            .into_iter()
            .map(|(author, text)| ThreadLine::Reply(task, author, text));
        let said: Vec<ThreadLine> = reply.chain(messages.iter().map(ThreadLine::Ours)).collect();
        messages::add_messages(&mut tx, &said, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn add_command_reply(
        &self,
        event: &Inbound,
        author: &str,
        task: TaskId,
        message: &Outbound,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        messages::add_messages(
            &mut tx,
            &[
                ThreadLine::Reply(task, author, &event.text),
                ThreadLine::Ours(message),
            ],
            self.now(),
        )
        .await?;
        mark(&mut tx, event, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn enqueue_message(&self, message: &Outbound) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        messages::add_messages(&mut tx, &[ThreadLine::Ours(message)], self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>> {
        let rows = messages!(
            "WHERE task = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            int(task.0),
            int(after),
            i64::from(limit)
        );
        rows.fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .into_iter()
            .map(Message::try_from)
            .collect()
    }

    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>> {
        let rows = messages!(
            "WHERE task = $1 ORDER BY seq DESC LIMIT $2",
            int(task.0),
            i64::from(limit)
        );
        rows.fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .into_iter()
            .rev()
            .map(Message::try_from)
            .collect()
    }

    async fn messages(&self, mut after: u64, limit: u32) -> StoreResult<Vec<Message>> {
        loop {
            let rows = messages!(
                "WHERE seq > $1 ORDER BY seq LIMIT $2",
                int(after),
                i64::from(limit)
            );
            let rows = settled(
                rows.fetch_all(self.reader()).await.map_err(unavailable)?,
                after,
                self.now(),
            );
            // Private replies have numbers but are not shown. A page with nothing else must not
            // look like the end.
            let only_aside = rows
                .last()
                .filter(|_| rows.iter().all(|row| row.aside))
                .map(|row| row.seq.unsigned_abs());
            match only_aside {
                Some(last) => after = last,
                None => {
                    return rows
                        .into_iter()
                        .filter(|row| !row.aside)
                        .map(Message::try_from)
                        .collect();
                }
            }
        }
    }

    async fn due(&self, platform: &str, limit: u32) -> StoreResult<Vec<OutboxItem>> {
        // A message waits for the earlier ones in its thread, so that a delay never reorders them.
        // Only edits can be overtaken; they wait for one another.
        let rows = sqlx::query_as!(
            DispatchRow,
            r#"SELECT o.message, o.platform, o.room, o.attempts, m.at, o.task, m.repo, m.aside, m.question, m.note, m.kind, m.text, m.buttons,
                   m.calls, coalesce(n.state, a.key) AS "fate?",
                   coalesce(m.repo, t.repo) AS "within?", coalesce(r.encrypted, false) AS "encrypted!: bool",
                   (SELECT i.about FROM inbox i WHERE i.key = coalesce(m.note, a.key) AND i.platform = o.platform) AS "about?",
                   (SELECT p.ref FROM posts p WHERE p.message = o.message AND p.platform = o.platform AND p.part = 0
                      AND EXISTS (SELECT 1 FROM posts l WHERE l.message = p.message AND l.platform = p.platform AND l.last)) AS "already?",
                   (SELECT ref FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL AND NOT p.edit
                    ORDER BY p.seq DESC LIMIT 1) AS "latest?",
                   (SELECT thread FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                    ORDER BY p.seq LIMIT 1) AS "thread?",
                   (SELECT p.ref FROM outbox p JOIN chat_messages c ON c.id = p.message
                    WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                      AND ((m.kind = 'card' AND c.kind = 'card') OR (m.kind = 'note' AND c.note = m.note)
                        OR (m.kind = 'settled' AND c.kind = 'question' AND c.question = m.question))
                    ORDER BY p.seq LIMIT 1) AS "edits?"
               FROM outbox o JOIN chat_messages m ON m.id = o.message
                   LEFT JOIN tasks t ON t.id = o.task
                   LEFT JOIN repos r ON r.name = coalesce(m.repo, t.repo)
                   LEFT JOIN notes n ON n.key = m.note
                   LEFT JOIN answers a ON a.question = m.question AND m.kind = 'settled'
               WHERE o.posted IS NULL AND o.platform = $1 AND o.due <= $2
                 AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = o.task AND b.platform = o.platform AND b.posted IS NULL
                     AND b.seq < o.seq AND (NOT b.edit OR (o.edit AND b.rank <= o.rank)))
               ORDER BY o.rank, o.due, o.seq LIMIT $3"#,
            platform,
            self.now().0,
            i64::from(limit)
        );
        rows.fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .into_iter()
            .map(OutboxItem::try_from)
            .collect()
    }

    async fn post_statuses(
        &self,
        platform: &str,
        task: TaskId,
        begun: Option<Timestamp>,
    ) -> StoreResult<Vec<(QuestionId, PostStatus)>> {
        // The platform may have echoed a message before we recorded it as posted.
        let rows = query!(
            r#"SELECT m.question AS "question!", o.posted, m.at FROM outbox o JOIN chat_messages m ON m.id = o.message
               WHERE o.platform = $1 AND o.task = $2 AND m.kind = 'question'
                 AND (o.posted IS NOT NULL OR m.at < $3 OR EXISTS (SELECT 1 FROM posts p WHERE p.message = m.id AND p.platform = $1))"#,
            platform,
            int(task.0),
            begun.map_or(i64::MAX, |begun| begun.0)
        );
        let showing = |posted: Option<i64>, at| {
            posted.map_or(PostStatus::Perhaps(Timestamp(at)), |posted| {
                PostStatus::Stands(Timestamp(posted))
            })
        };
        let rows = rows
            .fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .into_iter();
        Ok(rows
            .map(|row| {
                (
                    QuestionId(row.question.unsigned_abs()),
                    showing(row.posted, row.at),
                )
            })
            .collect())
    }

    async fn next_due_in(&self, platform: &str) -> StoreResult<Option<Duration>> {
        let now = self.now();
        let next = query_scalar!(
            r#"SELECT min(due) AS "due?: i64" FROM outbox WHERE posted IS NULL AND platform = $1 AND due > $2"#,
            platform,
            now.0
        );
        let next = next.fetch_one(self.reader()).await.map_err(unavailable)?;
        Ok(next.map(|due| Timestamp(due).since(now)))
    }

    async fn mark_posted(&self, posted: &[(&OutboxItem, Posted)]) -> StoreResult<()> {
        let now = self.now();
        let row = |(dispatch, posted): &(&OutboxItem, Posted)| {
            json!({
                "at": dispatch.stands_since(posted, now).0, "message": dispatch.message.id.to_string(), "platform": dispatch.platform, "room": dispatch.room, "thread": posted.thread,
                "ref": posted.parts.first(),
            })
        };
        let rows: Vec<Value> = posted.iter().map(row).collect();
        let mut tx = self.begin().await?;
        let settled = query!(
            "UPDATE outbox SET posted = c.at, thread = c.thread, ref = c.ref
             FROM (SELECT CAST(value ->> 'at' AS BIGINT) AS at, value ->> 'message' AS message, value ->> 'platform' AS platform,
                       value ->> 'room' AS room, value ->> 'thread' AS thread, value ->> 'ref' AS ref FROM json_each($1)) c
             WHERE outbox.message = c.message AND outbox.platform = c.platform AND outbox.room = c.room",
            json(&rows)
        );
        settled.execute(&mut *tx).await.map_err(unavailable)?;
        for (dispatch, posted) in posted
            .iter()
            .filter(|(dispatch, _)| dispatch.edits.is_none())
        {
            noticed(
                &mut tx,
                &dispatch.platform,
                &parts(dispatch.message.id, posted),
            )
            .await?;
        }
        tx.commit().await.map_err(unavailable)
    }

    async fn live_threads(&self, platform: &str) -> StoreResult<Vec<(String, String)>> {
        let rows = query!(
            r#"SELECT o.room AS "room!", o.thread AS "thread!" FROM outbox o JOIN tasks t ON t.id = o.task
               WHERE o.platform = $1 AND o.thread IS NOT NULL AND t.state IN ('queued', 'running', 'waiting')
               GROUP BY o.room, o.thread ORDER BY min(o.task)"#,
            platform
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        Ok(rows.into_iter().map(|row| (row.room, row.thread)).collect())
    }

    async fn retry_room_now(&self, platform: &str, room: &str) -> StoreResult<()> {
        let hurried = query!(
            "UPDATE outbox SET due = $1 WHERE platform = $2 AND room = $3 AND posted IS NULL AND due > $1 AND attempts > 0
               AND NOT EXISTS (SELECT 1 FROM chat_messages m WHERE m.id = outbox.message AND m.aside IS NOT NULL)",
            self.now().0,
            platform,
            room
        );
        hurried
            .execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn defer_room(&self, platform: &str, room: &str, pause: Duration) -> StoreResult<()> {
        let held = query!(
            "UPDATE outbox SET due = $1 WHERE platform = $2 AND room = $3 AND posted IS NULL AND due < $1",
            self.now().plus(pause).0,
            platform,
            room
        );
        held.execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn restart_thread(&self, platform: &str, room: &str, task: TaskId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let task = int(task.0);
        let now = self.now().0;
        let former = query!(
            "DELETE FROM outbox WHERE platform = $1 AND task = $2 AND posted IS NOT NULL",
            platform,
            task
        );
        former.execute(&mut *tx).await.map_err(unavailable)?;
        let there = query!(
            "DELETE FROM posts WHERE platform = $1 AND message IN (SELECT id FROM chat_messages WHERE task = $2)",
            platform,
            task
        );
        there.execute(&mut *tx).await.map_err(unavailable)?;
        let waiting = query!(
            "UPDATE outbox SET due = $1, attempts = 0 WHERE platform = $2 AND task = $3",
            now,
            platform,
            task
        );
        waiting.execute(&mut *tx).await.map_err(unavailable)?;
        let shown = query!(
            "INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
             SELECT m.id, $1, $2, CASE WHEN m.kind = 'card' THEN 0 ELSE m.seq END, m.task, false, 0, $4
             FROM chat_messages m LEFT JOIN questions q ON q.id = m.question
             WHERE m.task = $3
               AND ((m.kind = 'card' AND m.seq = (SELECT max(seq) FROM chat_messages c WHERE c.task = $3 AND c.kind = 'card'))
                 OR (m.kind = 'question' AND q.state = 'open'))
             ON CONFLICT (message, platform) DO UPDATE SET seq = excluded.seq, edit = false, rank = 0",
            platform,
            room,
            task,
            now
        );
        shown.execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn give_up(&self, message: MessageId, platform: &str) -> StoreResult<()> {
        let row = query!(
            "DELETE FROM outbox WHERE message = $1 AND platform = $2",
            message.to_string(),
            platform
        );
        row.execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn postpone(
        &self,
        message: MessageId,
        platform: &str,
        pause: Duration,
        failed: bool,
    ) -> StoreResult<()> {
        let later = query!(
            "UPDATE outbox SET attempts = attempts + $1, due = $2 WHERE message = $3 AND platform = $4",
            i64::from(failed),
            self.now().plus(pause).0,
            message.to_string(),
            platform
        );
        later
            .execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }
}

/// No transaction takes this long.
const SETTLED: Duration = Duration::from_secs(20);

/// Messages up to the first gap that an open transaction may still fill. Numbers are assigned
/// before transactions end, and a reader that continues after a number must not miss a lower one
/// that appears later.
fn settled(mut rows: Vec<MessageRow>, after: u64, now: Timestamp) -> Vec<MessageRow> {
    let mut last = int(after);
    let gap = rows.iter().position(|row| {
        let follows = row.seq == last + 1 || now.since(Timestamp(row.at)) >= SETTLED;
        last = row.seq;
        !follows
    });
    rows.truncate(gap.unwrap_or(rows.len()));
    rows
}

/// The parts of a message with their IDs on the platform.
fn parts(message: MessageId, posted: &Posted) -> Vec<OurPost> {
    let last = posted.parts.len();
    let part = |(part, reference): (u32, &String)| OurPost {
        message,
        reference: reference.clone(),
        part,
        last: part as usize + 1 == last,
    };
    (0..).zip(&posted.parts).map(part).collect()
}
