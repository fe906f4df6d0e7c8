//! Tasks: how any change is decided and stored, and lists of tasks and repositories.

mod create;
mod lists;
mod orders;
mod request;
mod transition;

use std::sync::Arc;

use vine_domain::{Clock, Ids, ports::Store};

use crate::{
    Wakeups, change_requests::forges::Forges, core::Core, isolation::Isolation, metrics::Metrics,
    people::People, settings::SettingsInForce, write_queue::WriteQueue,
};

pub use crate::tasks::request::TaskRequest;
pub(crate) use crate::tasks::{request::PermittedTask, transition::Transition};

/// Tasks and their repositories.
pub struct Tasks {
    store: Arc<dyn Store>,
    writes: Arc<WriteQueue>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    wakeups: Arc<Wakeups>,
    metrics: Arc<Metrics>,
    settings: Arc<SettingsInForce>,
    isolation: Arc<Isolation>,
    people: Arc<People>,
    forges: Arc<Forges>,
}

impl Tasks {
    pub(crate) fn new(core: &Core, people: &Arc<People>) -> Self {
        Self {
            store: Arc::clone(&core.store),
            writes: Arc::clone(&core.writes),
            clock: Arc::clone(&core.clock),
            ids: Arc::clone(&core.ids),
            wakeups: Arc::clone(&core.wakeups),
            metrics: Arc::clone(&core.metrics),
            settings: Arc::clone(&core.settings),
            isolation: Arc::clone(&core.isolation),
            people: Arc::clone(people),
            forges: Arc::clone(&core.forges),
        }
    }
}
