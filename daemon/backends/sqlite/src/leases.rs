//! One daemon owns the file, so everything of which there must be one is its own.

use std::time::Duration;

use async_trait::async_trait;
use vine_domain::ports::{Hold, Leases, Stored};

use crate::Database;

#[async_trait]
impl Leases for Database {
    async fn lease(
        &self,
        _name: &str,
        _holder: &str,
        _life: Duration,
        _note: &str,
    ) -> Stored<Hold> {
        Ok(Hold::Ours)
    }

    async fn release(&self, _name: &str, _holder: &str) -> Stored<()> {
        Ok(())
    }

    async fn held(&self, _prefix: &str) -> Stored<Vec<(String, String)>> {
        Ok(Vec::new())
    }
}
