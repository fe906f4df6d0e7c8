//! Tasks, their questions, attempts and logs.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, query, query_as, query_scalar};
use vine_domain::{
    Epoch, SessionId, Task, TaskId, TaskState, Timestamp, WorkerId,
    chat::Outbound,
    ports::{Commit, Execution, LogLine, NewTask, StoreError, Stored, TaskFilter, Tasks},
    worker::Attempt,
};

use crate::{
    Sqlite, commit,
    rows::{StateColumns, TASK, TaskRow, all, from_json, int, json, one_row, uuid},
    unavailable,
};

#[async_trait]
impl Tasks for Sqlite {
    async fn next_task(&self) -> Stored<TaskId> {
        Ok(TaskId(Self::next(&self.last_task)))
    }

    async fn create(&self, task: &NewTask, messages: &[Outbound]) -> Stored<Option<TaskId>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let known = query_scalar::<_, i64>("SELECT id FROM tasks WHERE key = ?")
            .bind(&task.key)
            .fetch_optional(&mut *tx)
            .await
            .map_err(unavailable)?;
        if let Some(id) = known {
            return Ok(Some(TaskId(id.unsigned_abs())));
        }
        let state = StateColumns::from(&TaskState::Queued { due: now, resumes: false });
        query(
            "INSERT INTO tasks (id, key, title, prompt, repo, base, branch, lane, requester, created, updated, state, detail)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?10, ?10, ?11, ?12)",
        )
        .bind(int(task.id.0))
        .bind(&task.key)
        .bind(task.title.as_str())
        .bind(task.prompt.as_str())
        .bind(task.repo.as_str())
        .bind(task.base.as_str())
        .bind(task.branch.as_str())
        .bind(task.lane.rank())
        .bind(&task.requester)
        .bind(now.0)
        .bind(state.word)
        .bind(state.detail)
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        query("INSERT INTO work_orders (task, lane, repo, due, resumes) VALUES (?, ?, ?, ?, 0)")
            .bind(int(task.id.0))
            .bind(task.lane.rank())
            .bind(task.repo.as_str())
            .bind(now.0)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        let attempt = Attempt { task: task.id, epoch: Epoch(0) };
        commit::log(&mut tx, attempt, &[format!("created by {}", task.requester)], now).await?;
        commit::say(&mut tx, task.id, None, messages, now).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(None)
    }

    async fn task(&self, id: TaskId) -> Stored<Option<Task>> {
        let sql = AssertSqlSafe(format!("SELECT {TASK} FROM tasks WHERE id = ?"));
        let row = query_as::<_, TaskRow>(sql).bind(int(id.0)).fetch_optional(&self.reader).await.map_err(unavailable)?;
        row.map(Task::try_from).transpose()
    }

    async fn tasks(&self, filter: &TaskFilter) -> Stored<Vec<Task>> {
        let sql = AssertSqlSafe(format!(
            "SELECT {TASK} FROM tasks
             WHERE (?1 IS NULL OR state = ?1 OR (?1 = 'dead' AND dead = 1)) AND (?2 IS NULL OR repo = ?2) AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4"
        ));
        let rows = query_as::<_, TaskRow>(sql)
            .bind(&filter.state)
            .bind(filter.repo.as_ref().map(|repo| repo.as_str()))
            .bind(filter.before.map(|id| int(id.0)))
            .bind(filter.limit)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        all(rows)
    }

    async fn commit(&self, change: &Commit) -> Stored<()> {
        self.group.commit(change).await
    }

    async fn log(&self, by: WorkerId, attempt: Attempt, lines: &[String]) -> Stored<()> {
        let done = query(
            "INSERT INTO task_log (task, epoch, at, line)
             SELECT t.id, t.epoch, ?, l.value FROM tasks t, json_each(?) l
             WHERE t.id = ? AND t.epoch = ? AND t.lease_worker = ? ORDER BY l.key",
        )
        .bind(self.now().0)
        .bind(json(lines))
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .bind(by.to_string())
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() > 0 || lines.is_empty() { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn log_of(&self, task: TaskId, limit: u32) -> Stored<Vec<LogLine>> {
        let rows: Vec<(i64, i64, String)> =
            query_as("SELECT at, epoch, line FROM (SELECT * FROM task_log WHERE task = ? ORDER BY seq DESC LIMIT ?) ORDER BY seq")
                .bind(int(task.0))
                .bind(limit)
                .fetch_all(&self.reader)
                .await
                .map_err(unavailable)?;
        let line = |(at, epoch, text): (i64, i64, String)| LogLine { at: Timestamp(at), epoch: Epoch(epoch.unsigned_abs()), text };
        Ok(rows.into_iter().map(line).collect())
    }

    async fn executions(&self, task: TaskId) -> Stored<Vec<Execution>> {
        #[derive(FromRow)]
        struct Row {
            epoch: i64,
            worker: String,
            session: Option<String>,
            started: i64,
            ended: Option<i64>,
            outcome: Option<String>,
            usage: String,
        }
        let rows: Vec<Row> = query_as(
            "SELECT epoch, coalesce(w.name, e.worker) AS worker, session, started, ended, outcome, usage
             FROM executions e LEFT JOIN workers w ON w.id = e.worker WHERE task = ? ORDER BY epoch",
        )
        .bind(int(task.0))
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
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

    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> Stored<()> {
        let done = query(
            "UPDATE executions SET patch = ?1 WHERE task = ?2 AND epoch = ?3
             AND EXISTS (SELECT 1 FROM tasks WHERE id = ?2 AND epoch = ?3 AND lease_worker = ?4)",
        )
        .bind(patch)
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .bind(by.to_string())
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        one_row(&done)
    }

    async fn patch_of(&self, task: TaskId) -> Stored<Option<String>> {
        query_scalar("SELECT patch FROM executions WHERE task = ? AND patch IS NOT NULL ORDER BY epoch DESC LIMIT 1")
            .bind(int(task.0))
            .fetch_optional(&self.reader)
            .await
            .map_err(unavailable)
    }
}
