//! The store on PostgreSQL: any number of daemons, one truth.
//!
//! Start with [`Database::open`]; the statements are in `backends/sql`, shared with SQLite.

mod clock;
mod engine;
mod hints;
mod leases;
#[path = "../../sql/mod.rs"]
mod sql;

use std::{
    str::FromStr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

pub use hints::Notifications;
use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    query_scalar,
};
use vine_domain::Clock;

pub use sql::TransferError;

/// A connection, as the shared statements know it.
type Connection = sqlx::PgConnection;

/// Connections of one daemon. Statements are short, so few are enough.
const CONNECTIONS: u32 = 16;
/// No statement takes this long unless something is wrong with it, or with a lock that somebody else holds.
const STATEMENT_TIMEOUT: &str = "20s";
/// A daemon that is stopped in the middle of a transaction loses what it had locked after this long.
const IDLE_TRANSACTION_TIMEOUT: &str = "10s";

/// The store of one of several daemons. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    /// Tells this database from others.
    place: Arc<str>,
    transactions: Arc<AtomicU64>,
}

impl Database {
    /// Connects and brings the schema up to date; daemons that start together take turns. Time is the server's.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let pool = connect(url).await?;
        let clock = clock::Server::follow(&pool).await.map_err(OpenError::Engine)?;
        let place = place(&pool).await?;
        Ok(Self { pool, clock, place, transactions: Arc::default() })
    }

    /// The same with another clock, for tests.
    pub async fn open_at(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let pool = connect(url).await?;
        let place = place(&pool).await?;
        Ok(Self { pool, clock, place, transactions: Arc::default() })
    }

    /// The clock that judges leases and due times.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Tells this database from others, for what several teams share.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Ends all connections after the statements under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address makes no sense.
    #[error("the address of the database cannot be read: {0}; it looks like postgres://user@host:5432/name")]
    Address(sqlx::Error),
    /// The database was written by a newer version that this one does not understand.
    #[error("the database is newer than this program ({0}); use the newer program, or restore a backup")]
    Newer(sqlx::migrate::MigrateError),
    /// The database was made before the first release, whose tables still changed.
    #[error("the database was made by a development version with other tables; start with an empty one")]
    Draft,
    /// PostgreSQL refused.
    #[error("the database cannot be opened: {0}")]
    Engine(sqlx::Error),
}

async fn connect(url: &str) -> Result<PgPool, OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(OpenError::Address)?.application_name("agentvine").options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_TRANSACTION_TIMEOUT),
        // What was confirmed survives a power cut, whatever the server's default is.
        ("synchronous_commit", "on"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options.disable_statement_logging())
        .await
        .map_err(OpenError::Engine)?;
    migrate(&pool).await?;
    Ok(pool)
}

/// A server's own number and the database's in it.
async fn place(pool: &PgPool) -> Result<Arc<str>, OpenError> {
    let place = query_scalar!(
        r#"SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid AS "place!" FROM pg_database WHERE datname = current_database()"#
    );
    place.fetch_one(pool).await.map(Into::into).map_err(OpenError::Engine)
}

async fn migrate(pool: &PgPool) -> Result<(), OpenError> {
    use sqlx::migrate::MigrateError as E;
    sqlx::migrate!("../../../migrations/postgres").run(pool).await.map_err(|error| match error {
        E::VersionMissing(_) | E::VersionTooNew(..) => OpenError::Newer(error),
        E::VersionMismatch(_) => OpenError::Draft,
        E::Execute(error) => OpenError::Engine(error),
        other => OpenError::Engine(sqlx::Error::Migrate(Box::new(other))),
    })
}
