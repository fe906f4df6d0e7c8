//! Tasks, their attempts and logs.

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{query, query_scalar};
use vine_domain::{
    Epoch, SessionId, Task, TaskId, TaskState, Timestamp, WorkerId,
    attempt::{Attempt, Execution, LogLine, Usage},
    lifecycle::TaskSnapshot,
    ports::{Commit, KeptWork, NewTask, StoreError, StoreResult, TaskFilter, Tasks},
    retention::LogCap,
};

use super::{
    commit,
    messages::{self, ThreadLine},
    rows::{
        NoteRow, StateColumns, all, from_json, int, json, listed, one_row, plain, questions, tasks,
        uuid,
    },
    script::{StatementBatch, part},
    unavailable,
    users::audit,
};
use crate::{Connection, Database};

#[async_trait]
impl Tasks for Database {
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>> {
        self.task_ids(count).await
    }

    async fn create(&self, news: &[NewTask]) -> StoreResult<Vec<Option<TaskId>>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let made = insert(&mut tx, news, now).await?;
        let fresh: Vec<&NewTask> = news.iter().filter(|new| made.contains(&new.id)).collect();
        let mut script = StatementBatch::default();
        put_orders(&mut script, &fresh);
        audit(
            &mut script,
            news.iter().filter_map(|new| new.audit.as_ref()),
        );
        let created: Vec<String> = fresh
            .iter()
            .map(|new| format!("created by {}", new.requester))
            .collect();
        let attempts = fresh.iter().map(|new| Attempt {
            task: new.id,
            epoch: Epoch(0),
        });
        commit::log(
            &mut script,
            &attempts
                .zip(created.iter().map(String::as_str))
                .collect::<Vec<_>>(),
        );
        messages::put(
            &mut script,
            &fresh
                .iter()
                .flat_map(|new| &new.messages)
                .map(ThreadLine::Ours)
                .collect::<Vec<_>>(),
        );
        script.run(&mut tx, now).await?;
        let mut known = Vec::with_capacity(news.len());
        for new in news {
            known.push(if made.contains(&new.id) {
                None
            } else {
                with_key(&mut tx, new.key.as_deref()).await?
            });
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(known)
    }

    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>> {
        let row = tasks!("WHERE id = $1", int(id.0))
            .fetch_optional(self.reader())
            .await
            .map_err(unavailable)?;
        row.map(Task::try_from).transpose()
    }

    async fn snapshots(&self, ids: &[TaskId]) -> StoreResult<Vec<TaskSnapshot>> {
        let list = json(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
        let mut at = self.reader().acquire().await.map_err(unavailable)?;
        let rows = tasks!(
            "WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            list
        )
        .fetch_all(&mut *at)
        .await;
        let mut situations: Vec<TaskSnapshot> = all::<_, Task>(rows.map_err(unavailable)?)?
            .into_iter()
            .map(|task| TaskSnapshot {
                task,
                questions: Vec::new(),
                notes: Vec::new(),
            })
            .collect();
        let rows = questions!(
            "WHERE q.task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY q.id",
            list
        );
        for question in
            all::<_, vine_domain::Question>(rows.fetch_all(&mut *at).await.map_err(unavailable)?)?
        {
            situations
                .iter_mut()
                .filter(|one| one.task.id == question.task())
                .for_each(|one| one.questions.push(question.clone()));
        }
        let rows = sqlx::query_as!(
            NoteRow,
            "SELECT key, task, author, text, at, state, delivered FROM notes
             WHERE state = 'waiting' AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY seq",
            list
        );
        for note in
            all::<_, vine_domain::Note>(rows.fetch_all(&mut *at).await.map_err(unavailable)?)?
        {
            situations
                .iter_mut()
                .filter(|one| one.task.id == note.task)
                .for_each(|one| one.notes.push(note.clone()));
        }
        Ok(situations)
    }

    async fn tasks(&self, filter: &TaskFilter) -> StoreResult<Vec<Task>> {
        let before = filter.before.map_or(i64::MAX, |id| int(id.0));
        let repo = filter.repo.as_ref().map(|repo| repo.as_str());
        let text = filter
            .text
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(plain);
        let text = text.as_deref();
        let limit = i64::from(filter.limit);
        // One statement for each index, since each statement has only one plan.
        let rows = match filter.state.as_deref() {
            None if repo.is_some() => {
                // Written as a range, since PostgreSQL would otherwise scan all tasks by ID.
                listing!(
                    "WHERE repo BETWEEN $2 AND $2",
                    "repo DESC, id DESC",
                    before,
                    repo,
                    text,
                    limit
                )
                .fetch_all(self.reader())
                .await
            }
            None => {
                listing!("WHERE true", "id DESC", before, repo, text, limit)
                    .fetch_all(self.reader())
                    .await
            }
            Some("dead") => {
                listing!("WHERE dead", "id DESC", before, repo, text, limit)
                    .fetch_all(self.reader())
                    .await
            }
            Some(state) => {
                listing!(
                    "WHERE state = $5",
                    "id DESC",
                    before,
                    repo,
                    text,
                    limit,
                    state
                )
                .fetch_all(self.reader())
                .await
            }
        };
        all(rows.map_err(unavailable)?)
    }

    async fn commit(&self, commits: &[Commit]) -> StoreResult<Vec<StoreResult<()>>> {
        let mut tx = self.begin().await?;
        let stored = commit::commit(&mut tx, commits, self.now()).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(stored)
    }

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
        let written = query!(
            r#"UPDATE executions SET log_lines = log_lines + $1, log_bytes = log_bytes + $2 WHERE task = $3 AND epoch = $4
               RETURNING log_lines AS "lines!", log_bytes AS "bytes!""#,
            int(count),
            int(bytes),
            int(attempt.task.0),
            int(attempt.epoch.0)
        );
        let written = written.fetch_one(&mut *tx).await.map_err(unavailable)?;
        let before = (
            written.lines.unsigned_abs() - count,
            written.bytes.unsigned_abs() - bytes,
        );
        let kept = cap.of(before, lines);
        let lines: Vec<_> = kept.iter().map(|line| (attempt, &**line)).collect();
        let mut script = StatementBatch::default();
        commit::log(&mut script, &lines);
        script.run(&mut tx, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn log_of(&self, task: TaskId, limit: u32) -> StoreResult<Vec<LogLine>> {
        let rows = query!(
            "SELECT at, epoch, line FROM (SELECT seq, at, epoch, line FROM task_log WHERE task = $1 ORDER BY seq DESC LIMIT $2) latest
             ORDER BY seq",
            int(task.0),
            i64::from(limit)
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        let lines = rows.into_iter();
        Ok(lines
            .map(|row| LogLine {
                at: Timestamp(row.at),
                epoch: Epoch(row.epoch.unsigned_abs()),
                text: row.line,
            })
            .collect())
    }

    async fn executions(&self, task: TaskId) -> StoreResult<Vec<Execution>> {
        let rows = query!(
            r#"SELECT e.epoch, coalesce(w.name, e.worker) AS "worker!", e.session, e.started, e.ended, e.outcome, e.usage
               FROM executions e LEFT JOIN workers w ON w.id = e.worker WHERE e.task = $1 ORDER BY e.epoch"#,
            int(task.0)
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        rows.into_iter()
            .map(|row| {
                Ok(Execution {
                    epoch: Epoch(row.epoch.unsigned_abs()),
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
        let kept = query!(
            "UPDATE executions SET kept = CASE WHEN epoch = $5 THEN coalesce($1, kept) ELSE kept END,
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
        match kept
            .execute(self.writer())
            .await
            .map_err(unavailable)?
            .rows_affected()
        {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    async fn want_push(&self, task: TaskId, by: &str) -> StoreResult<Option<(WorkerId, Attempt)>> {
        let wanted = query!(
            r#"UPDATE executions SET wanted = $1 WHERE task = $2 AND kept IS NOT NULL AND pushed IS NULL
                 AND worker IN (SELECT id FROM workers) AND epoch = (SELECT max(epoch) FROM executions WHERE task = $2 AND kept IS NOT NULL)
               RETURNING epoch AS "epoch!", worker AS "worker!""#,
            by,
            int(task.0)
        );
        let row = wanted
            .fetch_optional(self.writer())
            .await
            .map_err(unavailable)?;
        row.map(|row| {
            let epoch = Epoch(row.epoch.unsigned_abs());
            Ok((WorkerId(uuid(&row.worker)?), Attempt { task, epoch }))
        })
        .transpose()
    }

    async fn leave(&self, task: TaskId) -> StoreResult<()> {
        let left = query!(
            "UPDATE executions SET held = NULL, wanted = NULL WHERE task = $1",
            int(task.0)
        );
        left.execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn held_pushes(&self) -> StoreResult<Vec<(TaskId, String)>> {
        let held = query!(
            r#"SELECT task AS "task!", held AS "held!" FROM executions e WHERE held IS NOT NULL AND pushed IS NULL
                 AND epoch = (SELECT max(epoch) FROM executions l WHERE l.task = e.task AND l.kept IS NOT NULL)
               ORDER BY task"#
        );
        let rows = held.fetch_all(self.reader()).await.map_err(unavailable)?;
        let held = rows.into_iter();
        Ok(held
            .map(|row| (TaskId(row.task.unsigned_abs()), row.held))
            .collect())
    }

    async fn record_usage(&self, by: WorkerId, attempt: Attempt, usage: &Usage) -> StoreResult<()> {
        let spent = query!(
            "UPDATE executions SET usage = $1 WHERE task = $2 AND epoch = $3 AND worker = $4 AND coalesce(outcome, '') <> 'done'",
            json(usage),
            int(attempt.task.0),
            int(attempt.epoch.0),
            by.to_string()
        );
        let spent = spent.execute(self.writer()).await.map_err(unavailable)?;
        if spent.rows_affected() > 0 {
            return Ok(());
        }
        // The usage of a completed attempt comes from its report.
        let known = query_scalar!(
            r#"SELECT 1 AS "known!: i64" FROM executions WHERE task = $1 AND epoch = $2 AND worker = $3"#,
            int(attempt.task.0),
            int(attempt.epoch.0),
            by.to_string()
        );
        let known = known
            .fetch_optional(self.reader())
            .await
            .map_err(unavailable)?;
        known.map(|_| ()).ok_or(StoreError::Conflict)
    }

    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        commit::holds(&mut tx, &by.to_string(), attempt).await?;
        let kept = query!(
            "UPDATE executions SET patch = $1 WHERE task = $2 AND epoch = $3",
            &*plain(patch),
            int(attempt.task.0),
            int(attempt.epoch.0)
        );
        one_row(
            kept.execute(&mut *tx)
                .await
                .map_err(unavailable)?
                .rows_affected(),
        )?;
        tx.commit().await.map_err(unavailable)
    }

    async fn patch_of(&self, task: TaskId) -> StoreResult<Option<String>> {
        let patch = query_scalar!(
            r#"SELECT patch AS "patch!" FROM executions WHERE task = $1 AND patch IS NOT NULL ORDER BY epoch DESC LIMIT 1"#,
            int(task.0)
        );
        patch
            .fetch_optional(self.reader())
            .await
            .map_err(unavailable)
    }
}

/// Returns the IDs of the tasks whose key was new.
async fn insert(tx: &mut Connection, news: &[NewTask], now: Timestamp) -> StoreResult<Vec<TaskId>> {
    let state = StateColumns::from(&TaskState::Queued {
        due: now,
        resumes: false,
    });
    let row = |new: &NewTask| {
        json!({
            "id": new.id.0, "key": new.key.as_deref().map(plain), "title": plain(new.title.as_str()), "prompt": plain(new.prompt.as_str()),
            "repo": new.repo, "base": new.base, "branch": new.branch, "lane": new.lane.rank(), "requester": plain(&new.requester),
        })
    };
    let rows: Vec<Value> = news.iter().map(row).collect();
    let made = query_scalar!(
        r#"INSERT INTO tasks (id, key, title, prompt, repo, base, branch, lane, requester, created, updated, state, detail)
           SELECT CAST(value ->> 'id' AS BIGINT), value ->> 'key', value ->> 'title', value ->> 'prompt', value ->> 'repo', value ->> 'base',
               value ->> 'branch', CAST(value ->> 'lane' AS BIGINT), value ->> 'requester', $1, $1, $2, $3 FROM json_each($4) l
           WHERE true ORDER BY l.key ON CONFLICT (key) DO NOTHING RETURNING id AS "id!""#,
        now.0,
        state.word,
        state.detail,
        json(&rows)
    );
    let made = made.fetch_all(tx).await.map_err(unavailable)?;
    Ok(made
        .into_iter()
        .map(|id| TaskId(id.unsigned_abs()))
        .collect())
}

part!(
    PUT_ORDERS,
    now,
    "INSERT INTO work_orders (task, lane, repo, due, resumes)
     SELECT CAST(value ->> 'task' AS BIGINT), CAST(value ->> 'lane' AS BIGINT), value ->> 'repo', $2, false FROM json_each($1)"
);

fn put_orders(script: &mut StatementBatch, news: &[&NewTask]) {
    let row =
        |new: &&NewTask| json!({ "task": new.id.0, "lane": new.lane.rank(), "repo": new.repo });
    script.add(&news.iter().map(row).collect::<Vec<_>>(), &[&PUT_ORDERS]);
}

async fn with_key(tx: &mut Connection, key: Option<&str>) -> StoreResult<Option<TaskId>> {
    let known = query_scalar!(
        r#"SELECT id AS "id!" FROM tasks WHERE key = $1"#,
        key.map(|key| plain(key).into_owned())
    );
    let known = known.fetch_optional(tx).await.map_err(unavailable)?;
    Ok(known.map(|id| TaskId(id.unsigned_abs())))
}

/// Tasks below an ID that match the filter, newest first. With LIKE, PostgreSQL would expect few
/// matches for the text and sort the whole table for them.
macro_rules! listing {
    ($first:literal, $order:literal, $($arg:expr),*) => {
        listed!(
            $first + " AND id < $1 AND (CAST($2 AS TEXT) IS NULL OR repo = $2)
               AND (CAST($3 AS TEXT) IS NULL OR replace(lower(title), lower($3), '') <> lower(title)
                    OR replace(lower(branch), lower($3), '') <> lower(branch))
             ORDER BY " + $order + " LIMIT $4",
            $($arg),*
        )
    };
}
use listing;
