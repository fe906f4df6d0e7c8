//! Wake-ups. They carry no data: a woken loop reads the store. Every loop also runs on a timer, so
//! a lost wake-up only costs time. Those that matter to other daemons are sent to them too
//! (`wakeup_bus.rs`).

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
    /// To the other daemons, if there are any.
    others: OnceLock<mpsc::UnboundedSender<Wakeup>>,
}

impl Wakeups {
    /// There may be something to claim.
    pub fn work(&self) {
        self.wake(Wakeup::Work);
    }

    /// The same, for other daemons: here, the write that made the work assigns it.
    pub(crate) fn work_elsewhere(&self) {
        self.tell_others(Wakeup::Work);
    }

    /// Waits for [`Wakeups::work`].
    pub async fn on_work(&self) {
        self.work.notified().await;
    }

    /// An event of a platform was stored; only this daemon reads it.
    pub fn inbox(&self) {
        self.inbox.notify_one();
    }

    /// Waits for [`Wakeups::inbox`].
    pub async fn on_inbox(&self) {
        self.inbox.notified().await;
    }

    /// A message was stored that must be posted and that people can see.
    pub fn outbox(&self) {
        self.wake(Wakeup::Outbox);
        self.page();
    }

    /// Follows [`Wakeups::outbox`].
    pub fn on_outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    /// Something on the page has changed.
    pub fn page(&self) {
        self.wake(Wakeup::Page);
    }

    /// Follows [`Wakeups::page`].
    pub fn on_page(&self) -> watch::Receiver<u64> {
        self.page.subscribe()
    }

    /// There may be a room to create, or people to invite.
    pub fn rooms(&self) {
        self.wake(Wakeup::Rooms);
    }

    /// Follows [`Wakeups::rooms`].
    pub fn on_rooms(&self) -> watch::Receiver<u64> {
        self.rooms.subscribe()
    }

    /// There may be content to fetch, for an adapter in this daemon.
    pub fn awaited(&self) {
        bump(&self.awaited);
    }

    /// Follows [`Wakeups::awaited`].
    pub fn on_awaited(&self) -> watch::Receiver<u64> {
        self.awaited.subscribe()
    }

    /// How often [`Wakeups::page`] was called: two equal numbers mean that nothing changed in
    /// between.
    pub fn page_version(&self) -> u64 {
        *self.page.borrow()
    }

    /// There may be a message for this worker.
    pub fn worker(&self, id: WorkerId) {
        self.wake(Wakeup::Worker(id));
    }

    /// Follows [`Wakeups::worker`].
    pub fn on_worker(&self, id: WorkerId) -> Arc<Notify> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(workers.entry(id).or_default())
    }

    /// Sends wake-ups to the other daemons too, from now on.
    pub(crate) fn tell(&self, others: mpsc::UnboundedSender<Wakeup>) {
        let _told_already = self.others.set(others);
    }

    /// Wakes the loops in this daemon that a wake-up is for.
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
        self.tell_others(hint);
    }

    fn tell_others(&self, hint: Wakeup) {
        if let Some(others) = self.others.get() {
            let _stopping = others.send(hint);
        }
    }
}

fn bump(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count += 1);
}
