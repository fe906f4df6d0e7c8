//! The store of this daemon: SQLite in its state folder, or PostgreSQL, by the configuration.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use vine_domain::{
    Clock,
    clock::MachineClock,
    ports::{Store, WakeupBus},
};

use crate::{
    config::{Config, DurabilityName},
    paths::private_folder,
};

/// An open store.
#[derive(Clone)]
pub enum OpenStore {
    Sqlite(vine_sqlite::Database),
    Postgres(vine_postgres::Database),
}

impl OpenStore {
    /// Opens the store that the configuration names, and brings its tables up to date.
    pub async fn open(config: &Config, state: &Path) -> Result<Self> {
        private_folder(state)?;
        if let Some(url) = config.database.postgres()? {
            return Ok(Self::Postgres(vine_postgres::Database::open(&url).await?));
        }
        let durability = match config.database.durability {
            DurabilityName::Full => vine_sqlite::Durability::Full,
            DurabilityName::Normal => vine_sqlite::Durability::Normal,
        };
        Ok(Self::Sqlite(
            vine_sqlite::Database::open(
                &state.join("vine.db"),
                durability,
                Arc::new(MachineClock::default()),
            )
            .await?,
        ))
    }

    /// The port for the use cases.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The clock that judges leases and due times: the database's own.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Sqlite(store) => store.clock(),
            Self::Postgres(store) => store.clock(),
        }
    }

    /// How many batches of writes run at the same time: SQLite has one writer; with PostgreSQL one
    /// is written to disk while the next one is prepared. More batches would be smaller and cost
    /// more (docs/performance.md).
    pub fn batches(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => 2,
        }
    }

    /// What carries wake-ups to other daemons; `None` if there is only this one.
    pub fn hints(&self, config: &Config, me: &str) -> Result<Option<Arc<dyn WakeupBus>>> {
        let Self::Postgres(store) = self else {
            return Ok(None);
        };
        let notifications = Arc::new(vine_postgres::Notifications::new(store, me));
        Ok(Some(match config.redis.address()? {
            Some(url) => Arc::new(vine_redis::Redis::new(
                vine_redis::Address::parse(&url)?,
                store.place(),
                me,
                notifications,
            )),
            None => notifications,
        }))
    }

    /// Finishes what is under way and closes it.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
