//! The store of one of several daemons, and how it is opened.

pub mod engine;
mod leases;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgPool, postgres::PgPoolOptions, query};
use vine_domain::Clock;

use crate::{branch, clock, connect, errors::OpenError, sql};

/// The most connections of one daemon. Statements are short, so few are enough.
const CONNECTIONS: u32 = 16;

/// A connection used within this time is assumed healthy; a ping costs as much as a statement.
const FRESH: Duration = Duration::from_secs(1);

/// The store of one of several daemons. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
    /// Identifies this database.
    pub(crate) place: Arc<str>,
    /// How often the clock was set, as this daemon knows.
    pub(crate) era: Arc<AtomicI64>,
    /// Since when the stored era differs from ours.
    pub(crate) behind: Arc<Mutex<Option<Instant>>>,
    pub(crate) transactions: Arc<AtomicU64>,
}

impl Database {
    /// Connects and brings the schema up to date; daemons that start together take turns. The clock
    /// is the server's.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let pool = connect(url, None).await?;
        let clock = clock::follow(&pool).await.map_err(OpenError::Engine)?;
        Self::with(pool, clock).await
    }

    /// The same with another clock, for tests.
    pub async fn open_at(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::with(connect(url, None).await?, clock).await
    }

    async fn with(pool: PgPool, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        branch::look(&pool).await.map_err(OpenError::Engine)?;
        let (place, era) = place(&pool).await?;
        Ok(Self {
            pool,
            clock,
            place,
            era: Arc::new(AtomicI64::new(era)),
            behind: Arc::default(),
            transactions: Arc::default(),
        })
    }

    /// Checks the connection and describes the server; changes nothing.
    pub async fn look(url: &str) -> Result<String, OpenError> {
        connect::greet(&connect::options(url)?).await
    }

    /// Creates the schema of an earlier version, for tests of migrations.
    pub async fn make(url: &str, version: i64) -> Result<(), OpenError> {
        connect(url, Some(version)).await?.close().await;
        Ok(())
    }

    /// The clock that judges leases and due times.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Identifies this database, for servers that several teams share.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Closes all connections after running statements have finished.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn connect(url: &str, to: Option<i64>) -> Result<PgPool, OpenError> {
    let options = connect::options(url)?;
    connect::greet(&options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(|at, _| Box::pin(connect::settle(at)))
        .before_acquire(|at, is| {
            Box::pin(async move {
                if is.idle_for < FRESH {
                    Ok(true)
                } else {
                    at.ping().await.map(|()| true)
                }
            })
        })
        .connect_with(options)
        .await
        .map_err(OpenError::Engine)?;
    migrate(&pool, to).await?;
    Ok(pool)
}

async fn place(pool: &PgPool) -> Result<(Arc<str>, i64), OpenError> {
    let known = query!("SELECT place, era FROM settings")
        .fetch_one(pool)
        .await;
    let known = known.map_err(OpenError::Engine)?;
    Ok((known.place.into(), known.era))
}

async fn migrate(pool: &PgPool, to: Option<i64>) -> Result<(), OpenError> {
    let mut at = pool.acquire().await.map_err(OpenError::Engine)?;
    // Migrating a large table takes time.
    query("SET statement_timeout = 0")
        .execute(&mut *at)
        .await
        .map_err(OpenError::Engine)?;
    sql::migrate(&mut at, sqlx::migrate!("../../../migrations/postgres"), to).await?;
    connect::settle(&mut at).await.map_err(OpenError::Engine)
}
