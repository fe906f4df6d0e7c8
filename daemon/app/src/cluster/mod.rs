//! What the daemons of one database agree on: who leads, and when to look.

pub mod leadership;
pub mod wakeup_bus;

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use vine_domain::{
    Clock,
    ports::{Store, WakeupBus},
};

use crate::{Wakeups, core::Core};

/// This daemon among others.
pub struct Cluster {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wakeups: Arc<Wakeups>,
    stop: CancellationToken,
    me: Arc<str>,
    bus: OnceLock<Arc<dyn WakeupBus>>,
}

impl Cluster {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            store: Arc::clone(&core.store),
            clock: Arc::clone(&core.clock),
            wakeups: Arc::clone(&core.wakeups),
            stop: core.stop.clone(),
            me: Arc::clone(&core.me),
            bus: OnceLock::new(),
        }
    }

    /// The id of this daemon.
    pub fn me(&self) -> &str {
        &self.me
    }
}
