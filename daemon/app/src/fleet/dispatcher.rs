//! Assigning work when time has passed or something else than a write made it possible. Most work is
//! assigned by the write that queues it (`write_queue.rs`).

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vine_domain::{WorkerId, assignment::Assignment, lifecycle::Event};

use crate::{Wakeups, core::Core, tasks::Tasks, waiting_claims::Unread, write_queue::WriteQueue};

/// Wakes claims that wait, and takes back what nobody took.
pub struct Dispatcher {
    writes: Arc<WriteQueue>,
    wakeups: Arc<Wakeups>,
    stop: CancellationToken,
    tasks: Arc<Tasks>,
    unread: mpsc::UnboundedReceiver<Unread>,
}

impl Dispatcher {
    pub(crate) fn new(
        core: &Core,
        tasks: &Arc<Tasks>,
        unread: mpsc::UnboundedReceiver<Unread>,
    ) -> Self {
        Self {
            writes: Arc::clone(&core.writes),
            wakeups: Arc::clone(&core.wakeups),
            stop: core.stop.clone(),
            tasks: Arc::clone(tasks),
            unread,
        }
    }

    /// Runs until the daemon stops.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        loop {
            let alarm = self.writes.alarm();
            tokio::select! {
                () = stop.cancelled() => break,
                Some((worker, tasks)) = self.unread.recv() => self.take_back(worker, tasks).await,
                () = self.wakeups.on_work() => self.writes.stir().await,
                () = self.writes.alarm_changed() => {}
                () = tokio::time::sleep_until(alarm) => self.writes.hand_out().await,
            }
        }
        while let Ok((worker, tasks)) = self.unread.try_recv() {
            self.take_back(worker, tasks).await;
        }
    }

    /// The worker hung up while its tasks were being claimed: nothing has run, so nothing is lost.
    async fn take_back(&self, worker: WorkerId, assignments: Vec<Assignment>) {
        for attempt in assignments.into_iter().map(|assignment| assignment.attempt) {
            let by = worker;
            let released = Event::Released { by, attempt };
            if let Err(error) = self.tasks.transition(attempt.task, released).await {
                tracing::warn!(task.id = %attempt.task, %error, "could not take back {}: {error}", attempt.task);
            }
        }
    }
}
