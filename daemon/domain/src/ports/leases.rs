//! What must exist once among all daemons: the adapter of a bot, for one.

use std::time::Duration;

use async_trait::async_trait;

use crate::ports::error::StoreResult;

/// Whose a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// Ours, for as long as was asked.
    Ours,
    /// Somebody else's, who says this of it.
    Theirs(String),
}

/// Leases on things that must exist once. A store that serves one daemon alone gives them all and
/// keeps nothing.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a thing that is free, or keeps what is held, for `life` from now by the store's clock.
    /// `note` is what others may know of it.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
        note: &str,
    ) -> StoreResult<LeaseOutcome>;
    /// Gives back what is held.
    async fn release(&self, name: &str, holder: &str) -> StoreResult<()>;
    /// Things that are held whose name begins so, each with its note.
    async fn held(&self, prefix: &str) -> StoreResult<Vec<(String, String)>>;
}
