//! The store on SQLite: one writer connection, a few readers, write-ahead log.
//!
//! Start with [`Database::open`]; the statements are in `backends/sql`, shared with PostgreSQL.
//! One daemon owns the file: it hands out task and question ids from memory and holds a lock beside
//! the file.

mod engine;
mod leases;
#[path = "../../sql/mod.rs"]
mod sql;

use std::{
    fs::{File, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection as _, SqlitePool, query, query_scalar,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use vine_domain::Clock;

pub use sql::{Incompatible, TransferError};

/// A connection, as the shared statements know it.
type Connection = sqlx::SqliteConnection;

/// The store of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
    clock: Arc<dyn Clock>,
    /// The clock was set so often.
    era: Arc<AtomicI64>,
    /// Since when another daemon knows better.
    behind: Arc<Mutex<Option<Instant>>>,
    last_task: Arc<AtomicU64>,
    last_question: Arc<AtomicU64>,
    transactions: Arc<AtomicU64>,
    file: Arc<DatabaseFile>,
    /// Held for as long as the store is open.
    _owned: Arc<File>,
}

/// Where the file is, and which it was when it was opened: what is written to one that was deleted or replaced
/// since is gone at the next start.
struct DatabaseFile {
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

    /// An error when another file is there now, or none.
    fn is_ours(&self) -> std::io::Result<()> {
        if std::fs::metadata(&self.path)?.ino() == self.inode {
            return Ok(());
        }
        let why = "another file was put in its place; stop the daemon before you do that";
        Err(std::io::Error::other(why))
    }
}

/// How much survives a power cut. A killed process loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk before it is confirmed.
    Full,
    /// The last moments before a power cut may be lost.
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
        let (task, question) = (
            last("SELECT max(coalesce((SELECT max(id) FROM tasks), 0), last_task) FROM settings").await?,
            last("SELECT max(coalesce((SELECT max(id) FROM questions), 0), last_question) FROM settings").await?,
        );
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

    /// Makes the file with the tables of an earlier version, as an earlier program would have; for
    /// tests of migrations.
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

    /// Closes the file after the statements under way.
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
        // A large transaction does not leave a large log behind it.
        .pragma("journal_size_limit", "16777216")
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

/// A file does not hang up, so nothing has to be tried before a connection is used. But on a full disk
/// SQLite ends a transaction by itself, and a connection that still believes to be in one begins no
/// other: it is closed, and another one is made.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .before_acquire(|at, _| {
            Box::pin(async move {
                if at.is_in_transaction() {
                    // What was dropped is rolled back only now.
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

/// What is made after a copy is lost when somebody goes back to it, but its numbers stand in branches,
/// rooms and people's heads. So the copy goes on after a gap: of a thousand, or of as many as there were.
const SKIP: &str = "UPDATE settings SET
    last_task = (SELECT m + max(1000, m) FROM (SELECT max(coalesce((SELECT max(id) FROM tasks), 0), last_task) AS m)),
    last_question = (SELECT m + max(1000, m) FROM (SELECT max(coalesce((SELECT max(id) FROM questions), 0), last_question) AS m))";

/// Copies the database to a new file while a daemon goes on with it, as it is at one moment, and
/// looks whether the copy is whole.
pub async fn backup(path: &Path, copy: &Path) -> Result<(), BackupError> {
    if copy.exists() {
        return Err(BackupError::Exists(copy.display().to_string()));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging();
    let mut source = options.connect().await?;
    // SQLite fills a file that is empty. It holds more than what was said: hashes of tokens and
    // passwords too.
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(copy)
        .map_err(sqlx::Error::Io)?;
    // SQLite's own way of an online copy that needs no lock on writers.
    let copied = query("VACUUM INTO ?")
        .bind(copy.display().to_string())
        .execute(&mut source)
        .await;
    if let Err(error) = copied {
        let _half_a_copy_is_none = std::fs::remove_file(copy);
        return Err(error.into());
    }
    let mut made = SqliteConnectOptions::new().filename(copy).connect().await?;
    let skips: bool = query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info('settings') WHERE name = 'last_task')",
    )
    .fetch_one(&mut made)
    .await?;
    // A database of the program before has no place for it yet.
    if skips {
        query(SKIP).execute(&mut made).await?;
    }
    let found: String = query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut made)
        .await?;
    if found == "ok" {
        Ok(())
    } else {
        Err(BackupError::Damaged(found))
    }
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing is overwritten.
    #[error("{0} exists already; name a new file")]
    Exists(String),
    /// SQLite refused.
    #[error("the database cannot be copied: {0}")]
    Engine(#[from] sqlx::Error),
    /// The copy is not what it should be, so the original may be damaged too.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon works on the same file.
    #[error("another daemon already uses {0}; stop it, or give this one another state folder")]
    InUse(String),
    /// The folder or file cannot be used.
    #[error("{path} cannot be used: {why}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        why: std::io::Error,
    },
    /// Its tables are not for this program.
    #[error(transparent)]
    Unfit(#[from] Incompatible),
    /// SQLite refused.
    #[error("the database cannot be opened: {0}")]
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
                .expect("begun anew");
            let count: i64 = query_scalar("SELECT count(*) FROM t")
                .fetch_one(&mut *tx)
                .await
                .expect("read");
            assert_eq!(count, 0, "{end}");
            tx.commit().await.expect("ended");
        }
    }
}
