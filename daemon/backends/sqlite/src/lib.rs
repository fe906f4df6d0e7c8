//! The store on SQLite: one writer connection, a few readers, a write-ahead log.
//!
//! Start with [`Database::open`]; the statements are in `backends/sql`, shared with PostgreSQL. One
//! daemon owns the file: it assigns task and question IDs from memory and holds a lock file next to
//! it.

mod backup;
mod database;
#[path = "../../sql/mod.rs"]
mod sql;

use crate::database::engine;
pub use crate::{
    backup::{BackupError, backup},
    database::{Database, Durability, OpenError},
    sql::{Incompatible, TransferError},
};

/// The connection type of the shared statements.
type Connection = sqlx::SqliteConnection;

/// The engine of that connection.
type Engine = sqlx::Sqlite;
