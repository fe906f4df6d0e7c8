//! Connections: one that writes, and several that read what was committed.
//!
//! Statements run on the thread that asks, and none of them waits for anything but the disk. Whoever
//! writes waits for the one connection first, without a thread. Reads of a few rows ([`Quick`]) run
//! on the spot; those that may take longer ([`Reader`]) on a thread of their own.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{OpenFlags, types::Value};
use tokio::sync::{MappedMutexGuard, MutexGuard, OwnedMutexGuard};
use vine_domain::ports::{StoreError, StoreResult};

use crate::{
    Durability,
    errors::unavailable,
    statement::{FromRow, Statement},
};

/// Statements that stay prepared: all of them.
const PREPARED: usize = 500;

/// At most this many connections for reading are kept open.
const READERS: usize = 8;

/// Another process writes only while it copies the file.
pub const BUSY: Duration = Duration::from_secs(5);

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
    pub fn run(&mut self, statement: &Statement) -> StoreResult<u64> {
        let run = || {
            let mut prepared = self.0.prepare_cached(statement.sql())?;
            bind(&mut prepared, statement.values())?;
            prepared.raw_execute()
        };
        run().map(|changed| changed as u64).map_err(unavailable)
    }

    /// All rows of a statement.
    pub fn rows<T: FromRow>(&mut self, statement: &Statement) -> StoreResult<Vec<T>> {
        let mut found = Vec::new();
        self.each(statement, |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    /// The same one by one.
    pub fn each<T: FromRow, E: From<StoreError>>(
        &mut self,
        statement: &Statement,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let prepared = self.0.prepare_cached(statement.sql());
        let mut prepared = prepared.map_err(unavailable)?;
        is_in_order::<T>(&prepared);
        bind(&mut prepared, statement.values()).map_err(unavailable)?;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(unavailable)? {
            take(T::from_row(row).map_err(unavailable)?)?;
        }
        Ok(())
    }

    /// The number that a statement without values returns.
    pub fn number(&self, sql: &str) -> rusqlite::Result<i64> {
        self.0.query_row(sql, [], |row| row.get(0))
    }

    /// Runs a statement that has neither values nor rows.
    pub fn plain(&mut self, sql: &'static str) -> StoreResult<()> {
        let run = || self.0.prepare_cached(sql)?.raw_execute();
        run().map(drop).map_err(unavailable)
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

/// Rows are read by position: in tests, the names must agree.
fn is_in_order<T: FromRow>(prepared: &rusqlite::Statement<'_>) {
    if cfg!(debug_assertions) && !T::COLUMNS.is_empty() {
        let names = prepared.column_names();
        let bare = |name: &&str| name.split(['!', '?', ':']).next().unwrap_or("").to_owned();
        let names: Vec<String> = names.iter().map(bare).collect();
        assert_eq!(names, T::COLUMNS, "fields must have the order of columns");
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
    fn try_own(&self) -> Option<OwnedConnection> {
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

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".into())
}

/// The connections that read. Cheap to clone.
#[derive(Clone)]
struct Pool {
    options: Arc<Options>,
    /// `None` once closed.
    idle: Arc<Mutex<Option<Vec<Connection>>>>,
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> StoreResult<ReadConnection> {
        let known = self.idle().as_mut().ok_or_else(closed)?.pop();
        let at = match known {
            Some(at) => at,
            None => Connection::open(&self.options, false).map_err(unavailable)?,
        };
        Ok(ReadConnection {
            at: Some(at),
            pool: self.clone(),
        })
    }
}

/// A connection that reads, for as long as it is held.
pub struct ReadConnection {
    /// Always there; it goes back when this is dropped.
    at: Option<Connection>,
    pool: Pool,
}

impl Deref for ReadConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.at.as_ref().expect("it is taken when dropped")
    }
}

impl DerefMut for ReadConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        self.at.as_mut().expect("it is taken when dropped")
    }
}

impl Drop for ReadConnection {
    fn drop(&mut self) {
        if let Some(idle) = self.pool.idle().as_mut()
            && idle.len() < READERS
        {
            idle.extend(self.at.take());
        }
    }
}

/// Reads of a few rows by their keys: they take microseconds, so they run on the spot. If nobody
/// writes, they use the connection that wrote what they read, which has it in memory.
#[derive(Clone)]
pub struct Quick {
    writer: Writer,
    pool: Pool,
}

/// A connection for a quick read.
pub enum QuickConnection {
    Writer(OwnedConnection),
    Reader(ReadConnection),
}

impl Deref for QuickConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Writer(at) => at,
            Self::Reader(at) => at,
        }
    }
}

impl DerefMut for QuickConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Writer(at) => at,
            Self::Reader(at) => at,
        }
    }
}

/// Reads that may take longer: they run on a thread of their own.
#[derive(Clone)]
pub struct Reader(Pool);

/// Both ways to read a file.
pub fn readers(options: Options, writer: &Writer) -> (Quick, Reader) {
    let pool = Pool {
        options: Arc::new(options),
        idle: Arc::new(Mutex::new(Some(Vec::new()))),
    };
    let writer = writer.clone();
    let reader = Reader(pool.clone());
    (Quick { writer, pool }, reader)
}

impl Quick {
    pub fn take(&self) -> StoreResult<QuickConnection> {
        match self.writer.try_own() {
            Some(at) => Ok(QuickConnection::Writer(at)),
            None => self.pool.take().map(QuickConnection::Reader),
        }
    }
}

impl Reader {
    /// One connection, for a snapshot that is read bit by bit.
    pub fn take(&self) -> StoreResult<ReadConnection> {
        self.0.take()
    }

    /// Closes the connections that are not in use, and each other one after its use.
    pub fn close(&self) {
        drop(self.0.idle().take());
    }

    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let pool = self.0.clone();
        let read = tokio::task::spawn_blocking(move || read(&mut *pool.take()?));
        read.await
            .map_err(|ended| StoreError::Unavailable(Box::new(ended)))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, Options) {
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

    fn put(at: &mut Connection) -> StoreResult<u64> {
        at.run(&Statement::new(
            "INSERT INTO t VALUES ($1)",
            vec![Value::Integer(1)],
        ))
    }

    fn count(at: &mut Connection) -> i64 {
        let rows = at.rows(&Statement::new("SELECT count(*) FROM t", Vec::new()));
        rows.expect("read")[0]
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

    #[tokio::test]
    async fn a_committed_row_is_read_at_once_and_a_closed_file_is_not() {
        let (_folder, options) = opened();
        let writer = Writer::new(Connection::open(&options, true).expect("opened"));
        let (quick, reader) = readers(options, &writer);
        put(&mut *writer.take().await.expect("taken")).expect("written");
        assert_eq!(count(&mut quick.take().expect("taken")), 1);
        let read = reader.read(|at| Ok(count(at))).await;
        assert_eq!(read.expect("read"), 1);
        reader.close();
        writer.close().await;
        assert!(quick.take().is_err());
        assert!(writer.take().await.is_err());
        assert!(reader.read(|at| Ok(count(at))).await.is_err());
    }

    #[test]
    fn parameters_are_bound_by_their_numbers() {
        let (_folder, options) = opened();
        let mut at = Connection::open(&options, true).expect("opened");
        let values = vec![Value::Integer(1), Value::Text("b".into())];
        let text = Statement::new("SELECT $2 || $1 || $2", values);
        let found: Vec<String> = at.rows(&text).expect("read");
        assert_eq!(found, ["b1b"]);
        let short = Statement::new("SELECT $2", vec![Value::Integer(1)]);
        assert!(at.rows::<i64>(&short).is_err(), "a value is missing");
    }
}
