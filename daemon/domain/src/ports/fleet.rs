//! Workers.

use async_trait::async_trait;

use crate::{
    ids::{TaskId, WorkerId},
    ports::error::StoreResult,
    worker::{Worker, WorkerLimits, WorkerLoad},
};

/// Workers.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Adds a worker; [`super::StoreError::Taken`] if the name is in use.
    async fn add_worker(&self, worker: &Worker) -> StoreResult<()>;
    /// Stores what a worker reports about itself, and that it was seen; not whether it is draining.
    async fn save_worker(&self, worker: &Worker) -> StoreResult<()>;
    /// Stops or resumes giving work to a worker.
    async fn set_draining(&self, id: WorkerId, draining: bool) -> StoreResult<()>;
    /// Sets a worker's limits.
    async fn set_limits(&self, id: WorkerId, limits: &WorkerLimits) -> StoreResult<()>;
    /// Records that a worker is gone; its next heartbeat shows that it is back.
    async fn set_gone(&self, id: WorkerId) -> StoreResult<()>;
    /// Removes a worker and its tokens.
    async fn remove_worker(&self, id: WorkerId) -> StoreResult<()>;
    /// All workers by name.
    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>> {
        self.workers_after("", u32::MAX).await
    }
    /// The same for workers whose names come after `name`, at most `limit`.
    async fn workers_after(&self, name: &str, limit: u32) -> StoreResult<Vec<WorkerLoad>>;
    /// What these workers are running: worker, task, its title.
    async fn at_work(&self, workers: &[WorkerId]) -> StoreResult<Vec<(WorkerId, TaskId, String)>>;
    /// One worker.
    async fn worker(&self, id: WorkerId) -> StoreResult<Option<Worker>>;
}
