//! What is specific to SQLite: one writer, no row locks, IDs from memory.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use vine_domain::{
    QuestionId, TaskId, Timestamp,
    ports::{StoreError, StoreResult},
};

use crate::{
    Connection, Database,
    connection::{OwnedConnection, Transaction, Writer},
    readers::{Quick, ReadConnection, Reader},
    sql::{StatementBatch, TransferError, run::Fetch as _},
    statement::{Bind as _, Rows, Statement, row},
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

/// A statement that locks its sessions. There is only one writer, so nothing is needed.
macro_rules! free {
    ($statement:ident, $($arg:expr),+) => { $statement!("", $($arg),+) };
}
pub(crate) use free;

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
pub async fn size(database: &Database) -> StoreResult<u64> {
    let size = "SELECT (page_count - freelist_count) * page_size
                FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
    let size = Rows::<i64>::new(Statement::new(size, Vec::new()));
    Ok(size.one(database.quick()).await?.unsigned_abs())
}

/// A transaction that sees a consistent snapshot of the database.
pub async fn snapshot(database: &Database) -> StoreResult<Transaction<ReadConnection>> {
    Transaction::begin(database.reader.take()?, "BEGIN")
}

/// Lifts the time limit for statements of this transaction. SQLite has none.
pub async fn take_time(_: &mut Connection) -> StoreResult<()> {
    Ok(())
}

/// A table's columns with their types.
pub async fn columns(at: &mut Connection, table: &str) -> StoreResult<Vec<(String, String)>> {
    // The macros do not know this built-in table.
    let columns = Rows::<Column>::new(Statement::new(
        "SELECT name, type AS kind FROM pragma_table_info($1)",
        vec![table.value()],
    ));
    let columns = columns.all(at).await?.into_iter();
    Ok(columns.map(|column| (column.name, column.kind)).collect())
}

row! {
    struct Column {
        name: String,
        kind: String,
    }
}

/// How many rows a table has.
pub async fn count(at: &mut Connection, table: &str) -> StoreResult<i64> {
    let count = Statement::built(format!("SELECT count(*) FROM {table}"), Vec::new());
    Rows::<i64>::new(count).one(at).await
}

/// Passes on each value that a statement returns; returns their number.
pub async fn each(
    at: &mut Connection,
    statement: String,
    mut take: impl FnMut(String) -> Result<(), TransferError>,
) -> Result<u64, TransferError> {
    let mut rows = 0;
    let statement = Rows::<String>::new(Statement::built(statement, Vec::new()));
    statement.each(at, |row| {
        rows += 1;
        take(row)
    })?;
    Ok(rows)
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
pub async fn count_on(_: &mut Connection) -> StoreResult<()> {
    Ok(())
}

/// Runs the statements of a batch.
pub async fn run(tx: &mut Connection, script: StatementBatch, now: Timestamp) -> StoreResult<()> {
    (0..script.parts.len()).try_for_each(|part| run_part(tx, &script, part, now).map(drop))
}

/// Runs the first statement of a batch, and if that changed a row, the others.
pub async fn run_fenced(
    tx: &mut Connection,
    script: StatementBatch,
    now: Timestamp,
) -> StoreResult<bool> {
    let mut parts = 0..script.parts.len();
    if let Some(fence) = parts.next()
        && run_part(tx, &script, fence, now)? == 0
    {
        return Ok(false);
    }
    parts.try_for_each(|part| run_part(tx, &script, part, now).map(drop))?;
    Ok(true)
}

/// The same in a transaction of its own.
pub async fn run_alone(
    database: &Database,
    script: StatementBatch,
    now: Timestamp,
) -> StoreResult<bool> {
    let mut tx = database.begin().await?;
    let passed = run_fenced(&mut tx, script, now).await?;
    commit(tx).await?;
    Ok(passed)
}

fn run_part(
    tx: &mut Connection,
    script: &StatementBatch,
    part: usize,
    now: Timestamp,
) -> StoreResult<u64> {
    let (part, list) = script.parts[part];
    let mut values = vec![script.lists[list].value()];
    values.extend(part.timed.then(|| now.0.value()));
    tx.run(part.sql, &values)
}

/// Commits a transaction.
pub async fn commit(tx: Transaction<OwnedConnection>) -> StoreResult<()> {
    tx.commit()
}

impl Database {
    /// For reads of a few rows by their keys.
    pub fn quick(&self) -> &Quick {
        self.count();
        &self.quick
    }

    /// For reads that may take longer.
    pub fn reader(&self) -> &Reader {
        self.count();
        &self.reader
    }

    /// For single statements.
    pub fn writer(&self) -> &Writer {
        self.count();
        &self.writer
    }

    /// For several statements of which each stands alone.
    pub async fn alone(&self) -> StoreResult<OwnedConnection> {
        self.count();
        self.writer.own().await
    }

    /// Checks that the file was not deleted or replaced, since writes to it would be lost.
    fn is_there(&self) -> StoreResult<()> {
        self.file.is_ours().map_err(|why| {
            let file = self.file.path.display();
            StoreError::Unavailable(format!("the database {file} is no longer there: {why}").into())
        })
    }

    /// A write transaction. It is immediate, since one that starts with a read cannot wait.
    pub async fn begin(&self) -> StoreResult<Transaction<OwnedConnection>> {
        self.count();
        self.is_there()?;
        Transaction::begin(self.writer.own().await?, "BEGIN IMMEDIATE")
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
