//! What people write: events of platforms and of the page are stored first, then read as a command,
//! an answer or a note, in the order in which they were stored.

mod chosen;
mod command;
mod edits;
mod hear;
mod locate;
mod mention;
mod pending_edits;
mod press;
mod private_replies;
mod read;
mod recent_replies;
mod rounds;
mod turn;
mod visibility;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use vine_domain::{Clock, TaskId, ports::Store};

use crate::{App, inbox::recent_replies::RecentReplies, turns::Turns};

pub use crate::inbox::hear::run;

/// Reads what people write. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    app: App,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    recent_replies: Arc<RecentReplies>,
    /// Events of one place are processed one after the other, in the order they were stored.
    reading: Arc<Turns<String>>,
    /// Tasks in whose threads words wait.
    waiting: Arc<Mutex<HashSet<TaskId>>>,
}

impl Inbox {
    /// The inbox of one daemon: there is one, since it keeps the order.
    pub fn new(app: App) -> Self {
        Self {
            store: Arc::clone(&app.core.store),
            clock: Arc::clone(&app.core.clock),
            app,
            recent_replies: Arc::default(),
            reading: Arc::default(),
            waiting: Arc::default(),
        }
    }

    /// Tasks in whose threads words wait.
    fn waiting(&self) -> MutexGuard<'_, HashSet<TaskId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
