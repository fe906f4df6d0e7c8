//! Where tasks are kept, and what carries hints between daemons.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// The database: a file in the state folder, unless an address is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    pub url: Option<String>,
    pub url_file: Option<PathBuf>,
    pub durability: DurabilityName,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            durability: DurabilityName::Full,
        }
    }
}

/// How much survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilityName {
    Full,
    Normal,
}

impl DatabaseConfig {
    fn secret(&self) -> Secret<'_> {
        Secret {
            key: "database.url",
            text: self.url.as_ref(),
            file: self.url_file.as_ref(),
        }
    }

    /// The address of a PostgreSQL server; none is SQLite.
    pub fn postgres(&self) -> Result<Option<String>> {
        let secret = self.secret();
        secret.is_set().then(|| secret.read()).transpose()
    }

    /// What is wrong, before anything is opened.
    pub fn check(&self) -> Result<()> {
        self.secret().check()?;
        match &self.url {
            Some(url) if !url.starts_with("postgres://") && !url.starts_with("postgresql://") => {
                bail!(
                    "database.url does not begin with postgres://; leave it out for a file in the \
                     state folder (SQLite)"
                )
            }
            _ => Ok(()),
        }
    }
}

/// Redis. It is used when it has an address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    pub url: Option<String>,
    pub url_file: Option<PathBuf>,
}

impl RedisConfig {
    fn secret(&self) -> Secret<'_> {
        Secret {
            key: "redis.url",
            text: self.url.as_ref(),
            file: self.url_file.as_ref(),
        }
    }

    /// Its address.
    pub fn address(&self) -> Result<Option<String>> {
        let secret = self.secret();
        secret.is_set().then(|| secret.read()).transpose()
    }

    /// What is wrong, before anything is opened. Hints between daemons make sense only where
    /// several share a database.
    pub fn check(&self, database: &DatabaseConfig) -> Result<()> {
        self.secret().check()?;
        if self.secret().is_set() && !database.secret().is_set() {
            bail!(
                "redis.url is set and database.url is not: Redis carries hints between daemons \
                 that share a PostgreSQL database"
            );
        }
        Ok(())
    }
}
