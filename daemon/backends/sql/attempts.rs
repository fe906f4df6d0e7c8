//! Attempts: their logs, what they cost, and the work that is kept of them.

use async_trait::async_trait;

use vine_domain::{
    Epoch, Progress, Round, SessionId, TaskId, Timestamp, WorkerId,
    attempt::{Attempt, Execution, LogLine, LogRange, Usage},
    ports::{Attempts, KeptWork, StoreError, StoreResult},
    retention::LogCap,
};

use super::{
    assign::{RoundRow, by_task, later_rounds},
    commit,
    rows::{from_json, int, json, plain, uuid},
    run::{Fetch as _, Run as _},
    script::StatementBatch,
};
use crate::{
    Database, engine,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Attempts for Database {
    async fn log(
        &self,
        by: WorkerId,
        attempt: Attempt,
        lines: &[String],
        cap: &LogCap,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        commit::holds(&mut tx, &by.to_string(), attempt).await?;
        let count = lines.len() as u64;
        let bytes = lines.iter().map(|line| line.len() as u64).sum::<u64>();
        let written = rows!(
            { lines: i64, bytes: i64 },
            r#"UPDATE executions SET log_lines = log_lines + $1, log_bytes = log_bytes + $2 WHERE task = $3 AND epoch = $4
               RETURNING log_lines AS "lines!", log_bytes AS "bytes!""#,
            int(count),
            int(bytes),
            int(attempt.task.0),
            int(attempt.epoch.0)
        );
        let written = written.one(&mut *tx).await?;
        let before = (
            written.lines.unsigned_abs() - count,
            written.bytes.unsigned_abs() - bytes,
        );
        let kept = cap.of(before, lines);
        let lines: Vec<_> = kept.iter().map(|line| (attempt, &**line)).collect();
        let mut script = StatementBatch::default();
        commit::log(&mut script, &lines);
        script.run(&mut tx, self.now()).await?;
        engine::commit(tx).await
    }

    async fn log_of(&self, task: TaskId, range: &LogRange) -> StoreResult<Vec<LogLine>> {
        let text = range
            .text
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(plain);
        let rows = rows!(
            { seq: i64, at: i64, epoch: i64, line: String },
            "SELECT seq, at, epoch, line FROM (SELECT seq, at, epoch, line FROM task_log
                 WHERE task = $1 AND seq < $3 AND (CAST($4 AS TEXT) IS NULL OR replace(lower(line), lower($4), '') <> lower(line))
                 ORDER BY seq DESC LIMIT CAST($2 AS BIGINT)) latest
             ORDER BY seq",
            int(task.0),
            i64::from(range.limit),
            range.before.map_or(i64::MAX, int),
            text.as_deref()
        );
        let rows = rows.all(self.reader()).await?;
        let lines = rows.into_iter();
        Ok(lines
            .map(|row| LogLine {
                seq: row.seq.unsigned_abs(),
                at: Timestamp(row.at),
                epoch: Epoch(row.epoch.unsigned_abs()),
                text: row.line,
            })
            .collect())
    }

    async fn executions(&self, task: TaskId) -> StoreResult<Vec<Execution>> {
        let rows = rows!(
            { epoch: i64, round: i64, worker: String, session: Option<String>, started: i64, ended: Option<i64>, outcome: Option<String>, usage: String },
            r#"SELECT e.epoch, e.round, coalesce(w.name, e.worker) AS "worker!", e.session, e.started, e.ended, e.outcome, e.usage
               FROM executions e LEFT JOIN workers w ON w.id = e.worker WHERE e.task = $1 ORDER BY e.epoch"#,
            int(task.0)
        );
        let rows = rows.all(self.reader()).await?;
        rows.into_iter()
            .map(|row| {
                Ok(Execution {
                    epoch: Epoch(row.epoch.unsigned_abs()),
                    round: u32::try_from(row.round).unwrap_or(u32::MAX),
                    worker: row.worker,
                    session: row.session.as_deref().map(uuid).transpose()?.map(SessionId),
                    started: Timestamp(row.started),
                    ended: row.ended.map(Timestamp),
                    outcome: row.outcome,
                    usage: from_json(&row.usage)?,
                })
            })
            .collect()
    }

    async fn keep_work(&self, by: WorkerId, attempt: Attempt, kept: &KeptWork) -> StoreResult<()> {
        let kept = statement!("UPDATE executions SET kept = CASE WHEN epoch = $5 THEN coalesce($1, kept) ELSE kept END,
                 pushed = CASE WHEN epoch = $5 THEN $2 ELSE pushed END,
                 held = CASE WHEN epoch = $5 THEN $3 ELSE NULL END, wanted = NULL
             WHERE task = $4 AND epoch <= $5 AND worker = $6",
            kept.commit,
            kept.pushed,
            kept.held,
            int(attempt.task.0),
            int(attempt.epoch.0),
            by.to_string()
        );
        match kept.run(self.writer()).await? {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    async fn want_push(&self, task: TaskId, by: &str) -> StoreResult<Option<(WorkerId, Attempt)>> {
        let wanted = rows!(
            { epoch: i64, worker: String },
            r#"UPDATE executions SET wanted = $1 WHERE task = $2 AND kept IS NOT NULL AND pushed IS NULL
                 AND worker IN (SELECT id FROM workers) AND epoch = (SELECT max(epoch) FROM executions WHERE task = $2 AND kept IS NOT NULL)
               RETURNING epoch AS "epoch!", worker AS "worker!""#,
            by,
            int(task.0)
        );
        let row = wanted.maybe(self.writer()).await?;
        row.map(|row| {
            let epoch = Epoch(row.epoch.unsigned_abs());
            Ok((WorkerId(uuid(&row.worker)?), Attempt { task, epoch }))
        })
        .transpose()
    }

    async fn leave(&self, task: TaskId) -> StoreResult<()> {
        let left = statement!(
            "UPDATE executions SET held = NULL, wanted = NULL WHERE task = $1",
            int(task.0)
        );
        left.run(self.writer()).await.map(drop)
    }

    async fn held_pushes(&self) -> StoreResult<Vec<(TaskId, String)>> {
        let held = rows!(
            { task: i64, held: String },
            r#"SELECT task AS "task!", held AS "held!" FROM executions e WHERE held IS NOT NULL AND pushed IS NULL
                 AND epoch = (SELECT max(epoch) FROM executions l WHERE l.task = e.task AND l.kept IS NOT NULL)
               ORDER BY task"#
        );
        let rows = held.all(self.reader()).await?;
        let held = rows.into_iter();
        Ok(held
            .map(|row| (TaskId(row.task.unsigned_abs()), row.held))
            .collect())
    }

    async fn progress_of(&self, attempt: Attempt) -> StoreResult<Option<Progress>> {
        let progress = scalar!(
            String,
            r#"SELECT progress AS "progress!" FROM executions WHERE task = $1 AND epoch = $2 AND progress IS NOT NULL"#,
            int(attempt.task.0),
            int(attempt.epoch.0)
        );
        let progress = progress.maybe(self.reader()).await?;
        progress.as_deref().map(from_json).transpose()
    }

    async fn record_usage(
        &self,
        by: WorkerId,
        attempt: Attempt,
        usage: &Usage,
        progress: Option<&Progress>,
    ) -> StoreResult<()> {
        let spent = statement!(
            "UPDATE executions SET usage = $1, progress = coalesce($5, progress) WHERE task = $2 AND epoch = $3 AND worker = $4 AND coalesce(outcome, '') <> 'done'",
            json(usage),
            int(attempt.task.0),
            int(attempt.epoch.0),
            by.to_string(),
            progress.map(json)
        );
        let spent = spent.run(self.writer()).await?;
        if spent > 0 {
            return Ok(());
        }
        // The usage of a completed attempt comes from its report.
        let known = scalar!(
            i64,
            r#"SELECT 1 AS "known!: i64" FROM executions WHERE task = $1 AND epoch = $2 AND worker = $3"#,
            int(attempt.task.0),
            int(attempt.epoch.0),
            by.to_string()
        );
        let known = known.maybe(self.quick()).await?;
        known.map(|_| ()).ok_or(StoreError::Conflict)
    }

    async fn rounds(&self, task: TaskId) -> StoreResult<Vec<Round>> {
        let rows = later_rounds!(&[task.0]).all(self.reader()).await?;
        let mut by_task = by_task(rows)?;
        Ok(by_task.remove(&task).unwrap_or_default())
    }

    async fn patch_of(&self, task: TaskId, round: Option<u32>) -> StoreResult<Option<String>> {
        let patch = scalar!(
            String,
            r#"SELECT patch AS "patch!" FROM executions
               WHERE task = $1 AND patch IS NOT NULL AND (CAST($2 AS BIGINT) IS NULL OR round = $2) ORDER BY epoch DESC LIMIT 1"#,
            int(task.0),
            round.map(i64::from)
        );
        patch.maybe(self.reader()).await
    }
}
