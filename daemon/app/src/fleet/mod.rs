//! The fleet: workers, their heartbeats, claims and attempts, and the sessions they keep.

mod attempts;
mod claims;
mod dispatcher;
mod enrolment;
mod guards;
mod heartbeat;
mod kept_work;
mod leases;
mod presence;
mod pushes;
mod sessions;
mod workers;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use vine_domain::{Clock, Ids, ports::Store};

use crate::{
    Wakeups, core::Core, fleet::presence::Presence, isolation::Isolation, metrics::Metrics,
    people::People, settings::SettingsInForce, tasks::Tasks, write_queue::WriteQueue,
};

pub use crate::fleet::{
    attempts::CompletedAttempt,
    dispatcher::Dispatcher,
    enrolment::NewWorker,
    guards::{RepoPatch, RequestPatch},
    heartbeat::WorkerHeartbeat,
    kept_work::KeptWorkReport,
    presence::GONE,
    workers::RunningTask,
};

/// Workers and their sessions.
pub struct Fleet {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    wakeups: Arc<Wakeups>,
    metrics: Arc<Metrics>,
    settings: Arc<SettingsInForce>,
    isolation: Arc<Isolation>,
    stop: CancellationToken,
    people: Arc<People>,
    tasks: Arc<Tasks>,
    presence: Presence,
    writes: Arc<WriteQueue>,
}

impl Fleet {
    pub(crate) fn new(core: &Core, people: &Arc<People>, tasks: &Arc<Tasks>) -> Self {
        Self {
            store: Arc::clone(&core.store),
            clock: Arc::clone(&core.clock),
            ids: Arc::clone(&core.ids),
            wakeups: Arc::clone(&core.wakeups),
            metrics: Arc::clone(&core.metrics),
            settings: Arc::clone(&core.settings),
            isolation: Arc::clone(&core.isolation),
            stop: core.stop.clone(),
            people: Arc::clone(people),
            tasks: Arc::clone(tasks),
            presence: Presence::default(),
            writes: Arc::clone(&core.writes),
        }
    }
}
