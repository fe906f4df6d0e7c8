//! What is specific to PostgreSQL: many writers, so rows are locked, in the order of their IDs; IDs
//! come from sequences.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Transaction, pool::PoolConnection, query, query_scalar,
};
use vine_domain::{
    Clock, QuestionId, TaskId, Timestamp, clock,
    ports::{StoreError, StoreResult},
};

use crate::{
    Connection, Database,
    errors::unavailable,
    sql::{
        StatementBatch, TransferError,
        run::{Fetch as _, Run as _},
    },
};

/// A statement that locks its rows and skips those that another transaction has locked.
macro_rules! locked {
    ($statement:ident, $($arg:expr),+) => { $statement!("FOR NO KEY UPDATE OF o, t SKIP LOCKED", $($arg),+) };
}
pub(crate) use locked;

/// A statement that locks its workers against removal until the transaction ends: a concurrent
/// removal waits, and then sees the claims.
macro_rules! kept {
    ($statement:ident, $($arg:expr),+) => { $statement!("FOR KEY SHARE OF w", $($arg),+) };
}
pub(crate) use kept;

/// A statement that locks its sessions and skips those that another transaction has locked.
macro_rules! free {
    ($statement:ident, $($arg:expr),+) => { $statement!("FOR NO KEY UPDATE OF s SKIP LOCKED", $($arg),+) };
}
pub(crate) use free;

/// Locks tasks until the transaction ends, in the order of their IDs to prevent deadlocks.
pub async fn lock(tx: &mut Connection, tasks: impl Iterator<Item = TaskId>) -> StoreResult<()> {
    let ids: Vec<i64> = tasks.map(|id| id.0.cast_signed()).collect();
    if !ids.is_empty() {
        let rows = query_scalar!(
            "SELECT id FROM tasks WHERE id = any($1) ORDER BY id FOR NO KEY UPDATE",
            &ids
        );
        rows.fetch_all(tx).await.map_err(unavailable)?;
    }
    Ok(())
}

/// Blocks new messages until the transaction ends: one added while a room is bound could miss the
/// room.
pub async fn silence(tx: &mut Connection) -> StoreResult<()> {
    query!("LOCK TABLE chat_messages IN SHARE ROW EXCLUSIVE MODE")
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(unavailable)
}

/// The difference between this machine's clock and the server's.
pub fn skew(database: &Database) -> Duration {
    Duration::from_millis(database.now().0.abs_diff(clock::System.now().0))
}

/// The size of the rows in bytes, estimated from the server's statistics. The size of the tables
/// would include freed space, as if nothing had been removed.
pub async fn size(database: &Database) -> StoreResult<u64> {
    estimated(database).await.map_err(unavailable)
}

async fn estimated(database: &Database) -> sqlx::Result<u64> {
    // A table that was never analyzed has no statistics.
    let unknown: bool = query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_stat_user_tables s WHERE s.schemaname = current_schema() AND s.n_live_tup > 0 AND NOT EXISTS
             (SELECT 1 FROM pg_stats w WHERE w.schemaname = s.schemaname AND w.tablename = s.relname))",
    )
    .fetch_one(database.reader())
    .await?;
    if unknown {
        query("ANALYZE").execute(database.writer()).await?;
    }
    // Rows, their headers (24 bytes and a pointer of 4) and their indexes, which add about 40 %;
    // and values too long for a row, in pieces of 2 kB (PostgreSQL's manual, "TOAST").
    let size: i64 = query_scalar(
        "SELECT CAST(coalesce(sum(s.n_live_tup * (coalesce(w.width, 0) + 28) * 1.4 + coalesce(t.n_live_tup, 0) * 2048), 0) AS BIGINT)
         FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
             LEFT JOIN pg_stat_all_tables t ON t.relid = c.reltoastrelid
             LEFT JOIN (SELECT schemaname, tablename, sum(avg_width) AS width FROM pg_stats GROUP BY 1, 2) w
                 ON w.schemaname = s.schemaname AND w.tablename = s.relname
         WHERE s.schemaname = current_schema()",
    )
    .fetch_one(database.reader())
    .await?;
    Ok(size.unsigned_abs())
}

/// A transaction that sees a consistent snapshot of the database.
pub async fn snapshot(database: &Database) -> StoreResult<Transaction<'static, Postgres>> {
    let mut tx = database
        .pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(unavailable)?;
    take_time(&mut tx).await?;
    Ok(tx)
}

/// Lifts the time limit for statements of this transaction.
pub async fn take_time(tx: &mut Connection) -> StoreResult<()> {
    query("SET LOCAL statement_timeout = 0")
        .run(tx)
        .await
        .map(drop)
}

/// A table's columns with their types.
pub async fn columns(at: &mut Connection, table: &str) -> StoreResult<Vec<(String, String)>> {
    let rows = query!(
        r#"SELECT column_name::TEXT AS "name!", data_type::TEXT AS "kind!" FROM information_schema.columns
           WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"#,
        table
    );
    Ok(rows
        .all(at)
        .await?
        .into_iter()
        .map(|row| (row.name, row.kind))
        .collect())
}

/// How many rows a table has.
pub async fn count(at: &mut Connection, table: &str) -> StoreResult<i64> {
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    query_scalar::<_, i64>(count).one(at).await
}

/// Passes on each value that a statement returns; returns their number.
pub async fn each(
    at: &mut Connection,
    statement: String,
    mut take: impl FnMut(String) -> Result<(), TransferError> + Send,
) -> Result<u64, TransferError> {
    let mut found = query_scalar::<_, String>(AssertSqlSafe(statement)).fetch(at);
    let mut rows = 0;
    while let Some(row) = found.try_next().await.map_err(unavailable)? {
        take(row)?;
        rows += 1;
    }
    Ok(rows)
}

/// The statement that returns a table's rows as JSON.
pub fn as_json(table: &str, columns: &[(String, String)]) -> String {
    let pairs: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("'{name}', {name}"))
        .collect();
    format!(
        "SELECT json_build_object({})::TEXT FROM {table}",
        pairs.join(", ")
    )
}

/// Continues IDs after the assigned ones.
pub async fn count_on(tx: &mut Connection) -> StoreResult<()> {
    let given = query!(
        "SELECT setval('task_ids', (SELECT greatest((SELECT max(id) FROM tasks), last_task) + 1 FROM settings), false) AS tasks,
                setval('question_ids', (SELECT greatest((SELECT max(id) FROM questions), last_question) + 1 FROM settings), false) AS questions,
                setval(pg_get_serial_sequence('audit', 'seq'), (SELECT coalesce(max(seq), 0) + 1 \
                FROM audit), false) AS audit,
                setval(pg_get_serial_sequence('task_log', 'seq'), (SELECT coalesce(max(seq), 0) + \
                1 FROM task_log), false) AS task_log,
                setval(pg_get_serial_sequence('notes', 'seq'), (SELECT coalesce(max(seq), 0) + 1 \
                FROM notes), false) AS notes,
                setval(pg_get_serial_sequence('chat_messages', 'seq'), (SELECT coalesce(max(seq), \
                0) + 1 FROM chat_messages), false) AS chat_messages,
                setval(pg_get_serial_sequence('inbox', 'seq'), (SELECT coalesce(max(seq), 0) + 1 \
                FROM inbox), false) AS inbox"
    );
    given.one(tx).await.map(drop)
}

pub use crate::parts::{run, run_fenced};

/// Runs a fence and what follows from it as one statement, which is a transaction by itself.
pub async fn run_alone(
    database: &Database,
    script: StatementBatch,
    now: Timestamp,
) -> StoreResult<bool> {
    run_fenced(&mut *database.alone().await?, script, now).await
}

/// Commits a transaction.
pub async fn commit(tx: Transaction<'static, Postgres>) -> StoreResult<()> {
    tx.commit().await.map_err(unavailable)
}

impl Database {
    /// For reads of a few rows by their keys.
    pub fn quick(&self) -> &PgPool {
        self.count();
        &self.pool
    }

    /// For reads that may take longer.
    pub fn reader(&self) -> &PgPool {
        self.count();
        &self.pool
    }

    /// For single statements.
    pub fn writer(&self) -> &PgPool {
        self.count();
        &self.pool
    }

    /// For several statements of which each stands alone.
    pub async fn alone(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.count();
        self.pool.acquire().await.map_err(unavailable)
    }

    /// Begins in its own task: a caller that is cancelled during BEGIN would return the connection
    /// to the pool with an open transaction, and later callers would work in it unknowingly,
    /// holding its locks (sqlx 0.9.0 only rolls back transactions that it has counted,
    /// `sqlx-postgres/src/transaction.rs`).
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.count();
        // sqlx reports all statements but this one.
        tracing::trace!(sql = "BEGIN", "statement");
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        begun
            .map_err(|ended| StoreError::Unavailable(Box::new(ended)))?
            .map_err(unavailable)
    }

    pub async fn task_ids(&self, count: u32) -> StoreResult<Vec<TaskId>> {
        let ids = query_scalar!(
            r#"SELECT nextval('task_ids') AS "id!" FROM generate_series(1, CAST($1 AS BIGINT))"#,
            i64::from(count)
        );
        let ids = ids.fetch_all(&self.pool).await.map_err(unavailable)?;
        Ok(ids
            .into_iter()
            .map(|id| TaskId(id.unsigned_abs()))
            .collect())
    }

    pub async fn question_id(&self) -> StoreResult<QuestionId> {
        let id = query_scalar!(r#"SELECT nextval('question_ids') AS "id!""#)
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(QuestionId(id.unsigned_abs()))
    }
}
