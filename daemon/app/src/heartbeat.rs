//! Heartbeats: how a worker renews its leases and receives answers, in one call.
//!
//! A heartbeat renews what the worker holds and then waits until there is a message for it. Its
//! connection is open nearly all the time, so a connection that closes without a goodbye means that
//! the process is gone:
//!
//! 1. the call is dropped: the worker's connection is marked as cut
//! 2. a new heartbeat of the same boot clears the mark
//! 3. after [`GONE`] without one, the sweep ends the worker's leases early
//!
//! Another daemon may receive the worker's heartbeats meanwhile: then the store shows that it is
//! not gone.
//!
//! A silent worker whose connection stays open keeps its leases until they expire. A heartbeat with
//! another boot id means that the process was restarted: its agents are gone, so all its leases end
//! immediately.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;
use vine_domain::{
    QuestionId, Slug, TaskState, Timestamp, WorkerId, WorkerIsolation, assignment::WorkerMessage,
    attempt::Attempt, lifecycle::Event, ports::WorkerDuties,
};

use crate::{App, AppError, AppResult};

/// How long a worker whose connection closed may take to reconnect.
pub const GONE: Duration = Duration::from_secs(2);
/// Leases are written at most this often; a lease lasts four times as long.
const COARSE: Duration = Duration::from_secs(15);
/// If a worker does not name a lease for this long, it never received it.
const UNKNOWN: Duration = Duration::from_secs(15);

/// At most this many boots are remembered.
const BOOTS: usize = 4;
/// How long it is reported that two processes acted as one worker.
const TWICE: Duration = Duration::from_secs(60);
const TWICE_SAID: &str = "its token is used by two processes, which take its tasks from each other: stop one of them and \
     enrol each machine separately; if you know of only one, `worker remove` revokes the token";

/// What a worker sends with a heartbeat.
#[derive(Debug, Clone)]
pub struct WorkerHeartbeat {
    /// Created at each start of the worker's process.
    pub boot: Uuid,
    /// How many agents at once.
    pub slots: u32,
    /// The attempts that it believes it holds.
    pub leases: Vec<Attempt>,
    /// Answers that it is delivering right now.
    pub handling: Vec<QuestionId>,
    /// Notes that it is delivering right now, by key.
    pub noting: Vec<Uuid>,
    /// Attempts whose work it is pushing right now.
    pub pushing: Vec<Attempt>,
    /// What is wrong with it.
    pub trouble: Option<String>,
    /// Repositories whose tasks it does not take now, and why.
    pub without: Vec<(Slug, String)>,
    /// The disk space that its worktrees use.
    pub worktree_bytes: u64,
    /// The wall around its agents.
    pub standing: Option<WorkerIsolation>,
    /// Wait at most this long.
    pub wait: Duration,
}

/// What is known of the workers' connections. In memory: after a restart every worker is new.
#[derive(Default)]
pub struct Presence {
    lines: Mutex<HashMap<WorkerId, WorkerConnection>>,
    /// Until then no lease counts as expired.
    lenient: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct WorkerConnection {
    /// Open heartbeats.
    open: u32,
    /// When the last open heartbeat was dropped.
    cut: Option<Timestamp>,
    renewed: HashMap<Attempt, Timestamp>,
    unknown: HashMap<Attempt, Timestamp>,
    /// Boots of its processes, the latest last.
    boots: Vec<Uuid>,
    /// When an earlier boot returned after another one: two processes act as one worker.
    twice: Option<Instant>,
}

impl Presence {
    fn lines(&self) -> MutexGuard<'_, HashMap<WorkerId, WorkerConnection>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Workers whose connection closed without a goodbye and which did not reconnect in time, each
    /// with when it closed. Each is returned once.
    pub fn gone(&self, now: Timestamp) -> Vec<(WorkerId, Timestamp)> {
        let mut lines = self.lines();
        let cut = |line: &WorkerConnection| {
            line.cut
                .filter(|cut| line.open == 0 && now.since(*cut) >= GONE)
        };
        let gone: Vec<(WorkerId, Timestamp)> = lines
            .iter()
            .filter_map(|(worker, line)| Some((*worker, cut(line)?)))
            .collect();
        for (worker, _) in &gone {
            lines.remove(worker);
        }
        gone
    }

    /// The clock was set: every lease must be written again, and no worker is gone because of it.
    fn moved(&self, by: i64) {
        for line in self.lines().values_mut() {
            line.renewed.clear();
            line.unknown.clear();
            line.cut = line.cut.map(|at| Timestamp(at.0.saturating_add(by)));
        }
        let until = Instant::now() + 2 * COARSE;
        *self.lenient.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Notes which process acts as a worker; whether another one did lately too. A restarted
    /// process always has a new boot.
    fn is_twice(&self, worker: WorkerId, boot: Uuid) -> bool {
        let mut lines = self.lines();
        let line = lines.entry(worker).or_default();
        if line.boots.last() != Some(&boot) {
            if line.boots.contains(&boot) {
                line.twice = Some(Instant::now());
            }
            line.boots.retain(|known| *known != boot);
            line.boots.push(boot);
            let old = line.boots.len().saturating_sub(BOOTS);
            line.boots.drain(..old);
        }
        line.twice.is_some_and(|at| at.elapsed() < TWICE)
    }

    /// The worker said goodbye.
    pub(crate) fn leaves(&self, worker: WorkerId) {
        self.lines().remove(&worker);
    }

    /// A heartbeat has begun. Whether the worker is new to this daemon, or was cut.
    fn heard(&self, worker: WorkerId) -> bool {
        let mut lines = self.lines();
        let is_new = lines.get(&worker).is_none_or(|line| line.cut.is_some());
        let line = lines.entry(worker).or_default();
        line.open += 1;
        line.cut = None;
        is_new
    }

    /// Which of the held leases must be written, and which the worker has not named for too long.
    fn sort(
        &self,
        worker: WorkerId,
        held: &[Attempt],
        named: &[Attempt],
        now: Timestamp,
    ) -> (Vec<Attempt>, Vec<Attempt>) {
        let mut lines = self.lines();
        let line = lines.entry(worker).or_default();
        line.renewed.retain(|attempt, _| held.contains(attempt));
        line.unknown
            .retain(|attempt, _| held.contains(attempt) && !named.contains(attempt));
        let stale = |attempt: &&Attempt| {
            line.renewed
                .get(attempt)
                .is_none_or(|at| now.since(*at) >= COARSE)
        };
        let due: Vec<Attempt> = held
            .iter()
            .filter(|attempt| named.contains(attempt))
            .filter(stale)
            .copied()
            .collect();
        line.renewed
            .extend(due.iter().map(|attempt| (*attempt, now)));
        let mut lost = Vec::new();
        for attempt in held.iter().filter(|attempt| !named.contains(attempt)) {
            let since = *line.unknown.entry(*attempt).or_insert(now);
            if now.since(since) >= UNKNOWN {
                lost.push(*attempt);
            }
        }
        (due, lost)
    }
}

/// An open heartbeat; dropped before its end, it marks the worker's connection as cut.
struct OpenHeartbeat {
    app: App,
    worker: WorkerId,
    finished: bool,
}

impl Drop for OpenHeartbeat {
    fn drop(&mut self) {
        let mut lines = self.app.presence.lines();
        if let Some(line) = lines.get_mut(&self.worker) {
            line.open = line.open.saturating_sub(1);
            if !self.finished && line.open == 0 {
                line.cut = Some(self.app.clock.now());
            }
        }
    }
}

impl App {
    /// Processes a heartbeat and waits for messages for the worker; empty if there are none.
    pub async fn beat(
        &self,
        worker: WorkerId,
        beat: WorkerHeartbeat,
    ) -> AppResult<Vec<WorkerMessage>> {
        let is_new = self.presence.heard(worker);
        let mut open = OpenHeartbeat {
            app: self.clone(),
            worker,
            finished: false,
        };
        let deliveries = self.beaten(worker, beat, is_new).await;
        open.finished = true;
        deliveries
    }

    async fn beaten(
        &self,
        worker: WorkerId,
        beat: WorkerHeartbeat,
        is_new: bool,
    ) -> AppResult<Vec<WorkerMessage>> {
        let until = Instant::now() + beat.wait;
        self.take_note_of(worker, &beat, is_new).await?;
        let wake = self.wakes.on_worker(worker);
        loop {
            let woken = wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let deliveries = self.deliveries(worker, &beat).await?;
            if !deliveries.is_empty() || beat.wait.is_zero() {
                return Ok(deliveries);
            }
            // If nothing has happened, the next heartbeat checks: it follows immediately.
            tokio::select! {
                () = woken => {}
                () = self.stop.cancelled() => return Ok(Vec::new()),
                () = tokio::time::sleep_until(until) => return Ok(Vec::new()),
            }
        }
    }

    /// Stores what the worker reports about itself; a new process has none of the old one's agents.
    /// Other daemons see in the store that its heartbeats arrive here.
    async fn take_note_of(
        &self,
        worker: WorkerId,
        beat: &WorkerHeartbeat,
        is_new: bool,
    ) -> AppResult<()> {
        let mut record = self
            .store
            .worker(worker)
            .await?
            .ok_or(AppError::Unauthenticated)?;
        let now = self.clock.now();
        if record.boot.is_some_and(|boot| boot != beat.boot) {
            self.lose_all(worker, "the worker was restarted").await?;
        }
        let trouble = match self.presence.is_twice(worker, beat.boot) {
            true => Some(TWICE_SAID.to_owned()),
            false => beat.trouble.clone(),
        };
        if trouble != record.trouble && trouble.as_deref() == Some(TWICE_SAID) {
            tracing::warn!("{}: {TWICE_SAID}", record.name);
        }
        let changed = record.trouble != trouble
            || record.without != beat.without
            || record.standing != beat.standing
            || record.slots != beat.slots
            || record.boot != Some(beat.boot);
        self.around.stands(worker, beat.standing.as_ref());
        if changed || is_new || now.since(record.seen) >= COARSE {
            record.trouble = trouble;
            record.without.clone_from(&beat.without);
            record.worktree_bytes = beat.worktree_bytes;
            record.standing.clone_from(&beat.standing);
            record.slots = beat.slots;
            record.boot = Some(beat.boot);
            record.seen = now;
            self.store.save_worker(&record).await?;
            self.wakes.page();
        }
        Ok(())
    }

    async fn deliveries(
        &self,
        worker: WorkerId,
        beat: &WorkerHeartbeat,
    ) -> AppResult<Vec<WorkerMessage>> {
        let WorkerDuties {
            leases: held,
            wanted,
        } = self.store.duties(worker).await?;
        let (due, unknown) = self
            .presence
            .sort(worker, &held, &beat.leases, self.clock.now());
        if !due.is_empty() {
            let due: Vec<_> = due.into_iter().map(|attempt| (worker, attempt)).collect();
            self.store.renew(&due).await?;
            self.meter.renewed(due.len());
        }
        for attempt in unknown {
            self.lose(attempt, "the worker never received it").await?;
        }
        let mut deliveries = Vec::new();
        for attempt in beat.leases.iter().filter(|attempt| !held.contains(attempt)) {
            deliveries.push(self.stop_for(*attempt).await?);
        }
        if !held.is_empty() {
            let untold = self
                .store
                .undelivered(worker)
                .await?
                .into_iter()
                .filter(|question| !beat.handling.contains(&question.id));
            deliveries.extend(untold.map(|question| WorkerMessage::Answer {
                question: Box::new(question),
            }));
            let notes = self
                .store
                .waiting_notes_for(worker)
                .await?
                .into_iter()
                .filter(|(_, note)| !beat.noting.contains(&note.key));
            deliveries.extend(notes.map(|(attempt, note)| WorkerMessage::Note { attempt, note }));
        }
        let wanted = wanted
            .into_iter()
            .filter(|(attempt, _)| !beat.pushing.contains(attempt));
        for (attempt, commit) in wanted {
            match self.push_for(attempt, commit).await {
                Ok(push) => deliveries.push(push),
                // Its repository was removed.
                Err(AppError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deliveries)
    }

    /// Why an attempt is over that its worker believes it still holds.
    async fn stop_for(&self, attempt: Attempt) -> AppResult<WorkerMessage> {
        let task = self.store.task(attempt.task).await?;
        let over = task.as_ref().is_none_or(vine_domain::Task::is_over);
        let why = match task.map(|task| task.state) {
            Some(TaskState::Cancelled { by }) => format!("{} was cancelled by {by}", attempt.task),
            Some(state) => format!(
                "the lease has ended; {} is now {}",
                attempt.task,
                state.as_str()
            ),
            None => format!("{} does not exist here", attempt.task),
        };
        Ok(WorkerMessage::Stop { attempt, why, over })
    }

    /// Ends all leases of a worker.
    pub(crate) async fn lose_all(&self, worker: WorkerId, why: &str) -> AppResult<()> {
        for attempt in self.store.leases_of(worker).await? {
            self.lose(attempt, why).await?;
        }
        Ok(())
    }

    /// Ends one lease; no error if it has just ended.
    pub(crate) async fn lose(&self, attempt: Attempt, why: &str) -> AppResult<()> {
        match self
            .transition(
                attempt.task,
                Event::LeaseLost {
                    attempt,
                    why: why.into(),
                },
                None,
            )
            .await
        {
            Ok(_) => {
                self.meter.expired();
                Ok(())
            }
            Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The clock was set by this many milliseconds, forward or back.
    pub(crate) fn moved_in_time(&self, by: i64) {
        self.presence.moved(by);
        self.wakes.page();
    }

    /// Whether leases are not checked for expiry at the moment.
    pub(crate) fn is_lenient(&self) -> bool {
        let until = self.presence.lenient.lock();
        let until = *until.unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Workers that are gone, by [`Presence::gone`], and have sent no heartbeat to another daemon
    /// since.
    pub(crate) async fn gone(&self) -> AppResult<Vec<WorkerId>> {
        let mut gone = Vec::new();
        for (id, cut) in self.presence.gone(self.clock.now()) {
            if self
                .store
                .worker(id)
                .await?
                .is_some_and(|worker| worker.seen <= cut)
            {
                gone.push(id);
            }
        }
        Ok(gone)
    }
}
