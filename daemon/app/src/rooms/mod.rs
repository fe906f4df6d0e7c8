//! Rooms of repositories on chat platforms, and what is posted there.

pub(crate) mod activity;
pub(crate) mod canary;
mod feed;
pub mod health;
mod in_flight;
mod links;
mod mentions;
pub(crate) mod outbox;
mod posting;
mod progress;
mod serve;
pub(crate) mod sync;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use vine_domain::{Clock, ports::Store};

use crate::{
    Wakeups,
    core::Core,
    metrics::Metrics,
    people::People,
    rooms::{health::Platforms, in_flight::InFlightPosts},
    settings::SettingsInForce,
    tasks::Tasks,
};

/// Rooms on chat platforms.
pub struct Rooms {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wakeups: Arc<Wakeups>,
    metrics: Arc<Metrics>,
    settings: Arc<SettingsInForce>,
    stop: CancellationToken,
    people: Arc<People>,
    tasks: Arc<Tasks>,
    /// Adapters, and the health of them and their rooms.
    pub platforms: Arc<Platforms>,
    /// Questions that are being posted.
    pub(crate) in_flight: InFlightPosts,
}

impl Rooms {
    pub(crate) fn new(core: &Core, people: &Arc<People>, tasks: &Arc<Tasks>) -> Self {
        Self {
            store: Arc::clone(&core.store),
            clock: Arc::clone(&core.clock),
            wakeups: Arc::clone(&core.wakeups),
            metrics: Arc::clone(&core.metrics),
            settings: Arc::clone(&core.settings),
            stop: core.stop.clone(),
            people: Arc::clone(people),
            tasks: Arc::clone(tasks),
            platforms: Arc::default(),
            in_flight: InFlightPosts::default(),
        }
    }
}
