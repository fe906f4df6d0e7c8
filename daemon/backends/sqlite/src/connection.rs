//! Connections, transactions, and the one connection that writes.
//!
//! Statements run on the thread that asks, and none of them waits for anything but the disk. Those
//! who write wait for the connection first, without a thread.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rusqlite::{OpenFlags, Row, StatementStatus, types::Value};
use tokio::sync::{MappedMutexGuard, MutexGuard, OwnedMutexGuard};
use vine_domain::ports::{StoreError, StoreResult};

use crate::errors::unavailable;

/// Statements that stay prepared: all of them.
const PREPARED: usize = 500;

/// Another process writes only while it copies the file.
pub const BUSY: Duration = Duration::from_secs(5);

/// What survives a power cut. A killed process loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk before it is confirmed.
    Full,
    /// The last commits before a power cut may be lost.
    Normal,
}

impl Durability {
    /// The word for `PRAGMA synchronous`.
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

/// How a file is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub path: PathBuf,
    pub durability: Durability,
}

/// One connection to the file.
pub struct Connection(rusqlite::Connection);

impl Connection {
    /// Opens a file that has its schema already.
    pub fn open(options: &Options, writes: bool) -> rusqlite::Result<Self> {
        let access = if writes {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let at = rusqlite::Connection::open_with_flags(&options.path, flags)?;
        at.busy_timeout(BUSY)?;
        at.set_prepared_statement_cache_capacity(PREPARED);
        at.pragma_update(None, "foreign_keys", true)?;
        at.pragma_update(None, "synchronous", options.durability.word())?;
        if writes {
            // A large transaction does not leave a large log behind.
            at.pragma_update(None, "journal_size_limit", 16 << 20)?;
        }
        Ok(Self(at))
    }

    /// Runs a statement without rows, and returns how many it changed.
    pub fn run(&mut self, sql: &str, values: &[Value]) -> StoreResult<u64> {
        let run = || {
            let mut prepared = self.0.prepare_cached(sql)?;
            bind(&mut prepared, values)?;
            let changed = prepared.raw_execute()?;
            trace(sql, &prepared);
            Ok(changed)
        };
        run().map(|changed| changed as u64).map_err(unavailable)
    }

    /// Passes on the rows of a statement, whose columns have these names, one by one.
    pub fn each<E: From<StoreError>>(
        &mut self,
        sql: &str,
        values: &[Value],
        columns: &[&str],
        mut take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut prepared = self.0.prepare_cached(sql).map_err(unavailable)?;
        is_in_order(&prepared, columns);
        bind(&mut prepared, values).map_err(unavailable)?;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(unavailable)? {
            take(row)?;
        }
        drop(rows);
        trace(sql, &prepared);
        Ok(())
    }

    /// The number that a statement without values returns.
    pub fn number(&self, sql: &str) -> rusqlite::Result<i64> {
        self.0.query_row(sql, [], |row| row.get(0))
    }

    /// Runs a statement that has neither values nor rows.
    pub fn plain(&mut self, sql: &'static str) -> StoreResult<()> {
        self.run(sql, &[]).map(drop)
    }
}

/// Gives `$1`, `$2` and so on their values. SQLite numbers them by their first use.
fn bind(prepared: &mut rusqlite::Statement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for place in 1..=prepared.parameter_count() {
        let number = prepared
            .parameter_name(place)
            .and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(place, values.len()))?;
        prepared.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

/// Reports a statement that ran, and how often SQLite had to parse it for that (`tests/cost` counts).
fn trace(sql: &str, prepared: &rusqlite::Statement<'_>) {
    tracing::trace!(sql, parsed = parsed(prepared), "statement");
}

/// How often SQLite parsed a statement since this was asked last: once before its first run, and again
/// whenever it found that it could not use the old plan.
fn parsed(prepared: &rusqlite::Statement<'_>) -> u64 {
    let again = prepared.reset_status(StatementStatus::RePrepare);
    let is_first = prepared.get_status(StatementStatus::Run) == 1;
    u64::from(is_first) + u64::from(again.unsigned_abs())
}

/// Rows are read by position: in tests, the names must agree.
fn is_in_order(prepared: &rusqlite::Statement<'_>, columns: &[&str]) {
    if cfg!(debug_assertions) && !columns.is_empty() {
        let names = prepared.column_names();
        let bare = |name: &&str| name.split(['!', '?', ':']).next().unwrap_or("").to_owned();
        let names: Vec<String> = names.iter().map(bare).collect();
        assert_eq!(names, columns, "fields must have the order of columns");
    }
}

/// A transaction; it is rolled back unless it is committed.
pub struct Transaction<At: DerefMut<Target = Connection>> {
    at: At,
    committed: bool,
}

impl<At: DerefMut<Target = Connection>> Transaction<At> {
    pub fn begin(mut at: At, how: &'static str) -> StoreResult<Self> {
        at.plain(how)?;
        Ok(Self {
            at,
            committed: false,
        })
    }

    pub fn commit(mut self) -> StoreResult<()> {
        self.at.plain("COMMIT")?;
        self.committed = true;
        Ok(())
    }
}

impl<At: DerefMut<Target = Connection>> Deref for Transaction<At> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.at
    }
}

impl<At: DerefMut<Target = Connection>> DerefMut for Transaction<At> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.at
    }
}

impl<At: DerefMut<Target = Connection>> Drop for Transaction<At> {
    fn drop(&mut self) {
        // On a full disk SQLite ends a transaction by itself.
        if !self.committed && !self.at.0.is_autocommit() {
            let _ended_either_way = self.at.plain("ROLLBACK");
        }
    }
}

/// The one connection that writes. Cheap to clone.
#[derive(Clone)]
pub struct Writer(Arc<tokio::sync::Mutex<Option<Connection>>>);

impl Writer {
    pub fn new(connection: Connection) -> Self {
        Self(Arc::new(tokio::sync::Mutex::new(Some(connection))))
    }

    /// Waits for the connection.
    pub async fn take(&self) -> StoreResult<MappedMutexGuard<'_, Connection>> {
        MutexGuard::try_map(self.0.lock().await, Option::as_mut).map_err(|_| closed())
    }

    /// The same, for a transaction.
    pub async fn own(&self) -> StoreResult<OwnedConnection> {
        let guard = Arc::clone(&self.0).lock_owned().await;
        OwnedMutexGuard::try_map(guard, Option::as_mut).map_err(|_| closed())
    }

    /// The same, unless somebody has it.
    pub fn try_own(&self) -> Option<OwnedConnection> {
        let guard = Arc::clone(&self.0).try_lock_owned().ok()?;
        OwnedMutexGuard::try_map(guard, Option::as_mut).ok()
    }

    /// Closes it after the running transaction.
    pub async fn close(&self) {
        drop(self.0.lock().await.take());
    }
}

/// The connection that writes, for as long as it is held.
pub type OwnedConnection = tokio::sync::OwnedMappedMutexGuard<Option<Connection>, Connection>;

pub fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".into())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn opened() -> (tempfile::TempDir, Options) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            path: folder.path().join("vine.db"),
            durability: Durability::Normal,
        };
        let made = rusqlite::Connection::open(&options.path).expect("made");
        made.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .expect("a table");
        (folder, options)
    }

    pub fn put(at: &mut Connection) -> StoreResult<u64> {
        at.run("INSERT INTO t VALUES ($1)", &[Value::Integer(1)])
    }

    pub fn count(at: &mut Connection) -> i64 {
        at.number("SELECT count(*) FROM t").expect("read")
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_does_not_end_all_writing() {
        let (_folder, options) = opened();
        let writer = Writer::new(Connection::open(&options, true).expect("opened"));
        for end in ["ROLLBACK", "SELECT 1"] {
            let at = writer.own().await.expect("taken");
            let mut tx = Transaction::begin(at, "BEGIN IMMEDIATE").expect("begun");
            put(&mut tx).expect("written");
            tx.0.execute_batch(end).expect("as on a full disk");
            drop(tx);
            let at = writer.own().await.expect("taken again");
            let mut tx = Transaction::begin(at, "BEGIN IMMEDIATE").expect("begun again");
            assert_eq!(count(&mut tx), 0, "{end}");
            tx.commit().expect("ended");
        }
    }

    #[test]
    fn parameters_are_bound_by_their_numbers() {
        let (_folder, options) = opened();
        let mut at = Connection::open(&options, true).expect("opened");
        let mut read = |sql: &str, values: &[Value]| {
            let mut found = Vec::new();
            at.each(sql, values, &[], |row| {
                found.push(row.get::<_, String>(0).map_err(unavailable)?);
                Ok::<_, StoreError>(())
            })
            .map(|()| found)
        };
        let values = [Value::Integer(1), Value::Text("b".into())];
        let found = read("SELECT $2 || $1 || $2", &values).expect("read");
        assert_eq!(found, ["b1b"]);
        assert!(
            read("SELECT $2", &values[..1]).is_err(),
            "a value is missing"
        );
    }

    #[test]
    fn a_statement_that_sqlite_parses_again_is_counted() {
        let (_folder, options) = opened();
        let at = Connection::open(&options, true).expect("opened").0;
        let count = |sql: &str| {
            let mut prepared = at.prepare_cached(sql).expect("prepared");
            bind(&mut prepared, &[Value::Integer(1)]).expect("bound");
            while prepared.raw_query().next().expect("read").is_some() {}
            parsed(&prepared)
        };
        let (bound, cast) = (
            "SELECT x FROM t LIMIT $1",
            "SELECT x FROM t LIMIT CAST($1 AS BIGINT)",
        );
        assert_eq!([count(cast), count(cast), count(cast)], [1, 0, 0]);
        assert_eq!(
            [count(bound), count(bound), count(bound)],
            [2, 1, 1],
            "a bound limit"
        );
    }
}
