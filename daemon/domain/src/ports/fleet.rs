//! Workers.

use async_trait::async_trait;

use crate::{
    ids::{TaskId, WorkerId},
    ports::error::StoreResult,
    worker::{Worker, WorkerLimits},
};

/// Workers.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// A new worker; [`super::StoreError::Taken`] when the name is in use.
    async fn add_worker(&self, worker: &Worker) -> StoreResult<()>;
    /// Stores what a worker says of itself, and that it was heard of; not whether it is draining.
    async fn save_worker(&self, worker: &Worker) -> StoreResult<()>;
    /// Stops or resumes handing work to a worker.
    async fn set_draining(&self, id: WorkerId, draining: bool) -> StoreResult<()>;
    /// Sets what a worker may do.
    async fn set_limits(&self, id: WorkerId, limits: &WorkerLimits) -> StoreResult<()>;
    /// Notes that a worker is gone; its next beat says that it is back.
    async fn set_gone(&self, id: WorkerId) -> StoreResult<()>;
    /// Forgets a worker and its tokens.
    async fn remove_worker(&self, id: WorkerId) -> StoreResult<()>;
    /// All workers by name, each with the number of its leases that run and that wait.
    async fn workers(&self) -> StoreResult<Vec<(Worker, usize, usize)>> {
        self.workers_after("", u32::MAX).await
    }
    /// The same of those whose names come after this one, at most so many.
    async fn workers_after(
        &self,
        name: &str,
        limit: u32,
    ) -> StoreResult<Vec<(Worker, usize, usize)>>;
    /// What these workers are at: worker, task, its title.
    async fn at_work(&self, workers: &[WorkerId]) -> StoreResult<Vec<(WorkerId, TaskId, String)>>;
    /// One worker.
    async fn worker(&self, id: WorkerId) -> StoreResult<Option<Worker>>;
}
