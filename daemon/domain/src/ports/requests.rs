//! Pull requests of tasks.

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    forge::{ChangeRequest, ForgeProject},
    ids::TaskId,
    ports::error::StoreResult,
};

/// Pull requests of tasks. They are written with [`super::Write::Request`].
#[async_trait]
pub trait Requests: Send + Sync {
    /// The request of a task, if there is one.
    async fn request(&self, task: TaskId) -> StoreResult<Option<ChangeRequest>>;
    /// The requests that are due to be looked at, longest due first.
    async fn due_requests(&self, limit: u32) -> StoreResult<Vec<ChangeRequest>>;
    /// Makes all live requests of a project due at `at`, unless they are due before. Returns how many it
    /// changed.
    async fn stir_requests(&self, project: &ForgeProject, at: Timestamp) -> StoreResult<u64>;
}
