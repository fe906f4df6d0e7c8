//! Assigning work. Claims that wait at the same time are decided together and written by one
//! statement; a waiting claim is answered directly, without polling.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use vine_domain::{
    WorkerId,
    assignment::Assignment,
    lifecycle::Event,
    ports::{ClaimedTask, Store, StoreResult},
    schedule::ClaimRequest,
};

use crate::{AppResult, Wakeups, core::Core, metrics::Metrics, tasks::Tasks};

/// A claim that waits for work.
pub(crate) struct PendingClaim {
    pub(super) want: ClaimRequest,
    pub(super) until: Instant,
    pub(super) reply: oneshot::Sender<AppResult<Vec<Assignment>>>,
}

/// Owns all waiting claims.
pub struct Dispatcher {
    store: Arc<dyn Store>,
    wakeups: Arc<Wakeups>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    tasks: Arc<Tasks>,
    incoming: mpsc::Receiver<PendingClaim>,
    waiting: Vec<PendingClaim>,
    /// No task is due before this moment, so no check is needed.
    quiet_until: Option<Instant>,
    /// Where the next round begins if there are more claims than [`TOGETHER`].
    turn: usize,
}

/// Checks for work at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(5);
/// At most this many claims are decided together. If more wait, those that work is reserved for are
/// included.
const TOGETHER: usize = 200;
/// At most this many tasks go to one claim: one host must not empty the queue while others are
/// about to claim.
const LARGEST: u32 = 50;

impl Dispatcher {
    pub(crate) fn new(
        core: &Core,
        tasks: &Arc<Tasks>,
        incoming: mpsc::Receiver<PendingClaim>,
    ) -> Self {
        Self {
            store: Arc::clone(&core.store),
            wakeups: Arc::clone(&core.wakeups),
            metrics: Arc::clone(&core.metrics),
            stop: core.stop.clone(),
            tasks: Arc::clone(tasks),
            incoming,
            waiting: Vec::new(),
            quiet_until: None,
            turn: 0,
        }
    }

    /// Runs until the daemon stops.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        loop {
            let alarm = self.alarm();
            tokio::select! {
                () = stop.cancelled() => return,
                Some(waiting) = self.incoming.recv() => self.waiting.push(waiting),
                () = self.wakeups.on_work() => self.quiet_until = None,
                () = tokio::time::sleep_until(alarm) => {}
            }
            while let Ok(waiting) = self.incoming.try_recv() {
                self.waiting.push(waiting);
            }
            self.waiting.retain(|waiting| !waiting.reply.is_closed());
            if !self.waiting.is_empty()
                && self.quiet_until.is_none_or(|until| until <= Instant::now())
            {
                self.hand_out_orders().await;
            }
            let now = Instant::now();
            for over in self.waiting.extract_if(.., |waiting| waiting.until <= now) {
                let _gone = over.reply.send(Ok(Vec::new()));
            }
        }
    }

    /// When to check again without a wake-up: when a claim's wait ends, a task is due, or the tick
    /// comes.
    fn alarm(&self) -> Instant {
        let tick = Instant::now() + TICK;
        let patience = self
            .waiting
            .iter()
            .map(|waiting| waiting.until)
            .min()
            .unwrap_or(tick);
        let due = self
            .quiet_until
            .filter(|_| !self.waiting.is_empty())
            .unwrap_or(tick);
        // Slightly later, so that what was waited for is due.
        patience.min(due).min(tick) + Duration::from_millis(1)
    }

    /// Assigns what there is; if nothing was assigned, notes until when that stays so.
    async fn hand_out_orders(&mut self) {
        let claimed = match self.wants().await {
            Ok(wants) => self.store.claim(&wants).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(claimed) if claimed.is_empty() => self.quiet_until = self.quiet().await,
            Ok(claimed) => {
                self.give(claimed).await;
                // There may be more for the claims that got nothing yet.
                if !self.waiting.is_empty() {
                    self.wakeups.work_here();
                }
            }
            Err(error) => {
                tracing::error!(%error, "could not claim work: {error}");
                self.quiet_until = Some(Instant::now() + Duration::from_millis(500));
            }
        }
    }

    /// Until when nothing is due; `None` if something is due that no waiting claim may have.
    async fn quiet(&self) -> Option<Instant> {
        let due = self.store.next_due().await.ok()?;
        (!due.now).then(|| Instant::now() + due.next.unwrap_or(TICK).min(TICK))
    }

    async fn wants(&mut self) -> StoreResult<Vec<ClaimRequest>> {
        let all = self.waiting.iter().map(|waiting| ClaimRequest {
            slots: waiting.want.slots.min(LARGEST),
            ..waiting.want.clone()
        });
        if self.waiting.len() <= TOGETHER {
            return Ok(all.collect());
        }
        let preferred: HashSet<WorkerId> = self.store.preferred(1000).await?.into_iter().collect();
        let (mut chosen, others): (Vec<ClaimRequest>, Vec<ClaimRequest>) =
            all.partition(|want| preferred.contains(&want.worker));
        chosen.truncate(TOGETHER);
        self.turn = (self.turn + TOGETHER) % others.len().max(1);
        chosen.extend(
            others
                .iter()
                .cycle()
                .skip(self.turn)
                .take((TOGETHER - chosen.len()).min(others.len()))
                .cloned(),
        );
        Ok(chosen)
    }

    async fn give(&mut self, claimed: Vec<ClaimedTask>) {
        let mut by_worker: HashMap<WorkerId, Vec<Assignment>> = HashMap::new();
        for handed in claimed {
            self.metrics.claimed(handed.lane, handed.waited);
            by_worker
                .entry(handed.worker)
                .or_default()
                .push(handed.assignment);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            // A worker may wait with several claims.
            let own = by_worker
                .get_mut(&waiting.want.worker)
                .filter(|own| !own.is_empty());
            let Some(own) = own else {
                self.waiting.push(waiting);
                continue;
            };
            let count = own.len().min(waiting.want.slots as usize);
            let assignments = own.drain(..count).collect();
            if let Err(Ok(unread)) = waiting.reply.send(Ok(assignments)) {
                take_back(&self.tasks, waiting.want.worker, unread).await;
            }
        }
        self.wakeups.page();
    }
}

/// The worker hung up while its task was being claimed: nothing has run, so nothing is lost.
async fn take_back(tasks: &Tasks, worker: WorkerId, assignments: Vec<Assignment>) {
    for assignment in assignments {
        let attempt = assignment.attempt;
        if let Err(error) = tasks
            .transition(
                attempt.task,
                Event::Released {
                    by: worker,
                    attempt,
                },
                None,
            )
            .await
        {
            tracing::warn!(task.id = %attempt.task, %error, "could not take back {}: {error}", attempt.task);
        }
    }
}
