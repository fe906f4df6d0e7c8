//! All flows together: what commands, loops, the API and the page use.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vine_domain::{Clock, Ids, Timestamp, ports::Store};

use crate::{
    AppResult, Settings, Wakeups,
    change_requests::{self, ChangeRequests},
    cluster::Cluster,
    core::Core,
    fleet::{Dispatcher, Fleet},
    people::People,
    question_traces::QuestionTrace,
    questions::Questions,
    reporting::Reporting,
    rooms::Rooms,
    tasks::Tasks,
};

/// The daemon's use cases over its ports. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) core: Arc<Core>,
    /// Who calls, what they may do, the audit.
    pub people: Arc<People>,
    /// How any change is decided and stored.
    pub tasks: Arc<Tasks>,
    /// Questions, notes and reminders.
    pub questions: Arc<Questions>,
    /// Pull requests of tasks.
    pub change_requests: Arc<ChangeRequests>,
    /// Workers and their sessions.
    pub fleet: Arc<Fleet>,
    /// Rooms on chat platforms.
    pub rooms: Arc<Rooms>,
    /// Numbers for people and monitors.
    pub reporting: Arc<Reporting>,
    /// This daemon among others.
    pub cluster: Arc<Cluster>,
}

impl App {
    /// The use cases, and the loop that assigns work, to be spawned with [`Dispatcher::run`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
        stop: CancellationToken,
    ) -> (Self, Dispatcher) {
        let (core, unread) = Core::new(store, clock, ids, settings, stop);
        let people = Arc::new(People::new(&core));
        let tasks = Arc::new(Tasks::new(&core, &people));
        let questions = Arc::new(Questions::new(&core, &people, &tasks));
        let change_requests = Arc::new(ChangeRequests::new(&core, &people, &tasks, &questions));
        let dispatcher = Dispatcher::new(&core, &tasks, unread);
        let rooms = Arc::new(Rooms::new(&core, &people, &tasks));
        let app = Self {
            reporting: Arc::new(Reporting::new(&core, &people, &rooms)),
            cluster: Arc::new(Cluster::new(&core)),
            fleet: Arc::new(Fleet::new(&core, &people, &tasks)),
            core: Arc::new(core),
            people,
            tasks,
            questions,
            change_requests,
            rooms,
        };
        (app, dispatcher)
    }

    /// Tends pull requests until the daemon stops.
    pub async fn tend_requests(self) {
        let stop = self.core.stop.clone();
        change_requests::run(self, stop).await;
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// A new id.
    pub fn new_id(&self) -> Uuid {
        self.core.ids.uuid()
    }

    /// Wake-ups between use cases and loops.
    pub fn wakeups(&self) -> &Wakeups {
        &self.core.wakeups
    }

    /// Cancelled when the daemon stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.core.stop
    }

    /// The traces of questions that end in this daemon from now on.
    pub fn question_traces(&self) -> mpsc::Receiver<QuestionTrace> {
        self.core.traces.listen()
    }

    /// The settings in force now.
    pub fn settings(&self) -> Arc<Settings> {
        self.core.settings.get()
    }

    /// Applies other settings. People who are no longer in them lose their tokens, browser sessions
    /// and identities in every daemon; alarms of open questions are set by the new policy.
    pub async fn apply_settings(&self, settings: Settings) -> AppResult<()> {
        let before = self.settings();
        if before.people != settings.people {
            self.people.set_people(&settings.people).await?;
        }
        let policy = settings.patience != before.patience;
        self.core.settings.set(settings);
        if policy {
            self.questions.reset_alarms().await?;
        }
        self.core.wakeups.rooms();
        self.core.wakeups.page();
        Ok(())
    }

    /// Why a changed configuration was not applied; `None` once it was.
    pub fn refused_settings(&self) -> Option<String> {
        self.core.settings.refused()
    }

    /// Notes why a changed configuration was not applied, or that it was.
    pub fn refuse_settings(&self, why: Option<String>) {
        self.core.settings.refuse(why);
        self.core.wakeups.page();
    }
}
