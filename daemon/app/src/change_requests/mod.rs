//! Pull requests of tasks: opened once work is pushed, kept up to date, and watched. What people press is
//! carried out here (`acts`), what a forge shows is told in the thread (`watch`).
//!
//! Everything compares what is stored with what the forge shows, so that a step that was interrupted is
//! taken again, and one that was taken changes nothing.

mod acts;
pub mod forges;
mod git_token;
mod hints;
mod orders;
mod publish;
mod stir;
mod tend;
mod watch;

use std::sync::Arc;

use vine_domain::{
    Clock, Ids, Repo, Task, Timestamp,
    chat::Outbound,
    forge::{ChangeRequest, ForgeProject},
    ports::{Forge, SaveRequest, Store},
};

use crate::{
    AppResult, Wakeups,
    change_requests::{forges::Forges, hints::Hints},
    core::Core,
    metrics::Metrics,
    people::People,
    questions::Questions,
    settings::SettingsInForce,
    tasks::Tasks,
    write_queue::WriteQueue,
};

pub use orders::{FixOrder, MergeWish, RequestView};
pub(crate) use tend::run;

/// Pull requests of tasks.
pub struct ChangeRequests {
    store: Arc<dyn Store>,
    writes: Arc<WriteQueue>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    wakeups: Arc<Wakeups>,
    settings: Arc<SettingsInForce>,
    people: Arc<People>,
    tasks: Arc<Tasks>,
    questions: Arc<Questions>,
    metrics: Arc<Metrics>,
    /// When hints last had a project looked at.
    hints: Hints,
    /// The forges that are configured.
    pub forges: Arc<Forges>,
}

/// The request of a task, with what belongs to it.
struct Tended {
    request: ChangeRequest,
    task: Task,
    repo: Repo,
    project: ForgeProject,
    forge: Arc<dyn Forge>,
}

impl ChangeRequests {
    pub(crate) fn new(
        core: &Core,
        people: &Arc<People>,
        tasks: &Arc<Tasks>,
        questions: &Arc<Questions>,
    ) -> Self {
        Self {
            store: Arc::clone(&core.store),
            writes: Arc::clone(&core.writes),
            clock: Arc::clone(&core.clock),
            ids: Arc::clone(&core.ids),
            wakeups: Arc::clone(&core.wakeups),
            settings: Arc::clone(&core.settings),
            people: Arc::clone(people),
            tasks: Arc::clone(tasks),
            questions: Arc::clone(questions),
            metrics: Arc::clone(&core.metrics),
            hints: Hints::default(),
            forges: Arc::clone(&core.forges),
        }
    }

    /// Stores the outcome of a step, with the messages about it, and its card if that shows something
    /// else now.
    async fn save(
        &self,
        before: &Tended,
        request: ChangeRequest,
        due: Option<Timestamp>,
        mut messages: Vec<Outbound>,
    ) -> AppResult<()> {
        if request.brief() != before.request.brief() {
            let task = Task {
                request: request.brief(),
                ..before.task.clone()
            };
            messages.push(self.tasks.card_of(&task).await);
        }
        let save = SaveRequest {
            request,
            due,
            messages,
        };
        self.writes.save_request(save).await
    }
}
