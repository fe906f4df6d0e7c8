//! Handing out work. Claims that wait together are decided together and written by one statement; a waiting claim is
//! handed its order directly, nobody polls.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use vine_domain::{WorkerId, lifecycle::Event, ports::Want, worker::Assignment};

use crate::{App, Done};

/// A claim that waits for its order.
pub struct Waiting {
    want: Want,
    until: Instant,
    reply: oneshot::Sender<Done<Vec<Assignment>>>,
}

impl App {
    /// Work for at most `slots` agents; waits up to `wait` for the first, then gives what there is, perhaps nothing.
    pub async fn claim(&self, worker: WorkerId, slots: u32, wait: Duration) -> Done<Vec<Assignment>> {
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { want: Want { worker, slots }, until: Instant::now() + wait, reply };
        // Once the daemon is being stopped nobody hands out work here.
        if self.claims.send(waiting).await.is_err() {
            return Ok(Vec::new());
        }
        answer.await.unwrap_or_else(|_| Ok(Vec::new()))
    }
}

/// Owns all waiting claims.
pub struct Dispatcher {
    app: App,
    incoming: mpsc::Receiver<Waiting>,
    waiting: Vec<Waiting>,
}

/// Looks for work at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(5);

impl Dispatcher {
    pub(crate) fn new(app: App, incoming: mpsc::Receiver<Waiting>) -> Self {
        Self { app, incoming, waiting: Vec::new() }
    }

    /// Runs until the daemon stops.
    pub async fn run(mut self) {
        let stop = self.app.stop.clone();
        loop {
            let alarm = self.alarm().await;
            tokio::select! {
                () = stop.cancelled() => return,
                Some(waiting) = self.incoming.recv() => self.waiting.push(waiting),
                () = self.app.wakes.on_work() => {}
                () = tokio::time::sleep_until(alarm) => {}
            }
            while let Ok(waiting) = self.incoming.try_recv() {
                self.waiting.push(waiting);
            }
            self.hand_out().await;
        }
    }

    /// When to look again without being woken: a claim's patience ends, an order's time comes, or the tick.
    async fn alarm(&self) -> Instant {
        let now = Instant::now();
        let patience = self.waiting.iter().map(|waiting| waiting.until).min().unwrap_or(now + TICK);
        let due = match self.waiting.is_empty() {
            true => None,
            false => self.app.store.next_due().await.unwrap_or_default(),
        };
        patience.min(now + due.unwrap_or(TICK).min(TICK) + Duration::from_millis(1))
    }

    async fn hand_out(&mut self) {
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
        if self.waiting.is_empty() {
            return;
        }
        let wants: Vec<Want> = self.waiting.iter().map(|waiting| waiting.want).collect();
        match self.app.store.claim(&wants).await {
            Ok(claimed) => self.give(claimed).await,
            Err(error) => tracing::error!(%error, "cannot claim work: {error}"),
        }
        let now = Instant::now();
        for over in self.waiting.extract_if(.., |waiting| waiting.until <= now) {
            let _gone = over.reply.send(Ok(Vec::new()));
        }
    }

    async fn give(&mut self, claimed: Vec<(WorkerId, Assignment)>) {
        if claimed.is_empty() {
            return;
        }
        let mut by_worker: HashMap<WorkerId, Vec<Assignment>> = HashMap::new();
        for (worker, assignment) in claimed {
            by_worker.entry(worker).or_default().push(assignment);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let Some(assignments) = by_worker.remove(&waiting.want.worker) else {
                self.waiting.push(waiting);
                continue;
            };
            if let Err(Ok(unread)) = waiting.reply.send(Ok(assignments)) {
                take_back(&self.app, waiting.want.worker, unread).await;
            }
        }
        self.app.wakes.page();
    }
}

/// The worker hung up while its order was being taken: nothing has run, so nothing is lost.
async fn take_back(app: &App, worker: WorkerId, assignments: Vec<Assignment>) {
    for assignment in assignments {
        let attempt = assignment.attempt;
        if let Err(error) = app.step(attempt.task, Event::Released { by: worker, attempt }, None).await {
            tracing::warn!(task.id = %attempt.task, %error, "cannot take back {}: {error}", attempt.task);
        }
    }
}
