//! The store of one daemon, and how it is opened.

pub mod engine;
mod leases;

use std::{
    fs::{File, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection as _, SqlitePool, query_scalar,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use vine_domain::Clock;

use crate::sql::{self, Incompatible};

/// The store of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
    pub(crate) clock: Arc<dyn Clock>,
    /// How often the clock was set.
    pub(crate) era: Arc<AtomicI64>,
    /// Since when the stored era differs from ours.
    pub(crate) behind: Arc<Mutex<Option<Instant>>>,
    pub(crate) last_task: Arc<AtomicU64>,
    pub(crate) last_question: Arc<AtomicU64>,
    pub(crate) transactions: Arc<AtomicU64>,
    pub(crate) file: Arc<DatabaseFile>,
    /// The lock file, held while the store is open.
    _owned: Arc<File>,
}

/// The file's path and its inode when it was opened: if the file was deleted or replaced, writes to
/// it are lost at the next start.
pub(crate) struct DatabaseFile {
    path: PathBuf,
    inode: u64,
}

impl DatabaseFile {
    fn of(path: &Path) -> Result<Self, OpenError> {
        let found = std::fs::metadata(path).map_err(|why| OpenError::File {
            path: path.display().to_string(),
            why,
        })?;
        Ok(Self {
            path: path.to_owned(),
            inode: found.ino(),
        })
    }

    /// Fails if the file was replaced or deleted.
    fn is_ours(&self) -> std::io::Result<()> {
        if std::fs::metadata(&self.path)?.ino() == self.inode {
            return Ok(());
        }
        let why = "it was replaced by another file; stop the daemon before replacing it";
        Err(std::io::Error::other(why))
    }
}

/// What survives a power cut. A killed process loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk before it is confirmed.
    Full,
    /// The last commits before a power cut may be lost.
    Normal,
}

impl Database {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn open(
        path: &Path,
        durability: Durability,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let owned = own(path)?;
        let options = options(path, durability);
        let writer = pool(1)
            .connect_with(options.clone())
            .await
            .map_err(OpenError::Engine)?;
        migrate(&writer, None).await?;
        let reader = pool(4)
            .connect_with(options.read_only(true))
            .await
            .map_err(OpenError::Engine)?;
        let last = |sql: &'static str| last_id(&writer, sql);
        let era: i64 = query_scalar("SELECT era FROM settings")
            .fetch_one(&writer)
            .await
            .map_err(OpenError::Engine)?;
        let task =
            last("SELECT max(coalesce((SELECT max(id) FROM tasks), 0), last_task) FROM settings")
                .await?;
        let question = last(
            "SELECT max(coalesce((SELECT max(id) FROM questions), 0), last_question) FROM settings",
        )
        .await?;
        Ok(Self {
            writer,
            reader,
            clock,
            era: Arc::new(AtomicI64::new(era)),
            behind: Arc::default(),
            last_task: Arc::new(AtomicU64::new(task)),
            last_question: Arc::new(AtomicU64::new(question)),
            transactions: Arc::default(),
            file: Arc::new(DatabaseFile::of(path)?),
            _owned: Arc::new(owned),
        })
    }

    /// Creates a file with the schema of an earlier version, for tests of migrations.
    pub async fn make(path: &Path, version: i64) -> Result<(), OpenError> {
        let _owned = own(path)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options(path, Durability::Normal))
            .await;
        migrate(&pool.map_err(OpenError::Engine)?, Some(version)).await
    }

    /// The clock that judges leases and due times.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Closes the file after running statements have finished.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn options(path: &Path, durability: Durability) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        })
        .busy_timeout(Duration::from_secs(5))
        // A large transaction does not leave a large log behind.
        .pragma("journal_size_limit", "16777216")
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

/// A file does not disconnect, so connections need no test before use. But on a full disk SQLite
/// ends a transaction by itself, and a connection that still counts one as open cannot begin
/// another: it is closed and replaced.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .before_acquire(|at, _| {
            Box::pin(async move {
                if at.is_in_transaction() {
                    // A dropped transaction is only rolled back now.
                    at.ping().await?;
                }
                Ok(!at.is_in_transaction())
            })
        })
}

async fn migrate(pool: &SqlitePool, to: Option<i64>) -> Result<(), OpenError> {
    let mut at = pool.acquire().await.map_err(OpenError::Engine)?;
    Ok(sql::migrate(&mut at, sqlx::migrate!("../../../migrations/sqlite"), to).await?)
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon uses the same file.
    #[error("another daemon already uses {0}; stop it, or give this one a different state folder")]
    InUse(String),
    /// The folder or file cannot be used.
    #[error("could not use {path}: {why}")]
    File {
        /// The path.
        path: String,
        /// The system's error.
        why: std::io::Error,
    },
    /// Its schema does not fit this program.
    #[error(transparent)]
    Unfit(#[from] Incompatible),
    /// SQLite returned an error.
    #[error("the database could not be opened: {0}")]
    Engine(sqlx::Error),
}

fn own(path: &Path) -> Result<File, OpenError> {
    let lock = path.with_extension("lock");
    let name = || lock.display().to_string();
    let file = File::create(&lock).map_err(|why| OpenError::File { path: name(), why })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.display().to_string())),
        Err(TryLockError::Error(why)) => Err(OpenError::File { path: name(), why }),
    }
}

async fn last_id(pool: &SqlitePool, sql: &'static str) -> Result<u64, OpenError> {
    let max: Option<i64> = query_scalar(sql)
        .fetch_one(pool)
        .await
        .map_err(OpenError::Engine)?;
    Ok(max.unwrap_or(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use sqlx::query;

    use super::*;

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_does_not_end_all_writing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vine.db");
        let pool = pool(1).connect_with(options(&path, Durability::Normal));
        let pool = pool.await.expect("opened");
        query("CREATE TABLE t (x)")
            .execute(&pool)
            .await
            .expect("made");
        for end in ["ROLLBACK", "SELECT 1"] {
            let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.expect("begun");
            query("INSERT INTO t VALUES (1)")
                .execute(&mut *tx)
                .await
                .expect("written");
            query(end)
                .execute(&mut *tx)
                .await
                .expect("as on a full disk");
            drop(tx);
            let mut tx = pool
                .begin_with("BEGIN IMMEDIATE")
                .await
                .expect("begun again");
            let count: i64 = query_scalar("SELECT count(*) FROM t")
                .fetch_one(&mut *tx)
                .await
                .expect("read");
            assert_eq!(count, 0, "{end}");
            tx.commit().await.expect("ended");
        }
    }
}
