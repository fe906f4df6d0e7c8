//! Sessions, and the workers that hold them.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection, query, query_as};
use vine_domain::{
    Session, SessionId, SessionPolicy, SessionState, TaskId, Timestamp, WorkerId,
    ports::{SessionFigures, Sessions, StoreError, Stored},
    worker::Attempt,
};

use crate::{
    Sqlite,
    rows::{all, int, millis, one_row, uuid},
    unavailable,
};

#[derive(FromRow)]
struct SessionRow {
    id: String,
    task: i64,
    worker: String,
    worktree: String,
    agent: String,
    started: i64,
    active: i64,
    ended: Option<i64>,
    reason: Option<String>,
    context: Option<i64>,
    kept: bool,
    reused: i64,
    state: String,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Stored<Self> {
        let state = match (row.state.as_str(), row.ended, row.reason) {
            ("ended", Some(at), Some(reason)) => SessionState::Ended { at: Timestamp(at), reason },
            ("warm", ..) => SessionState::Warm,
            ("active", ..) => SessionState::Active,
            (word, ..) => return Err(StoreError::Corrupt(format!("session {} is {word} without what belongs to it", row.id))),
        };
        Ok(Self {
            id: SessionId(uuid(&row.id)?),
            task: TaskId(row.task.unsigned_abs()),
            worker: WorkerId(uuid(&row.worker)?),
            worktree: row.worktree,
            agent: row.agent,
            state,
            started: Timestamp(row.started),
            active: Timestamp(row.active),
            context: row.context.and_then(|percent| u8::try_from(percent).ok()),
            kept: row.kept,
            reused: u32::try_from(row.reused).unwrap_or(u32::MAX),
        })
    }
}

const SESSION: &str =
    "SELECT id, task, worker, worktree, agent, started, active, ended, reason, context, kept, reused, state FROM sessions";

#[async_trait]
impl Sessions for Sqlite {
    async fn map_session(&self, session: &Session, attempt: Attempt) -> Stored<()> {
        let mut tx = self.begin().await?;
        let done = query(
            "INSERT INTO sessions (id, task, worker, worktree, agent, state, started, active)
             SELECT ?1, t.id, t.lease_worker, ?2, ?3, 'active', ?4, ?4 FROM tasks t WHERE t.id = ?5 AND t.epoch = ?6 AND t.lease_worker = ?7
             ON CONFLICT (id) DO UPDATE SET active = excluded.active, worktree = excluded.worktree, agent = excluded.agent
             WHERE task = excluded.task AND worker = excluded.worker AND state = 'active'",
        )
        .bind(session.id.to_string())
        .bind(&session.worktree)
        .bind(&session.agent)
        .bind(session.active.0)
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .bind(session.worker.to_string())
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        one_row(&done)?;
        query("UPDATE executions SET session = ? WHERE task = ? AND epoch = ?")
            .bind(session.id.to_string())
            .bind(int(attempt.task.0))
            .bind(int(attempt.epoch.0))
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        end_others(&mut tx, attempt, session.id, self.now()).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn touch_session(&self, by: WorkerId, attempt: Attempt, id: SessionId, context: Option<u8>) -> Stored<()> {
        let done = query(
            "UPDATE sessions SET active = ?1, context = coalesce(?2, context), heard = 1 WHERE id = ?3 AND task = ?4 AND state = 'active'
             AND EXISTS (SELECT 1 FROM tasks WHERE id = ?4 AND epoch = ?5 AND lease_worker = ?6)",
        )
        .bind(self.now().0)
        .bind(context)
        .bind(id.to_string())
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .bind(by.to_string())
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        one_row(&done)
    }

    async fn correct_session(&self, by: WorkerId, attempt: Attempt, id: SessionId) -> Stored<bool> {
        let mut tx = self.begin().await?;
        let corrected = query(
            "UPDATE sessions SET task = ?1, state = 'active', ended = NULL, reason = NULL, active = ?2 WHERE id = ?3 AND worker = ?4
             AND EXISTS (SELECT 1 FROM tasks WHERE id = ?1 AND epoch = ?5 AND lease_worker = ?4)",
        )
        .bind(int(attempt.task.0))
        .bind(self.now().0)
        .bind(id.to_string())
        .bind(by.to_string())
        .bind(int(attempt.epoch.0))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if corrected.rows_affected() == 0 {
            return Ok(false);
        }
        end_others(&mut tx, attempt, id, self.now()).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    async fn sweep_sessions(&self, policy: &SessionPolicy) -> Stored<u64> {
        // A task that waits keeps its session, however long: its worker may come back with the files.
        let verdict = "CASE WHEN worker NOT IN (SELECT id FROM workers) THEN 'lost'
                            WHEN kept THEN NULL
                            WHEN started <= ?1 - ?2 THEN 'age'
                            WHEN coalesce(context, 0) > ?3 THEN 'context'
                            WHEN active <= ?1 - ?4 THEN 'idle' END";
        let sql =
            format!("UPDATE sessions SET state = 'ended', ended = ?1, reason = {verdict} WHERE state = 'warm' AND {verdict} IS NOT NULL");
        let ended = query(AssertSqlSafe(sql))
            .bind(self.now().0)
            .bind(millis(policy.max_age))
            .bind(policy.max_context)
            .bind(millis(policy.max_idle))
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(ended.rows_affected())
    }

    async fn session_figures(&self) -> Stored<SessionFigures> {
        let rows: Vec<(String, i64, i64, i64)> = query_as(
            "SELECT coalesce(reason, state), count(*), sum(reused), sum(coalesce(ended - started, 0)) FROM sessions GROUP BY 1 ORDER BY 1",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        let mut figures = SessionFigures::default();
        for (word, count, reused, lived) in rows {
            let count = count.unsigned_abs();
            match word.as_str() {
                "active" => figures.active = count,
                "warm" => figures.warm = count,
                _ => figures.ended.push((word, count)),
            }
            figures.reused += reused.unsigned_abs();
            figures.lived += Duration::from_millis(lived.unsigned_abs());
        }
        Ok(figures)
    }

    async fn keep_session(&self, id: SessionId) -> Stored<()> {
        let statement = query("UPDATE sessions SET kept = 1 WHERE id = ? AND state <> 'ended'").bind(id.to_string());
        statement.execute(&self.writer).await.map_err(unavailable)?;
        Ok(())
    }

    async fn end_session(&self, id: SessionId, reason: &str) -> Stored<()> {
        let statement = query("UPDATE sessions SET state = 'ended', ended = ?, reason = ? WHERE id = ? AND state <> 'ended'");
        statement.bind(self.now().0).bind(reason).bind(id.to_string()).execute(&self.writer).await.map_err(unavailable)?;
        Ok(())
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        let sql = AssertSqlSafe(format!("{SESSION} WHERE id = ?"));
        let row = query_as::<_, SessionRow>(sql).bind(id.to_string()).fetch_optional(&self.reader).await.map_err(unavailable)?;
        row.map(Session::try_from).transpose()
    }

    async fn sessions(&self, ended_too: bool, limit: u32) -> Stored<Vec<Session>> {
        let sql = AssertSqlSafe(format!("{SESSION} WHERE ? OR state <> 'ended' ORDER BY active DESC, id LIMIT ?"));
        all(query_as::<_, SessionRow>(sql).bind(ended_too).bind(limit).fetch_all(&self.reader).await.map_err(unavailable)?)
    }
}

/// A task has one session at a time: one that another worker still holds knows nothing of what happened since.
async fn end_others(tx: &mut SqliteConnection, attempt: Attempt, id: SessionId, now: Timestamp) -> Stored<()> {
    query("UPDATE sessions SET state = 'ended', reason = 'lost', ended = ? WHERE task = ? AND id <> ? AND state = 'active'")
        .bind(now.0)
        .bind(int(attempt.task.0))
        .bind(id.to_string())
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}
