//! Leases on duties that must exist once among all daemons, such as a bot's adapter.

use std::time::Duration;

use async_trait::async_trait;

use crate::ports::error::StoreResult;

/// Who holds a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// We do, for as long as requested.
    Ours,
    /// Another daemon does; this is its note.
    Theirs(String),
}

/// Leases on duties that must exist once. A store for a single daemon grants all of them and stores
/// nothing.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a free duty, or keeps one that is held, for `life` from now by the store's clock.
    /// `note` is what others see.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
        note: &str,
    ) -> StoreResult<LeaseOutcome>;
    /// Releases a duty.
    async fn release(&self, name: &str, holder: &str) -> StoreResult<()>;
    /// Held duties whose names begin with `prefix`, each with its note.
    async fn held(&self, prefix: &str) -> StoreResult<Vec<(String, String)>>;
}
