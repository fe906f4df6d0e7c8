//! Wake-ups. They carry no data: whoever wakes looks into the store. Every loop also wakes by a
//! timer, so a lost one costs time and nothing else. What other daemons may have to know is told to
//! them too (`hints.rs`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::sync::{Notify, mpsc, watch};
use vine_domain::{WorkerId, ports::Wakeup};

/// All wake-ups of a daemon.
#[derive(Debug, Default)]
pub struct Wakeups {
    work: Notify,
    inbox: Notify,
    outbox: watch::Sender<u64>,
    page: watch::Sender<u64>,
    rooms: watch::Sender<u64>,
    awaited: watch::Sender<u64>,
    workers: Mutex<HashMap<WorkerId, Arc<Notify>>>,
    /// To the other daemons, when there are any.
    others: OnceLock<mpsc::UnboundedSender<Wakeup>>,
}

impl Wakeups {
    /// There may be something to claim.
    pub fn work(&self) {
        self.wake(Wakeup::Work);
    }

    /// The same, for this daemon alone.
    pub fn work_here(&self) {
        self.heard(Wakeup::Work);
    }

    /// Follows [`Wakeups::work`].
    pub async fn on_work(&self) {
        self.work.notified().await;
    }

    /// A platform has brought something; it is read where it was stored.
    pub fn inbox(&self) {
        self.inbox.notify_one();
    }

    /// Follows [`Wakeups::inbox`].
    pub async fn on_inbox(&self) {
        self.inbox.notified().await;
    }

    /// Something was stored that is to be posted, and that people can see.
    pub fn outbox(&self) {
        self.wake(Wakeup::Outbox);
        self.page();
    }

    /// Follows [`Wakeups::outbox`].
    pub fn on_outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    /// Something that people look at has changed.
    pub fn page(&self) {
        self.wake(Wakeup::Page);
    }

    /// Follows [`Wakeups::page`].
    pub fn on_page(&self) -> watch::Receiver<u64> {
        self.page.subscribe()
    }

    /// There may be a room to make, or people to bring into one.
    pub fn rooms(&self) {
        self.wake(Wakeup::Rooms);
    }

    /// Follows [`Wakeups::rooms`].
    pub fn on_rooms(&self) -> watch::Receiver<u64> {
        self.rooms.subscribe()
    }

    /// There may be words to fetch, for the adapter beside us.
    pub fn awaited(&self) {
        bump(&self.awaited);
    }

    /// Follows [`Wakeups::awaited`].
    pub fn on_awaited(&self) -> watch::Receiver<u64> {
        self.awaited.subscribe()
    }

    /// How often [`Wakeups::page`] was called: two equal numbers mean that nothing has changed in
    /// between.
    pub fn page_version(&self) -> u64 {
        *self.page.borrow()
    }

    /// There may be something to tell this worker.
    pub fn worker(&self, id: WorkerId) {
        self.wake(Wakeup::Worker(id));
    }

    /// Follows [`Wakeups::worker`].
    pub fn on_worker(&self, id: WorkerId) -> Arc<Notify> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(workers.entry(id).or_default())
    }

    /// From now on the other daemons are told too.
    pub(crate) fn tell(&self, others: mpsc::UnboundedSender<Wakeup>) {
        let _told_already = self.others.set(others);
    }

    /// Wakes those here that a hint is for.
    pub(crate) fn heard(&self, hint: Wakeup) {
        match hint {
            Wakeup::Work => self.work.notify_one(),
            Wakeup::Worker(id) => self.on_worker(id).notify_waiters(),
            Wakeup::Outbox => bump(&self.outbox),
            Wakeup::Rooms => bump(&self.rooms),
            Wakeup::Page => bump(&self.page),
            Wakeup::Anything => {
                self.work.notify_one();
                [&self.outbox, &self.rooms, &self.page]
                    .into_iter()
                    .for_each(bump);
                self.workers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .values()
                    .for_each(|worker| worker.notify_waiters());
            }
        }
    }

    fn wake(&self, hint: Wakeup) {
        self.heard(hint);
        if let Some(others) = self.others.get() {
            let _stopping = others.send(hint);
        }
    }
}

fn bump(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count += 1);
}
