//! Wake-ups. They carry no data: whoever wakes looks into the store. Every loop also wakes by a timer, so a lost one
//! costs time and nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, watch};
use vine_domain::WorkerId;

/// All wake-ups of a daemon.
#[derive(Debug, Default)]
pub struct Wakes {
    /// There may be something to claim.
    pub work: Notify,
    /// A platform has brought something.
    pub inbox: Notify,
    /// There may be something to post.
    outbox: watch::Sender<u64>,
    /// Something that people look at has changed.
    page: watch::Sender<u64>,
    /// There may be a room to make, or people to bring into one.
    rooms: watch::Sender<u64>,
    /// There may be words to fetch.
    awaited: watch::Sender<u64>,
    workers: Mutex<HashMap<WorkerId, Arc<Notify>>>,
}

impl Wakes {
    /// Something was stored that is to be posted, and that people can see.
    pub fn outbox(&self) {
        bump(&self.outbox);
        self.page();
    }

    /// Follows [`Wakes::outbox`].
    pub fn on_outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    /// Something that people look at has changed.
    pub fn page(&self) {
        bump(&self.page);
    }

    /// There may be a room to make, or people to bring into one.
    pub fn rooms(&self) {
        bump(&self.rooms);
    }

    /// Follows [`Wakes::rooms`].
    pub fn on_rooms(&self) -> watch::Receiver<u64> {
        self.rooms.subscribe()
    }

    /// There may be words to fetch.
    pub fn awaited(&self) {
        bump(&self.awaited);
    }

    /// Follows [`Wakes::awaited`].
    pub fn on_awaited(&self) -> watch::Receiver<u64> {
        self.awaited.subscribe()
    }

    /// How often [`Wakes::page`] was called: two equal numbers mean that nothing has changed in between.
    pub fn page_version(&self) -> u64 {
        *self.page.borrow()
    }

    /// There may be something to tell this worker.
    pub fn worker(&self, id: WorkerId) {
        self.on_worker(id).notify_waiters();
    }

    /// Follows [`Wakes::worker`].
    pub fn on_worker(&self, id: WorkerId) -> Arc<Notify> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(workers.entry(id).or_default())
    }
}

fn bump(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count += 1);
}
