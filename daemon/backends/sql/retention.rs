//! Removes old data in small steps, and keeps the ledger, which proves what remains.

use async_trait::async_trait;
use vine_domain::{
    AuditEntry, QuestionId, TaskId, Timestamp,
    ledger::{BEGIN, LedgerEntry, SealedFact},
    ports::{RetentionStore, StoreResult},
    retention::Retention,
};

use super::{
    ledger,
    rows::json,
    run::{Fetch as _, Run as _, removed},
};
use crate::{
    Connection, Database, engine,
    statement::{rows, scalar, statement},
};

/// Rows of one kind that are removed or sealed in one step: few, so that nothing waits for it.
const PORTION: i64 = 500;
/// Tasks that are pruned in one step.
const TASKS: i64 = 20;
/// Files that are removed in one step; each may have megabytes.
const FILES: i64 = 5;
/// How long expired tokens, and data that is removed to save space, are kept.
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[async_trait]
impl RetentionStore for Database {
    async fn prune(&self, retention: &Retention) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let mut rows = 0;
        if let Some(age) = retention.log {
            rows += log_lines(&mut tx, now.minus(age)).await?;
        }
        if let Some(age) = retention.history {
            rows += outside(&mut tx, now.minus(age)).await?;
            rows += tasks(&mut tx, now.minus(age), true).await?;
            rows += files(&mut tx, now.minus(age)).await?;
        }
        if let Some(age) = retention.audit {
            rows += ledger::prune(&mut tx, now.minus(age)).await?;
        }
        let ended = statement!("DELETE FROM tokens WHERE expires < $1", now.minus(DAY).0);
        rows += removed!(tx, ended);
        engine::commit(tx).await?;
        Ok(rows)
    }

    async fn shrink(&self) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let yesterday = self.now().minus(DAY);
        let mut rows = log_lines(&mut tx, Timestamp(i64::MAX)).await?;
        if rows == 0 {
            rows = tasks(&mut tx, yesterday, false).await?;
        }
        if rows == 0 {
            rows = outside(&mut tx, yesterday).await?;
        }
        if rows == 0 {
            rows = files(&mut tx, yesterday).await?;
        }
        engine::commit(tx).await?;
        Ok(rows)
    }

    async fn size(&self) -> StoreResult<u64> {
        engine::size(self).await
    }

    async fn seal(&self) -> StoreResult<u64> {
        ledger::seal(self).await
    }

    async fn records(
        &self,
        after: u64,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<(String, Vec<LedgerEntry>)> {
        let first = scalar!(
            Option<i64>,
            r#"SELECT min(link) AS "link?: i64" FROM ledger WHERE at >= $1"#,
            since.0
        );
        let first = first.one(self.reader()).await?;
        let Some(first) = first else {
            return Ok((BEGIN.into(), Vec::new()));
        };
        let after = (first - 1).max(after.cast_signed());
        let before = scalar!(String, "SELECT chain FROM ledger WHERE link = $1", after);
        let before = before.maybe(self.reader()).await?.unwrap_or_default();
        let rows = rows!(
            { link: i64, kind: String, chain: String, decided: Option<i64>, actor: Option<String>, verb: Option<String>, subject: Option<String>, allowed: Option<bool>, reason: Option<String>, answered: Option<i64>, name: Option<String>, via: Option<String>, decision: Option<String>, line: i64, task: Option<i64> },
            r#"SELECT l.link, l.kind, l.chain, a.at AS "decided?", a.actor AS "actor?", a.verb AS "verb?", a.subject AS "subject?",
                   a.allowed AS "allowed?: bool", a.reason AS "reason?", w.at AS "answered?", w.name AS "name?", w.via AS "via?",
                   w.decision AS "decision?", l.ref AS line, q.task AS "task?"
               FROM ledger l LEFT JOIN audit a ON l.kind = 'audit' AND a.seq = l.ref
                   LEFT JOIN answers w ON l.kind = 'answer' AND w.question = l.ref LEFT JOIN questions q ON q.id = w.question
               WHERE l.link > $1 ORDER BY l.link LIMIT CAST($2 AS BIGINT)"#,
            after,
            i64::from(limit)
        );
        let rows = rows.all(self.reader()).await?;
        // A missing row counts as changed: the empty values have another hash.
        let text = Option::unwrap_or_default;
        let records = rows.into_iter().map(|row| {
            let sealed = if row.kind == "audit" {
                SealedFact::Decision(AuditEntry {
                    actor: text(row.actor),
                    verb: text(row.verb),
                    subject: text(row.subject),
                    allowed: row.allowed.unwrap_or_default(),
                    reason: text(row.reason),
                })
            } else {
                SealedFact::Answer {
                    question: QuestionId(row.line.unsigned_abs()),
                    task: TaskId(row.task.unwrap_or_default().unsigned_abs()),
                    name: text(row.name),
                    via: text(row.via),
                    decision: text(row.decision),
                }
            };
            LedgerEntry {
                link: row.link.unsigned_abs(),
                at: Timestamp(row.decided.or(row.answered).unwrap_or_default()),
                sealed,
                chain: row.chain,
            }
        });
        Ok((before, records.collect()))
    }
}

async fn log_lines(tx: &mut Connection, until: Timestamp) -> StoreResult<u64> {
    let lines = statement!(
        "DELETE FROM task_log WHERE seq IN (SELECT seq FROM task_log ORDER BY seq LIMIT CAST($1 AS BIGINT)) AND at < $2",
        PORTION,
        until.0
    );
    Ok(removed!(tx, lines))
}

/// Removes files that were stored long ago and that no message still has to show. Texts keep their names.
async fn files(tx: &mut Connection, until: Timestamp) -> StoreResult<u64> {
    let files = statement!(
        "DELETE FROM files WHERE hash IN (SELECT hash FROM files WHERE at < $1
             AND NOT EXISTS (SELECT 1 FROM outbox o JOIN chat_messages m ON m.id = o.message
                 WHERE o.posted IS NULL AND m.file LIKE '%' || files.hash || '%')
           ORDER BY at LIMIT CAST($2 AS BIGINT))",
        until.0,
        FILES
    );
    Ok(removed!(tx, files))
}

/// Removes messages outside of tasks and processed inbound events. Events stay while a task that
/// existed at the time is open, since platforms may send them again.
async fn outside(tx: &mut Connection, until: Timestamp) -> StoreResult<u64> {
    let heard = statement!("DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox ORDER BY seq LIMIT CAST($1 AS BIGINT)) AND at < $2 AND read IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM tasks WHERE state IN ('queued', 'running', 'waiting') AND created <= inbox.at)",
        PORTION,
        until.0
    );
    let rows = removed!(tx, heard);
    let ids = scalar!(
        String,
        "SELECT id FROM (SELECT id, at FROM chat_messages WHERE task IS NULL AND id NOT IN (SELECT message FROM outbox WHERE posted IS NULL)
                         ORDER BY seq LIMIT CAST($1 AS BIGINT)) m
         WHERE at < $2",
        PORTION,
        until.0
    );
    let ids = json(&ids.all(&mut *tx).await?);
    Ok(rows
        + removed!(
            tx,
            statement!(
                "DELETE FROM posts WHERE message IN (SELECT atom FROM json_each($1))",
                ids
            ),
            statement!(
                "DELETE FROM outbox WHERE message IN (SELECT atom FROM json_each($1))",
                ids
            ),
            statement!(
                "DELETE FROM chat_messages WHERE id IN (SELECT atom FROM json_each($1))",
                ids
            ),
        ))
}

/// Prunes finished tasks that nothing can start again: no late answer, and no unfinished work on a
/// worker. Questions, answers and the task's row stay. `old` tasks are pruned even if messages are
/// still queued for posting.
async fn tasks(tx: &mut Connection, until: Timestamp, old: bool) -> StoreResult<u64> {
    let ids = scalar!(
        i64,
        r#"SELECT id AS "id!" FROM tasks WHERE state IN ('done', 'failed', 'cancelled') AND NOT pruned AND updated < $1 AND NOT dead
             AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.task = tasks.id AND (e.held IS NOT NULL OR e.wanted IS NOT NULL))
             AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.task = tasks.id AND e.kept IS NOT NULL AND e.pushed IS NULL)
             AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.task = tasks.id AND q.state = 'expired')
             AND NOT EXISTS (SELECT 1 FROM change_requests c WHERE c.task = tasks.id AND c.due IS NOT NULL)
             AND ($2 OR NOT EXISTS (SELECT 1 FROM outbox o WHERE o.task = tasks.id AND o.posted IS NULL))
             AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.task = tasks.id AND s.state <> 'ended')
           ORDER BY updated LIMIT CAST($3 AS BIGINT)"#,
        until.0,
        old,
        TASKS
    );
    let ids = ids.all(&mut *tx).await?;
    // A task may have been started again meanwhile; after this it cannot be.
    let pruned = scalar!(
        i64,
        r#"UPDATE tasks SET pruned = true, prompt = 'It was removed, since the task was over long ago.'
           WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) AND state IN ('done', 'failed', 'cancelled') AND NOT dead
           RETURNING id AS "id!""#,
        json(&ids)
    );
    let ids = pruned.all(&mut *tx).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let ids = json(&ids);
    Ok(removed!(
        tx,
        statement!(
            "DELETE FROM task_log WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM rounds WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM change_requests WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM notes WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM posts WHERE message IN (SELECT id FROM chat_messages WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)))",
            ids
        ),
        statement!(
            "DELETE FROM outbox WHERE message IN (SELECT id FROM chat_messages WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)))",
            ids
        ),
        statement!(
            "DELETE FROM chat_messages WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM sessions WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
        statement!(
            "DELETE FROM executions WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            ids
        ),
    ))
}
