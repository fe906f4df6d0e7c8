//! The store on SQLite: one connection that writes, a few that read, a write-ahead log.
//!
//! Start with [`Database::open`]; the statements are in `backends/sql`, shared with PostgreSQL. One
//! daemon owns the file: it assigns task and question IDs from memory and holds a lock file next to
//! it.

mod backup;
mod connection;
mod database;
mod errors;
mod readers;
#[path = "../../sql/mod.rs"]
mod sql;
mod statement;

pub(crate) use crate::connection::Connection;
use crate::database::engine;
pub use crate::{
    backup::{BackupError, backup},
    connection::Durability,
    database::{Database, OpenError},
    sql::{Incompatible, TransferError},
};

/// The engine that checks statements and runs migrations.
type Engine = sqlx::Sqlite;
