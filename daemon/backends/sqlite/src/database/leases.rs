//! One daemon owns the file, so it always holds every lease.

use std::time::Duration;

use async_trait::async_trait;
use vine_domain::ports::{LeaseOutcome, Leases, StoreResult};

use crate::Database;

#[async_trait]
impl Leases for Database {
    async fn lease(
        &self,
        _name: &str,
        _holder: &str,
        _life: Duration,
        _note: &str,
    ) -> StoreResult<LeaseOutcome> {
        Ok(LeaseOutcome::Ours)
    }

    async fn release(&self, _name: &str, _holder: &str) -> StoreResult<()> {
        Ok(())
    }

    async fn held(&self, _prefix: &str) -> StoreResult<Vec<(String, String)>> {
        Ok(Vec::new())
    }
}
