//! The store on PostgreSQL, shared by any number of daemons.
//!
//! Start with [`Database::open`]; the statements are in `backends/sql`, shared with SQLite.

mod branch;
mod clock;
mod connect;
mod database;
mod errors;
mod parts;
#[path = "../../sql/mod.rs"]
mod sql;
mod statement;
mod wakeups;

use crate::database::engine;
pub use crate::{
    database::Database,
    errors::{ConnectError, OpenError},
    sql::{Incompatible, TransferError},
    wakeups::Notifications,
};

/// The connection type of the shared statements.
type Connection = sqlx::PgConnection;

/// The engine of that connection.
type Engine = sqlx::Postgres;
