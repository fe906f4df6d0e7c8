//! What all attempts of a worker share.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Mutex as AsyncMutex;
use vine_api::Client;
use vine_domain::TaskId;

use crate::{active::ActiveAttempts, config::WorkerConfig, health::WorkerHealth, wall::Walls};

/// What an attempt needs besides its task.
#[derive(Clone)]
pub struct WorkerContext {
    pub config: Arc<WorkerConfig>,
    pub client: Client,
    pub attempts: Arc<ActiveAttempts>,
    /// Agent and version, as recorded for sessions.
    pub agent: Arc<str>,
    /// The worker's id; marks all its agents.
    pub worker: Arc<str>,
    /// An attempt of a task starts only when the previous one has cleaned up.
    pub turns: Arc<TaskLocks>,
    /// Which parts of this worker are unhealthy.
    pub health: Arc<WorkerHealth>,
    /// The walls around agents.
    pub walls: Arc<Walls>,
}

/// Serializes the attempts of each task, so that none works in a folder that another one removes.
#[derive(Default)]
pub struct TaskLocks(Mutex<HashMap<TaskId, Arc<AsyncMutex<()>>>>);

impl TaskLocks {
    /// The lock that an attempt of the task holds while it runs.
    pub fn of(&self, task: TaskId) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(task).or_default())
    }
}

impl WorkerContext {
    pub(super) fn temp(&self) -> PathBuf {
        self.config.state.join("tmp")
    }
}
