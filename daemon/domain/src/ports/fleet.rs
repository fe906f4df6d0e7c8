//! Workers and the sessions they hold.

use async_trait::async_trait;

use super::Stored;
use crate::{
    ids::{SessionId, WorkerId},
    session::Session,
    worker::{Attempt, Worker},
};

/// Workers and the sessions they hold.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// A new worker; [`super::StoreError::Taken`] when the name is in use.
    async fn add_worker(&self, worker: &Worker) -> Stored<()>;
    /// Stores what a worker says of itself, and that it was heard of; not whether it is draining.
    async fn save_worker(&self, worker: &Worker) -> Stored<()>;
    /// Stops or resumes handing work to a worker.
    async fn set_draining(&self, id: WorkerId, draining: bool) -> Stored<()>;
    /// Forgets a worker and its tokens.
    async fn remove_worker(&self, id: WorkerId) -> Stored<()>;
    /// All workers by name, each with the number of its leases that run and that wait.
    async fn workers(&self) -> Stored<Vec<(Worker, usize, usize)>>;
    /// One worker.
    async fn worker(&self, id: WorkerId) -> Stored<Option<Worker>>;
    /// Maps a session to the task whose attempt its worker holds; [`super::StoreError::Conflict`] when it does not
    /// hold it, or the session belongs to another task.
    async fn map_session(&self, session: &Session, attempt: Attempt) -> Stored<()>;
    /// Notes that a live session is active; [`super::StoreError::Conflict`] unless `by` holds the attempt.
    async fn touch_session(&self, by: WorkerId, attempt: Attempt, id: SessionId, context: Option<u8>) -> Stored<()>;
    /// Stores a session as it now is; refused with [`super::StoreError::Conflict`] when it belongs to another task.
    async fn save_session(&self, session: &Session) -> Stored<()>;
    /// One session.
    async fn session(&self, id: SessionId) -> Stored<Option<Session>>;
    /// Sessions, latest first; only live ones unless `ended_too`.
    async fn sessions(&self, ended_too: bool, limit: u32) -> Stored<Vec<Session>>;
}
