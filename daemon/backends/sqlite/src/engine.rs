//! What SQLite does its own way: one writer, no row locks, ids from memory.

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

/// A statement whose rows the transaction is to keep to itself: there is one writer, so it does.
macro_rules! locked {
    ($statement:ident, $($arg:expr),+) => { $statement!("", $($arg),+) };
}
pub(crate) use locked;

/// A statement whose workers stay until the transaction ends: there is one writer, so they do.
macro_rules! kept {
    ($statement:ident, $($arg:expr),+) => { $statement!("", $($arg),+) };
}
pub(crate) use kept;

/// Keeps tasks as they are until the transaction ends: there is one writer, so they are.
pub async fn lock(_: &mut Connection, _: impl Iterator<Item = TaskId>) -> StoreResult<()> {
    Ok(())
}

/// Keeps everybody from saying anything until the transaction ends: there is one writer, so nobody
/// does.
pub async fn silence(_: &mut Connection) -> StoreResult<()> {
    Ok(())
}

/// There is one clock.
pub fn skew(_: &Database) -> Duration {
    Duration::ZERO
}

/// How many bytes its rows take; pages that are free again do not count.
pub async fn size(database: &Database) -> sqlx::Result<u64> {
    let size: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    )
    .fetch_one(database.reader())
    .await?;
    Ok(size.unsigned_abs())
}

/// A transaction that sees the database as it is at one moment.
pub async fn snapshot(database: &Database) -> sqlx::Result<Transaction<'static, Sqlite>> {
    database.reader.begin().await
}

/// Statements of this transaction may take as long as they need: they always may.
pub async fn take_time(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// A table's columns, each with its type.
pub async fn columns(at: &mut Connection, table: &str) -> sqlx::Result<Vec<(String, String)>> {
    // The macros do not know this table of SQLite's own.
    sqlx::query_as("SELECT name, type FROM pragma_table_info($1)")
        .bind(table)
        .fetch_all(at)
        .await
}

/// The statement that gives a table's rows as JSON.
pub fn as_json(table: &str, columns: &[(String, String)]) -> String {
    let pairs: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("'{name}', {name}"))
        .collect();
    format!("SELECT json_object({}) FROM {table}", pairs.join(", "))
}

/// Ids go on after those that are there: they are counted when the file is opened.
pub async fn count_on(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// Runs the statements of a script as one text. Its first parameters are the lists, its last is the
/// time.
pub async fn run(tx: &mut Connection, script: StatementBatch, now: Timestamp) -> StoreResult<()> {
    let (time, is_timed) = (
        script.lists.len() + 1,
        script.parts.iter().any(|(part, _)| part.timed),
    );
    let text: Vec<String> = script
        .parts
        .iter()
        .map(|(part, list)| numbered(part.sql, list + 1, time))
        .collect();
    // The macros have checked each part; only the numbers of its parameters are others.
    let whole = script
        .lists
        .into_iter()
        .fold(query(AssertSqlSafe(text.join(";\n"))), |whole, list| {
            whole.bind(list)
        });
    let whole = if is_timed { whole.bind(now.0) } else { whole };
    whole.execute(tx).await.map(|_| ()).map_err(unavailable)
}

/// A statement with other numbers for its parameters `$1` and `$2`.
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

    /// What is written to a file that was deleted would be lost.
    fn is_there(&self) -> StoreResult<()> {
        self.file.is_ours().map_err(|why| {
            let file = self.file.path.display();
            StoreError::Unavailable(
                format!("the database {file} is not there any more: {why}").into(),
            )
        })
    }

    /// A transaction that may write. One that began by reading could not wait for its turn.
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
