//! Questions: asked by agents, answered by people, delivered; notes; what happens while nobody
//! answers.

mod answer;
mod ask;
mod digests;
mod notes;
mod posted_digests;
mod reminders;
mod request;
mod views;

use std::sync::Arc;

use vine_domain::{Clock, Ids, ports::Store};

use crate::{
    core::Core, metrics::Metrics, people::People, questions::posted_digests::PostedDigests,
    settings::SettingsInForce, tasks::Tasks, write_queue::WriteQueue,
};

pub use crate::questions::{answer::GivenAnswer, request::QuestionRequest, views::TaskWithParts};

/// Questions, notes and reminders.
pub struct Questions {
    store: Arc<dyn Store>,
    writes: Arc<WriteQueue>,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    settings: Arc<SettingsInForce>,
    people: Arc<People>,
    tasks: Arc<Tasks>,
    /// The digests that were posted since this process began, by repository.
    digests: PostedDigests,
}

impl Questions {
    pub(crate) fn new(core: &Core, people: &Arc<People>, tasks: &Arc<Tasks>) -> Self {
        Self {
            store: Arc::clone(&core.store),
            writes: Arc::clone(&core.writes),
            ids: Arc::clone(&core.ids),
            clock: Arc::clone(&core.clock),
            metrics: Arc::clone(&core.metrics),
            settings: Arc::clone(&core.settings),
            people: Arc::clone(people),
            tasks: Arc::clone(tasks),
            digests: PostedDigests::default(),
        }
    }
}
