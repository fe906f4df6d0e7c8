//! Sessions, and the workers that hold them.

use async_trait::async_trait;

use crate::{
    attempt::Attempt,
    ids::{SessionId, TaskId, WorkerId},
    input::Slug,
    ports::error::StoreResult,
    session::{Session, SessionPolicy, SessionStats},
};

/// Sessions, and the workers that hold them.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Maps a session to the task whose attempt its worker holds; [`super::StoreError::Conflict`]
    /// when it does not hold it, or the session belongs to another task.
    async fn map_session(&self, session: &Session, attempt: Attempt) -> StoreResult<()>;
    /// Notes that a live session is active; [`super::StoreError::Conflict`] unless `by` holds the
    /// attempt.
    async fn touch_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
        context: Option<u8>,
    ) -> StoreResult<()>;
    /// Binds a session to the task of the attempt that its worker uses it for, whatever it was
    /// bound to; `false` if the worker does not hold the session or the attempt.
    async fn correct_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
    ) -> StoreResult<bool>;
    /// Ends warm sessions that the policy does not keep, and sessions whose worker is gone. Returns
    /// the number.
    async fn sweep_sessions(&self, policy: &SessionPolicy) -> StoreResult<u64>;
    /// Statistics of all sessions so far.
    async fn session_stats(&self) -> StoreResult<SessionStats>;
    /// Exempts a session from all policies; does nothing if it has ended.
    async fn pin_session(&self, id: SessionId) -> StoreResult<()>;
    /// Ends a session, unless it has ended.
    async fn end_session(&self, id: SessionId, reason: &str) -> StoreResult<()>;
    /// One session.
    async fn session(&self, id: SessionId) -> StoreResult<Option<Session>>;
    /// Sessions of one repository or of all, each with its repository, latest first; only live ones
    /// unless `ended_too`.
    async fn sessions(
        &self,
        within: Option<&Slug>,
        ended_too: bool,
        limit: u32,
    ) -> StoreResult<Vec<(Slug, Session)>>;
    /// The live session of a task, the latest if there are several.
    async fn session_of(&self, task: TaskId) -> StoreResult<Option<Session>>;
}
