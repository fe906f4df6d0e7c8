//! Workers and the sessions they hold.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, query, query_as};
use vine_domain::{
    Session, SessionId, SessionState, TaskId, Timestamp, Worker, WorkerId,
    ports::{Fleet, StoreError, Stored},
    worker::Attempt,
};

use crate::{
    Sqlite,
    rows::{all, int, uuid},
    unavailable,
};

#[derive(FromRow)]
struct WorkerRow {
    id: String,
    name: String,
    slots: i64,
    version: String,
    draining: bool,
    trouble: Option<String>,
    boot: Option<String>,
    seen: i64,
    running: i64,
    waiting: i64,
}

impl TryFrom<WorkerRow> for (Worker, usize, usize) {
    type Error = StoreError;

    fn try_from(row: WorkerRow) -> Stored<Self> {
        let worker = Worker {
            id: WorkerId(uuid(&row.id)?),
            name: row.name,
            slots: u32::try_from(row.slots).unwrap_or(1),
            version: row.version,
            draining: row.draining,
            trouble: row.trouble,
            boot: row.boot.as_deref().map(uuid).transpose()?,
            seen: Timestamp(row.seen),
        };
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok((worker, count(row.running), count(row.waiting)))
    }
}

const WORKER: &str = "SELECT id, name, slots, version, draining, trouble, boot, seen,
    (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state = 'running') AS running,
    (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state = 'waiting') AS waiting FROM workers w";

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
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Stored<Self> {
        let state = match (row.ended, row.reason) {
            (Some(at), Some(reason)) => SessionState::Ended { at: Timestamp(at), reason },
            _ => SessionState::Active,
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
        })
    }
}

const SESSION: &str = "SELECT id, task, worker, worktree, agent, started, active, ended, reason, context, kept FROM sessions";

#[async_trait]
impl Fleet for Sqlite {
    async fn add_worker(&self, worker: &Worker) -> Stored<()> {
        query("INSERT INTO workers (id, name, slots, version, draining, trouble, boot, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(worker.id.to_string())
            .bind(&worker.name)
            .bind(worker.slots)
            .bind(&worker.version)
            .bind(worker.draining)
            .bind(&worker.trouble)
            .bind(worker.boot.map(|boot| boot.to_string()))
            .bind(worker.seen.0)
            .execute(&self.writer)
            .await
            .map_err(unavailable)
            .map_err(|error| if matches!(error, StoreError::Taken(_)) { StoreError::Taken(worker.name.clone()) } else { error })?;
        Ok(())
    }

    async fn save_worker(&self, worker: &Worker) -> Stored<()> {
        query("UPDATE workers SET slots = ?, version = ?, trouble = ?, boot = ?, seen = ? WHERE id = ?")
            .bind(worker.slots)
            .bind(&worker.version)
            .bind(&worker.trouble)
            .bind(worker.boot.map(|boot| boot.to_string()))
            .bind(worker.seen.0)
            .bind(worker.id.to_string())
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn set_draining(&self, id: WorkerId, draining: bool) -> Stored<()> {
        query("UPDATE workers SET draining = ? WHERE id = ?")
            .bind(draining)
            .bind(id.to_string())
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn remove_worker(&self, id: WorkerId) -> Stored<()> {
        let mut tx = self.begin().await?;
        query("DELETE FROM tokens WHERE owner = ?").bind(id.to_string()).execute(&mut *tx).await.map_err(unavailable)?;
        query("DELETE FROM workers WHERE id = ?").bind(id.to_string()).execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn workers(&self) -> Stored<Vec<(Worker, usize, usize)>> {
        let sql = AssertSqlSafe(format!("{WORKER} ORDER BY name"));
        all(query_as::<_, WorkerRow>(sql).fetch_all(&self.reader).await.map_err(unavailable)?)
    }

    async fn worker(&self, id: WorkerId) -> Stored<Option<Worker>> {
        let sql = AssertSqlSafe(format!("{WORKER} WHERE id = ?"));
        let row = query_as::<_, WorkerRow>(sql).bind(id.to_string()).fetch_optional(&self.reader).await.map_err(unavailable)?;
        Ok(row.map(<(Worker, usize, usize)>::try_from).transpose()?.map(|(worker, ..)| worker))
    }

    async fn map_session(&self, session: &Session, attempt: Attempt) -> Stored<()> {
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
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn touch_session(&self, by: WorkerId, attempt: Attempt, id: SessionId, context: Option<u8>) -> Stored<()> {
        let done = query(
            "UPDATE sessions SET active = ?1, context = coalesce(?2, context) WHERE id = ?3 AND task = ?4 AND state = 'active'
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
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn save_session(&self, session: &Session) -> Stored<()> {
        let (state, ended, reason) = match &session.state {
            SessionState::Active => ("active", None, None),
            SessionState::Ended { at, reason } => ("ended", Some(at.0), Some(reason)),
        };
        let done = query(
            "INSERT INTO sessions (id, task, worker, worktree, agent, state, started, active, ended, reason, context, kept)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, active = excluded.active, ended = excluded.ended,
                 reason = excluded.reason, context = coalesce(excluded.context, context), kept = excluded.kept
             WHERE task = excluded.task AND worker = excluded.worker",
        )
        .bind(session.id.to_string())
        .bind(int(session.task.0))
        .bind(session.worker.to_string())
        .bind(&session.worktree)
        .bind(&session.agent)
        .bind(state)
        .bind(session.started.0)
        .bind(session.active.0)
        .bind(ended)
        .bind(reason)
        .bind(session.context)
        .bind(session.kept)
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn session(&self, id: SessionId) -> Stored<Option<Session>> {
        let sql = AssertSqlSafe(format!("{SESSION} WHERE id = ?"));
        let row = query_as::<_, SessionRow>(sql).bind(id.to_string()).fetch_optional(&self.reader).await.map_err(unavailable)?;
        row.map(Session::try_from).transpose()
    }

    async fn sessions(&self, ended_too: bool, limit: u32) -> Stored<Vec<Session>> {
        let sql = AssertSqlSafe(format!("{SESSION} WHERE ? OR state = 'active' ORDER BY active DESC, id LIMIT ?"));
        all(query_as::<_, SessionRow>(sql).bind(ended_too).bind(limit).fetch_all(&self.reader).await.map_err(unavailable)?)
    }
}
