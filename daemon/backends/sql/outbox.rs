//! The outbox: what is to be posted on which platform, and where it was posted.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use vine_domain::{
    MessageId, QuestionId, Task, TaskId, Timestamp,
    chat::{OutboxItem, PostStatus, Posted},
    ports::{Outbox, PostedMessage, PostedQuestion, StoreResult, WorkingCard},
};

use super::{
    outbox_rows::DispatchRow,
    posts::{noticed, parts},
    rows::{TaskRow, from_json, int, json, tasks},
    run::{Fetch as _, Run as _},
};
use crate::{
    Database, engine,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Outbox for Database {
    async fn due(
        &self,
        platform: &str,
        except: &[String],
        limit: u32,
    ) -> StoreResult<Vec<OutboxItem>> {
        // A message waits for the earlier ones in its thread, so that a delay never reorders them.
        // Only edits can be overtaken; they wait for one another.
        let rows = rows!(
            DispatchRow,
            r#"SELECT o.message, o.platform, o.room, o.attempts, m.at, o.task, m.repo, m.aside, m.question, m.note, m.kind, m.text, m.buttons,
                   m.calls, m.file, coalesce(n.state, a.key) AS "fate?",
                   coalesce(m.repo, t.repo) AS "within?", coalesce(r.encrypted, false) AS "encrypted!: bool",
                   (SELECT i.about FROM inbox i WHERE i.key = coalesce(m.note, a.key) AND i.platform = o.platform) AS "about?",
                   (SELECT p.ref FROM posts p WHERE p.message = o.message AND p.platform = o.platform AND p.part = 0
                      AND EXISTS (SELECT 1 FROM posts l WHERE l.message = p.message AND l.platform = p.platform AND l.last)) AS "already?",
                   (SELECT ref FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL AND NOT p.edit
                    ORDER BY p.seq DESC LIMIT 1) AS "latest?",
                   (SELECT thread FROM outbox p WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                    ORDER BY p.seq LIMIT 1) AS "thread?",
                   coalesce((SELECT p.ref FROM outbox p JOIN chat_messages c ON c.id = p.message
                    WHERE p.task = o.task AND p.platform = o.platform AND p.posted IS NOT NULL
                      AND ((m.kind = 'card' AND c.kind = 'card') OR (m.kind = 'note' AND c.note = m.note)
                        OR (m.kind = 'settled' AND c.kind = 'question' AND c.question = m.question))
                    ORDER BY p.seq LIMIT 1),
                   (SELECT p.ref FROM chat_messages c JOIN outbox p ON p.message = c.id
                    WHERE c.kind = 'notice' AND c.note = m.note AND m.kind = 'notice' AND p.platform = o.platform AND p.room = o.room
                      AND p.posted IS NOT NULL
                    ORDER BY c.seq LIMIT 1)) AS "edits?",
                   (SELECT l.ref FROM outbox p JOIN chat_messages c ON c.id = p.message
                        JOIN posts l ON l.message = c.id AND l.platform = p.platform AND l.part > 0
                    WHERE m.kind = 'settled' AND p.task = o.task AND p.platform = o.platform AND c.kind = 'question' AND c.question = m.question
                    ORDER BY l.part DESC LIMIT 1) AS "edits_last?"
               FROM outbox o JOIN chat_messages m ON m.id = o.message
                   LEFT JOIN tasks t ON t.id = o.task
                   LEFT JOIN repos r ON r.name = coalesce(m.repo, t.repo)
                   LEFT JOIN notes n ON n.key = m.note
                   LEFT JOIN answers a ON a.question = m.question AND m.kind = 'settled'
               WHERE o.posted IS NULL AND o.platform = $1 AND o.due <= $2 AND o.room NOT IN (SELECT atom FROM json_each($4))
                 AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = o.task AND b.platform = o.platform AND b.posted IS NULL
                     AND b.seq < o.seq AND (NOT b.edit OR (o.edit AND b.rank <= o.rank)))
                 AND NOT EXISTS (SELECT 1 FROM chat_messages c JOIN outbox b ON b.message = c.id
                     WHERE m.kind = 'notice' AND c.kind = 'notice' AND c.note = m.note AND b.platform = o.platform AND b.room = o.room
                       AND b.posted IS NULL AND b.seq < o.seq)
               ORDER BY o.rank, o.due, o.seq LIMIT CAST($3 AS BIGINT)"#,
            platform,
            self.now().0,
            i64::from(limit),
            json(except)
        );
        rows.all(self.quick())
            .await?
            .into_iter()
            .map(OutboxItem::try_from)
            .collect()
    }

    async fn working_cards(&self, platform: &str) -> StoreResult<Vec<WorkingCard>> {
        let rows = rows!(
            { task: i64, progress: String, started: i64, usage: String, room: String, thread: Option<String>, card: Option<String>, encrypted: bool },
            r#"SELECT t.id AS "task!", e.progress AS "progress!", e.started, e.usage, o.room, o.thread, o.ref AS card,
                   r.encrypted AS "encrypted: bool"
               FROM tasks t JOIN executions e ON e.task = t.id AND e.epoch = t.epoch AND e.progress IS NOT NULL
                   JOIN outbox o ON o.task = t.id AND o.platform = $1 AND o.posted IS NOT NULL AND NOT o.edit
                   JOIN chat_messages m ON m.id = o.message AND m.kind = 'card'
                   JOIN rooms w ON w.platform = o.platform AND w.room = o.room AND w.progress
                   JOIN repos r ON r.name = t.repo
               WHERE t.state IN ('running', 'waiting') AND t.lease_worker IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM outbox b JOIN chat_messages c ON c.id = b.message
                     WHERE b.task = t.id AND b.platform = $1 AND b.posted IS NULL AND c.kind = 'card')
               ORDER BY t.id"#,
            platform
        );
        let rows = rows.all(self.quick()).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.task).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let list = json(&ids);
        let found = tasks!(
            "WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            list
        );
        let found = found
            .all(self.quick())
            .await?
            .into_iter()
            .map(Task::try_from);
        let mut tasks: HashMap<TaskId, Task> = HashMap::new();
        for task in found {
            let task = task?;
            tasks.insert(task.id, task);
        }
        let mut cards = Vec::with_capacity(rows.len());
        for row in rows {
            let id = TaskId(row.task.unsigned_abs());
            let (Some(task), Some(thread), Some(reference)) =
                (tasks.remove(&id), row.thread, row.card)
            else {
                continue;
            };
            cards.push(WorkingCard {
                task,
                progress: from_json(&row.progress)?,
                since: Timestamp(row.started),
                usage: from_json(&row.usage)?,
                room: row.room,
                thread,
                reference,
                encrypted: row.encrypted,
            });
        }
        Ok(cards)
    }

    async fn post_statuses(
        &self,
        platform: &str,
        task: TaskId,
        begun: Option<Timestamp>,
    ) -> StoreResult<Vec<(QuestionId, PostStatus)>> {
        // The platform may have echoed a message before we recorded it as posted.
        let rows = rows!(
            { question: i64, posted: Option<i64>, at: i64 },
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
        let rows = rows.all(self.quick()).await?.into_iter();
        Ok(rows
            .map(|row| {
                (
                    QuestionId(row.question.unsigned_abs()),
                    showing(row.posted, row.at),
                )
            })
            .collect())
    }

    async fn asked_at(
        &self,
        platform: &str,
        questions: &[QuestionId],
    ) -> StoreResult<Vec<PostedQuestion>> {
        let ids: Vec<i64> = questions.iter().map(|question| int(question.0)).collect();
        let rows = rows!(
            { question: i64, room: String, thread: String, reference: String },
            r#"SELECT q.id AS "question!", o.room, o.thread AS "thread!", o.ref AS "reference!"
               FROM questions q JOIN outbox o ON o.task = q.task AND o.platform = $1 AND o.posted IS NOT NULL
                   JOIN chat_messages m ON m.id = o.message AND m.kind = 'question' AND m.question = q.id
               WHERE q.id IN (SELECT CAST(value AS BIGINT) FROM json_each($2)) AND o.ref IS NOT NULL AND o.thread IS NOT NULL"#,
            platform,
            json(&ids)
        );
        let rows = rows.all(self.quick()).await?.into_iter();
        Ok(rows
            .map(|row| PostedQuestion {
                question: QuestionId(row.question.unsigned_abs()),
                room: row.room,
                thread: row.thread,
                reference: row.reference,
            })
            .collect())
    }

    async fn card_of(&self, platform: &str, task: TaskId) -> StoreResult<Option<[String; 3]>> {
        let row = rows!(
            { room: String, thread: String, reference: String },
            r#"SELECT o.room, o.thread AS "thread!", o.ref AS "reference!"
               FROM outbox o JOIN chat_messages m ON m.id = o.message AND m.kind = 'card'
               WHERE o.task = $2 AND o.platform = $1 AND o.posted IS NOT NULL AND NOT o.edit AND o.ref IS NOT NULL AND o.thread IS NOT NULL
               ORDER BY o.seq LIMIT 1"#,
            platform,
            int(task.0)
        );
        let row = row.maybe(self.quick()).await?;
        Ok(row.map(|row| [row.room, row.thread, row.reference]))
    }

    async fn next_due_in(&self, platform: &str) -> StoreResult<Option<Duration>> {
        let now = self.now();
        let next = scalar!(
            Option<i64>,
            r#"SELECT min(due) AS "due?: i64" FROM outbox WHERE posted IS NULL AND platform = $1 AND due > $2"#,
            platform,
            now.0
        );
        let next = next.one(self.quick()).await?;
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
        let settled = statement!("UPDATE outbox SET posted = c.at, thread = c.thread, ref = c.ref
             FROM (SELECT CAST(value ->> 'at' AS BIGINT) AS at, value ->> 'message' AS message, value ->> 'platform' AS platform,
                       value ->> 'room' AS room, value ->> 'thread' AS thread, value ->> 'ref' AS ref FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
             WHERE outbox.message = c.message AND outbox.platform = c.platform AND outbox.room = c.room",
            json(&rows)
        );
        settled.run(&mut *tx).await?;
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
        engine::commit(tx).await
    }

    async fn find_posted(
        &self,
        platform: &str,
        reference: &str,
    ) -> StoreResult<Option<PostedMessage>> {
        let row = rows!(
            { task: Option<i64>, question: Option<i64>, buttons: String, aside: Option<String> },
            "SELECT m.task, m.question, m.buttons, m.aside FROM posts p JOIN chat_messages m ON m.id = p.message WHERE p.platform = $1 AND p.ref = $2",
            platform,
            reference
        );
        let row = row.maybe(self.quick()).await?;
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

    async fn retry_room_now(&self, platform: &str, room: &str) -> StoreResult<()> {
        let hurried = statement!("UPDATE outbox SET due = $1 WHERE platform = $2 AND room = $3 AND posted IS NULL AND due > $1 AND attempts > 0
               AND NOT EXISTS (SELECT 1 FROM chat_messages m WHERE m.id = outbox.message AND m.aside IS NOT NULL)",
            self.now().0,
            platform,
            room
        );
        hurried.run(self.writer()).await.map(drop)
    }

    async fn defer_room(&self, platform: &str, room: &str, pause: Duration) -> StoreResult<()> {
        let held = statement!(
            "UPDATE outbox SET due = $1 WHERE platform = $2 AND room = $3 AND posted IS NULL AND due < $1",
            self.now().plus(pause).0,
            platform,
            room
        );
        held.run(self.writer()).await.map(drop)
    }

    async fn restart_thread(&self, platform: &str, room: &str, task: TaskId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let task = int(task.0);
        let now = self.now().0;
        let former = statement!(
            "DELETE FROM outbox WHERE platform = $1 AND task = $2 AND posted IS NOT NULL",
            platform,
            task
        );
        former.run(&mut *tx).await?;
        let there = statement!(
            "DELETE FROM posts WHERE platform = $1 AND message IN (SELECT id FROM chat_messages WHERE task = $2)",
            platform,
            task
        );
        there.run(&mut *tx).await?;
        let waiting = statement!(
            "UPDATE outbox SET due = $1, attempts = 0 WHERE platform = $2 AND task = $3",
            now,
            platform,
            task
        );
        waiting.run(&mut *tx).await?;
        let shown = statement!("INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
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
        shown.run(&mut *tx).await?;
        engine::commit(tx).await
    }

    async fn give_up(&self, message: MessageId, platform: &str) -> StoreResult<()> {
        let row = statement!(
            "DELETE FROM outbox WHERE message = $1 AND platform = $2",
            message.to_string(),
            platform
        );
        row.run(self.writer()).await.map(drop)
    }

    async fn postpone(
        &self,
        message: MessageId,
        platform: &str,
        pause: Duration,
        failed: bool,
    ) -> StoreResult<()> {
        let later = statement!(
            "UPDATE outbox SET attempts = attempts + $1, due = $2 WHERE message = $3 AND platform = $4",
            i64::from(failed),
            self.now().plus(pause).0,
            message.to_string(),
            platform
        );
        later.run(self.writer()).await.map(drop)
    }
}
