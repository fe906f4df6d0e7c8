//! What PostgreSQL does its own way: many writers, so rows are locked, in the order of their ids; ids come from sequences.

use sqlx::{PgPool, Postgres, Transaction, query, query_scalar};
use vine_domain::{
    QuestionId, TaskId, Timestamp,
    ports::{StoreError, Stored},
};

use crate::{Connection, Database, sql::unavailable};

/// A statement whose rows the transaction is to keep to itself: what another one holds is left to it.
macro_rules! locked {
    ($statement:ident, $($arg:expr),+) => { $statement!("FOR NO KEY UPDATE OF o, t SKIP LOCKED", $($arg),+) };
}
pub(crate) use locked;

/// Keeps tasks as they are until the transaction ends. The order of ids keeps transactions from waiting for one another in a
/// circle.
pub async fn lock(tx: &mut Connection, tasks: impl Iterator<Item = TaskId>) -> Stored<()> {
    let ids: Vec<i64> = tasks.map(|id| id.0.cast_signed()).collect();
    if !ids.is_empty() {
        let rows = query_scalar!("SELECT id FROM tasks WHERE id = any($1) ORDER BY id FOR NO KEY UPDATE", &ids);
        rows.fetch_all(tx).await.map_err(unavailable)?;
    }
    Ok(())
}

/// Keeps everybody from saying anything until the transaction ends: what is said while a room comes could miss it.
pub async fn silence(tx: &mut Connection) -> Stored<()> {
    query!("LOCK TABLE chat_messages IN SHARE ROW EXCLUSIVE MODE").execute(tx).await.map(|_| ()).map_err(unavailable)
}

impl Database {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn reader(&self) -> &PgPool {
        &self.pool
    }

    pub fn writer(&self) -> &PgPool {
        &self.pool
    }

    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(unavailable)
    }

    pub async fn task_ids(&self, count: u32) -> Stored<Vec<TaskId>> {
        let ids = query_scalar!(r#"SELECT nextval('task_ids') AS "id!" FROM generate_series(1, CAST($1 AS BIGINT))"#, i64::from(count));
        let ids = ids.fetch_all(&self.pool).await.map_err(unavailable)?;
        Ok(ids.into_iter().map(|id| TaskId(id.unsigned_abs())).collect())
    }

    pub async fn question_id(&self) -> Stored<QuestionId> {
        let id = query_scalar!(r#"SELECT nextval('question_ids') AS "id!""#).fetch_one(&self.pool).await.map_err(unavailable)?;
        Ok(QuestionId(id.unsigned_abs()))
    }
}
