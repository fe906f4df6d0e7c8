//! Copies of the database while a daemon uses it.

use std::{fs::File, os::unix::fs::OpenOptionsExt, path::Path};

use sqlx::{ConnectOptions, query, query_scalar, sqlite::SqliteConnectOptions};

/// Leaves a gap in the numbers of a copy: of a thousand, or of as many as there are. Numbers that
/// are assigned after the copy may still be in use in branches and rooms when the copy is restored.
const SKIP: &str = "UPDATE settings SET
    last_task = (SELECT m + max(1000, m) FROM (SELECT max(coalesce((SELECT max(id) FROM tasks), 0), last_task) AS m)),
    last_question = (SELECT m + max(1000, m) FROM (SELECT max(coalesce((SELECT max(id) FROM questions), 0), last_question) AS m))";

/// Copies a consistent snapshot of the database to a new file while a daemon may be using it, and
/// checks the copy's integrity.
pub async fn backup(path: &Path, copy: &Path) -> Result<(), BackupError> {
    if copy.exists() {
        return Err(BackupError::Exists(copy.display().to_string()));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging();
    let mut source = options.connect().await?;
    // SQLite can fill an empty file. The file is private, since it has hashes of tokens and
    // passwords.
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(copy)
        .map_err(sqlx::Error::Io)?;
    // SQLite's online copy, which does not lock writers.
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
    // The schema of an earlier version does not have these columns.
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

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists and is not overwritten.
    #[error("{0} exists already; name a new file")]
    Exists(String),
    /// SQLite returned an error.
    #[error("the database could not be copied: {0}")]
    Engine(#[from] sqlx::Error),
    /// The copy failed the integrity check, so the original may be damaged too.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
}
