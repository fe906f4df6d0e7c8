//! Numbers for people and monitors: trends, costs, key numbers, metrics, the audit.

mod list_limiter;
mod numbers;
mod read;
mod records;
mod scrape;
pub mod spending;
mod too_large;
pub mod trends;
mod write_probe;

use std::sync::Arc;

use vine_domain::{Clock, ports::Store};

use crate::{
    cached::Cached,
    core::Core,
    metrics::Metrics,
    people::People,
    reporting::{
        list_limiter::ListLimiter, spending::NamedSpending, too_large::TooLarge, trends::Trends,
        write_probe::WriteProbe,
    },
    rooms::{Rooms, health::Platforms},
};

pub use crate::reporting::numbers::NumberGroup;

/// Numbers for people and monitors.
pub struct Reporting {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    health: Arc<Platforms>,
    people: Arc<People>,
    trends: Arc<Cached<Trends>>,
    spending: Arc<Cached<NamedSpending>>,
    numbers: Arc<Cached<Vec<NumberGroup>>>,
    write_probe: WriteProbe,
    /// Who may build a long list now.
    pub list_limiter: ListLimiter,
    pub(crate) too_large: TooLarge,
}

impl Reporting {
    pub(crate) fn new(core: &Core, people: &Arc<People>, rooms: &Rooms) -> Self {
        Self {
            store: Arc::clone(&core.store),
            clock: Arc::clone(&core.clock),
            metrics: Arc::clone(&core.metrics),
            health: Arc::clone(&rooms.platforms),
            people: Arc::clone(people),
            trends: Arc::default(),
            spending: Arc::default(),
            numbers: Arc::default(),
            write_probe: WriteProbe::default(),
            list_limiter: ListLimiter::default(),
            too_large: TooLarge::default(),
        }
    }
}
