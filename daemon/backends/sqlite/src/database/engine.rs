//! What is specific to SQLite: one writer, no row locks, IDs from memory.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Sqlite, SqlitePool, Transaction, query};
use vine_domain::{
    QuestionId, TaskId, Timestamp,
    ports::{StoreError, StoreResult},
};

use crate::{
    Connection, Database,
    sql::{StatementBatch, unavailable},
};

/// A statement that locks its rows. There is only one writer, so nothing is needed.
macro_rules! locked {
    ($statement:ident, $($arg:expr),+) => { $statement!("", $($arg),+) };
}
pub(crate) use locked;

/// A statement that locks its workers. There is only one writer, so nothing is needed.
macro_rules! kept {
    ($statement:ident, $($arg:expr),+) => { $statement!("", $($arg),+) };
}
pub(crate) use kept;

/// Locks tasks until the transaction ends. There is only one writer, so nothing is needed.
pub async fn lock(_: &mut Connection, _: impl Iterator<Item = TaskId>) -> StoreResult<()> {
    Ok(())
}

/// Blocks new messages until the transaction ends. There is only one writer, so nothing is needed.
pub async fn silence(_: &mut Connection) -> StoreResult<()> {
    Ok(())
}

/// There is only one clock.
pub fn skew(_: &Database) -> Duration {
    Duration::ZERO
}

/// The size of the rows in bytes; free pages do not count.
pub async fn size(database: &Database) -> sqlx::Result<u64> {
    let size: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    )
    .fetch_one(database.reader())
    .await?;
    Ok(size.unsigned_abs())
}

/// A transaction that sees a consistent snapshot of the database.
pub async fn snapshot(database: &Database) -> sqlx::Result<Transaction<'static, Sqlite>> {
    database.reader.begin().await
}

/// Lifts the time limit for statements of this transaction. SQLite has none.
pub async fn take_time(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// A table's columns with their types.
pub async fn columns(at: &mut Connection, table: &str) -> sqlx::Result<Vec<(String, String)>> {
    // The macros do not know this built-in table.
    sqlx::query_as("SELECT name, type FROM pragma_table_info($1)")
        .bind(table)
        .fetch_all(at)
        .await
}

/// The statement that returns a table's rows as JSON.
pub fn as_json(table: &str, columns: &[(String, String)]) -> String {
    let pairs: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("'{name}', {name}"))
        .collect();
    format!("SELECT json_object({}) FROM {table}", pairs.join(", "))
}

/// Continues IDs after the existing ones. SQLite does that when the file is opened.
pub async fn count_on(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// Runs the statements of a batch as one text. Its first parameters are the lists, its last is the
/// time.
pub async fn run(tx: &mut Connection, script: StatementBatch, now: Timestamp) -> StoreResult<()> {
    let time = script.lists.len() + 1;
    let is_timed = script.parts.iter().any(|(part, _)| part.timed);
    let text: Vec<String> = script
        .parts
        .iter()
        .map(|(part, list)| numbered(part.sql, list + 1, time))
        .collect();
    // The macros have checked each part; only its parameter numbers differ.
    let whole = script
        .lists
        .into_iter()
        .fold(query(AssertSqlSafe(text.join(";\n"))), |whole, list| {
            whole.bind(list)
        });
    let whole = if is_timed { whole.bind(now.0) } else { whole };
    whole.execute(tx).await.map(|_| ()).map_err(unavailable)
}

/// A statement with its parameters `$1` and `$2` renumbered.
fn numbered(sql: &str, first: usize, second: usize) -> String {
    let mut pieces = sql.split('$');
    let begin = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(begin, |text, piece| {
        let (number, rest) = piece.split_at(1);
        format!(
            "{text}${}{rest}",
            if number == "1" { first } else { second }
        )
    })
}

impl Database {
    pub fn reader(&self) -> &SqlitePool {
        self.count();
        &self.reader
    }

    pub fn writer(&self) -> &SqlitePool {
        self.count();
        &self.writer
    }

    /// Checks that the file was not deleted or replaced, since writes to it would be lost.
    fn is_there(&self) -> StoreResult<()> {
        self.file.is_ours().map_err(|why| {
            let file = self.file.path.display();
            StoreError::Unavailable(format!("the database {file} is no longer there: {why}").into())
        })
    }

    /// A write transaction. It is immediate, since one that starts with a read cannot wait.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.count();
        self.is_there()?;
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)
    }

    pub async fn task_ids(&self, count: u32) -> StoreResult<Vec<TaskId>> {
        let last = self.last_task.fetch_add(count.into(), Ordering::Relaxed);
        Ok((last + 1..=last + u64::from(count)).map(TaskId).collect())
    }

    pub async fn question_id(&self) -> StoreResult<QuestionId> {
        Ok(QuestionId(next(&self.last_question)))
    }
}

fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_of_a_part_get_their_places_in_the_whole() {
        assert_eq!(numbered("SELECT $2, $1, $1", 3, 12), "SELECT $12, $3, $3");
        assert_eq!(numbered("$1", 10, 11), "$10");
        assert_eq!(numbered("SELECT 1", 2, 3), "SELECT 1");
    }
}
