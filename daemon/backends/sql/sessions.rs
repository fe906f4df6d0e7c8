//! Sessions.

use std::time::Duration;

use async_trait::async_trait;
use vine_domain::{
    Session, SessionId, SessionPolicy, SessionState, Slug, TaskId, Timestamp, WorkerId,
    attempt::Attempt,
    ports::{Sessions, StoreError, StoreResult},
    session::SessionStats,
};

use super::{
    commit,
    rows::{int, one_row, parsed, uuid},
    run::{Fetch as _, Run as _},
};
use crate::{
    Connection, Database, engine,
    statement::{row, rows, statement},
};

row! {
    struct SessionRow {
        id: String,
        task: i64,
        repo: String,
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
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> StoreResult<Self> {
        let state = match (row.state.as_str(), row.ended, row.reason) {
            ("ended", Some(at), Some(reason)) => SessionState::Ended {
                at: Timestamp(at),
                reason,
            },
            ("warm", ..) => SessionState::Warm,
            ("active", ..) => SessionState::Active,
            (word, ..) => {
                return Err(StoreError::Corrupt(format!(
                    "session {} is {word}, but its data is incomplete",
                    row.id
                )));
            }
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

/// Sessions, by the clauses that follow.
macro_rules! sessions {
    ($rest:literal $(+ $more:literal)* $(, $arg:expr)*) => {
        rows!(
            SessionRow,
            r#"SELECT s.id, s.task, t.repo, s.worker, s.worktree, s.agent, s.started, s.active, s.ended, s.reason, s.context,
                 s.kept AS "kept: bool", s.reused, s.state
               FROM sessions s JOIN tasks t ON t.id = s.task "# + $rest $(+ $more)*
            $(, $arg)*
        )
    };
}

/// Sessions of one repository or of all, most recent first.
macro_rules! listing {
    ($first:literal, $($arg:expr),*) => {
        sessions!(
            $first + " AND (CAST($1 AS TEXT) IS NULL OR t.repo = $1) ORDER BY s.active DESC, s.id LIMIT CAST($2 AS BIGINT)",
            $($arg),*
        )
    };
}

#[async_trait]
impl Sessions for Database {
    async fn map_session(&self, session: &Session, attempt: Attempt) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let id = session.id.to_string();
        let worker = session.worker.to_string();
        commit::holds(&mut tx, &worker, attempt).await?;
        let mapped = statement!("INSERT INTO sessions (id, task, worker, worktree, agent, state, started, active) VALUES ($1, $2, $3, $4, $5, 'active', $6, $6)
             ON CONFLICT (id) DO UPDATE SET active = excluded.active, worktree = excluded.worktree, agent = excluded.agent
             WHERE sessions.task = excluded.task AND sessions.worker = excluded.worker AND sessions.state = 'active'",
            id,
            int(attempt.task.0),
            worker,
            session.worktree,
            session.agent,
            session.active.0
        );
        one_row(mapped.run(&mut *tx).await?)?;
        let of_attempt = statement!(
            "UPDATE executions SET session = $1 WHERE task = $2 AND epoch = $3",
            id,
            int(attempt.task.0),
            int(attempt.epoch.0)
        );
        of_attempt.run(&mut *tx).await?;
        end_others(&mut tx, attempt, session.id, self.now()).await?;
        engine::commit(tx).await
    }

    async fn touch_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
        context: Option<u8>,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        commit::holds(&mut tx, &by.to_string(), attempt).await?;
        let touched = statement!(
            "UPDATE sessions SET active = $1, context = coalesce($2, context), heard = true WHERE id = $3 AND task = $4 AND state = 'active'",
            self.now().0,
            context.map(i64::from),
            id.to_string(),
            int(attempt.task.0)
        );
        one_row(touched.run(&mut *tx).await?)?;
        engine::commit(tx).await
    }

    async fn correct_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
    ) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        let worker = by.to_string();
        match commit::holds(&mut tx, &worker, attempt).await {
            Err(StoreError::Conflict) => return Ok(false),
            other => other?,
        }
        let corrected = statement!(
            "UPDATE sessions SET task = $1, state = 'active', ended = NULL, reason = NULL, active = $2 WHERE id = $3 AND worker = $4",
            int(attempt.task.0),
            self.now().0,
            id.to_string(),
            worker
        );
        if corrected.run(&mut *tx).await? == 0 {
            return Ok(false);
        }
        end_others(&mut tx, attempt, id, self.now()).await?;
        engine::commit(tx).await?;
        Ok(true)
    }

    async fn sweep_sessions(&self, policy: &SessionPolicy) -> StoreResult<u64> {
        // A waiting task keeps its session forever, since its worker may come back with the files.
        let ended = statement!(
            "UPDATE sessions SET state = 'ended', ended = $1, reason = v.reason
             FROM (SELECT id, CASE WHEN worker NOT IN (SELECT id FROM workers) THEN 'lost'
                                   WHEN kept THEN NULL
                                   WHEN started <= $2 THEN 'age'
                                   WHEN coalesce(context, 0) > $3 THEN 'context'
                                   WHEN active <= $4 THEN 'idle' END AS reason
                   FROM sessions WHERE state = 'warm') v
             WHERE sessions.id = v.id AND sessions.state = 'warm' AND v.reason IS NOT NULL",
            self.now().0,
            self.now().minus(policy.max_age).0,
            i64::from(policy.max_context),
            self.now().minus(policy.max_idle).0
        );
        Ok(ended.run(self.writer()).await?)
    }

    async fn session_stats(&self) -> StoreResult<SessionStats> {
        let rows = rows!(
            { word: String, count: i64, reused: i64, lived: i64 },
            r#"SELECT coalesce(reason, state) AS "word!", count(*) AS "count!: i64", CAST(coalesce(sum(reused), 0) AS BIGINT) AS "reused!: i64",
                   CAST(coalesce(sum(coalesce(ended - started, 0)), 0) AS BIGINT) AS "lived!: i64"
               FROM sessions GROUP BY 1 ORDER BY 1"#
        );
        let mut figures = SessionStats::default();
        for row in rows.all(self.reader()).await? {
            let count = row.count.unsigned_abs();
            match row.word.as_str() {
                "active" => figures.active = count,
                "warm" => figures.warm = count,
                _ => figures.ended.push((row.word, count)),
            }
            figures.reused += row.reused.unsigned_abs();
            figures.lived += Duration::from_millis(row.lived.unsigned_abs());
        }
        Ok(figures)
    }

    async fn pin_session(&self, id: SessionId) -> StoreResult<()> {
        let kept = statement!(
            "UPDATE sessions SET kept = true WHERE id = $1 AND state <> 'ended'",
            id.to_string()
        );
        kept.run(self.writer()).await.map(drop)
    }

    async fn end_session(&self, id: SessionId, reason: &str) -> StoreResult<()> {
        let ended = statement!(
            "UPDATE sessions SET state = 'ended', ended = $1, reason = $2 WHERE id = $3 AND state <> 'ended'",
            self.now().0,
            reason,
            id.to_string()
        );
        ended.run(self.writer()).await.map(drop)
    }

    async fn session(&self, id: SessionId) -> StoreResult<Option<Session>> {
        let row = sessions!("WHERE s.id = $1", id.to_string())
            .maybe(self.quick())
            .await?;
        row.map(Session::try_from).transpose()
    }

    async fn sessions(
        &self,
        within: Option<&Slug>,
        ended_too: bool,
        limit: u32,
    ) -> StoreResult<Vec<(Slug, Session)>> {
        let within = within.map(Slug::as_str);
        let limit = i64::from(limit);
        // Live sessions have their own index.
        let rows = if ended_too {
            listing!("WHERE true", within, limit)
                .all(self.reader())
                .await
        } else {
            listing!("WHERE s.state <> 'ended'", within, limit)
                .all(self.reader())
                .await
        };
        rows?
            .into_iter()
            .map(|row| Ok((parsed(&row.repo)?, row.try_into()?)))
            .collect()
    }

    async fn session_of(&self, task: TaskId) -> StoreResult<Option<Session>> {
        let row = sessions!(
            "WHERE s.task = $1 AND s.state <> 'ended' ORDER BY s.active DESC, s.id LIMIT 1",
            int(task.0)
        );
        row.maybe(self.quick())
            .await?
            .map(Session::try_from)
            .transpose()
    }
}

/// Ends the other sessions of a task, which has one at a time: a session on another worker lacks
/// what happened since.
async fn end_others(
    tx: &mut Connection,
    attempt: Attempt,
    id: SessionId,
    now: Timestamp,
) -> StoreResult<()> {
    let others = statement!(
        "UPDATE sessions SET state = 'ended', reason = 'lost', ended = $1 WHERE task = $2 AND id <> $3 AND state = 'active'",
        now.0,
        int(attempt.task.0),
        id.to_string()
    );
    others.run(tx).await.map(drop)
}
