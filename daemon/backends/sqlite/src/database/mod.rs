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
    time::Instant,
};

use sqlx::{
    ConnectOptions, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use vine_domain::Clock;

use crate::{
    connection::{BUSY, Connection, Durability, Options, Writer},
    readers::{Quick, Reader, readers},
    sql::{self, Incompatible},
};

/// The store of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(crate) writer: Writer,
    pub(crate) quick: Quick,
    pub(crate) reader: Reader,
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

impl Database {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn open(
        path: &Path,
        durability: Durability,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let owned = own(path)?;
        let mut at = connect(path, durability).await?;
        migrate(&mut at, None).await?;
        at.close().await.map_err(OpenError::Migration)?;
        let options = Options {
            path: path.to_owned(),
            durability,
        };
        let mut at = Connection::open(&options, true).map_err(OpenError::Engine)?;
        let mut number = |sql| number(&mut at, sql);
        let era = number("SELECT era FROM settings")?;
        let task = number(
            "SELECT max(coalesce((SELECT max(id) FROM tasks), 0), last_task) FROM settings",
        )?;
        let question = number(
            "SELECT max(coalesce((SELECT max(id) FROM questions), 0), last_question) FROM settings",
        )?;
        let writer = Writer::new(at);
        let (quick, reader) = readers(options, &writer);
        Ok(Self {
            writer,
            quick,
            reader,
            clock,
            era: Arc::new(AtomicI64::new(era)),
            behind: Arc::default(),
            last_task: Arc::new(AtomicU64::new(task.unsigned_abs())),
            last_question: Arc::new(AtomicU64::new(question.unsigned_abs())),
            transactions: Arc::default(),
            file: Arc::new(DatabaseFile::of(path)?),
            _owned: Arc::new(owned),
        })
    }

    /// Creates a file with the schema of an earlier version, for tests of migrations.
    pub async fn make(path: &Path, version: i64) -> Result<(), OpenError> {
        let _owned = own(path)?;
        let mut at = connect(path, Durability::Normal).await?;
        migrate(&mut at, Some(version)).await?;
        at.close().await.map_err(OpenError::Migration)
    }

    /// The clock that judges leases and due times.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Closes the file after running statements have finished.
    pub async fn close(&self) {
        self.reader.close();
        self.writer.close().await;
    }
}

/// A connection for migrations, which `sqlx` runs.
async fn connect(path: &Path, durability: Durability) -> Result<SqliteConnection, OpenError> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        })
        .busy_timeout(BUSY)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(OpenError::Migration)
}

async fn migrate(at: &mut SqliteConnection, to: Option<i64>) -> Result<(), OpenError> {
    Ok(sql::migrate(at, sqlx::migrate!("../../../migrations/sqlite"), to).await?)
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
    Engine(rusqlite::Error),
    /// The same while the schema was brought up to date.
    #[error("the database could not be opened: {0}")]
    Migration(sqlx::Error),
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

fn number(at: &mut Connection, sql: &'static str) -> Result<i64, OpenError> {
    at.number(sql).map_err(OpenError::Engine)
}
