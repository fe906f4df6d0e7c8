//! Where tasks are stored, and what carries wake-ups between daemons.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// The database: a file in the state folder, unless an address is set.
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

    /// The address of a PostgreSQL server; `None` means SQLite.
    pub fn postgres(&self) -> Result<Option<String>> {
        let secret = self.secret();
        secret.is_set().then(|| secret.read()).transpose()
    }

    /// Checks it before anything is opened.
    pub fn check(&self) -> Result<()> {
        self.secret().check()?;
        match &self.url {
            Some(url) if !url.starts_with("postgres://") && !url.starts_with("postgresql://") => {
                bail!(
                    "database.url does not begin with postgres://; remove it to use a file in \
                     the state folder (SQLite)"
                )
            }
            _ => Ok(()),
        }
    }
}

/// Redis, used if it has an address.
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

    /// Checks it before anything is opened. Wake-ups between daemons make sense only if several
    /// share a database.
    pub fn check(&self, database: &DatabaseConfig) -> Result<()> {
        self.secret().check()?;
        if self.secret().is_set() && !database.secret().is_set() {
            bail!(
                "redis.url is set, but database.url is not; Redis carries wake-ups between daemons \
                 that share a PostgreSQL database"
            );
        }
        Ok(())
    }
}
