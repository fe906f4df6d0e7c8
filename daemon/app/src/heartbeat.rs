//! Beats: how a worker keeps its leases and hears of answers, in one call.
//!
//! A beat renews what the worker holds and then waits until there is something to tell it. Its
//! connection is open nearly all the time, so a connection that closes without goodbye tells that
//! the process is gone:
//!
//! 1. the call is dropped: the worker's line is marked as cut
//! 2. a new beat of the same boot clears the mark
//! 3. after [`GONE`] without one, the sweep ends the worker's leases early
//!
//! Another daemon may hear of the worker meanwhile: then it is not gone, and the store says so.
//!
//! A silent worker whose connection stays open keeps its leases to their end. A beat with another
//! boot id tells that the process was started again: its agents are gone, so all its leases end at
//! once.

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

/// How long a worker whose connection closed may take to come back.
pub const GONE: Duration = Duration::from_secs(2);
/// Leases are written at most this often; a lease lasts four times as long.
const COARSE: Duration = Duration::from_secs(15);
/// A lease that its worker does not name for this long was never received by it.
const UNKNOWN: Duration = Duration::from_secs(15);

/// So many boots are remembered.
const BOOTS: usize = 4;
/// So long it is said that two processes spoke for one worker.
const TWICE: Duration = Duration::from_secs(60);
const TWICE_SAID: &str = "its secret is used from two places, which take its tasks from one another: stop one of them, and \
     enrol each machine by itself; if you know of one only, `worker remove` ends the secret";

/// What a worker says with a beat.
#[derive(Debug, Clone)]
pub struct WorkerHeartbeat {
    /// Made at each start of the worker's process.
    pub boot: Uuid,
    /// How many agents at once.
    pub slots: u32,
    /// What it believes to hold.
    pub leases: Vec<Attempt>,
    /// Answers that it is passing on right now.
    pub handling: Vec<QuestionId>,
    /// Notes that it is passing on right now, by their keys.
    pub noting: Vec<Uuid>,
    /// Attempts whose work it is pushing right now.
    pub pushing: Vec<Attempt>,
    /// What keeps it from working.
    pub trouble: Option<String>,
    /// Repositories of which it takes no tasks now, and why.
    pub without: Vec<(Slug, String)>,
    /// What its worktrees take on its disk.
    pub worktree_bytes: u64,
    /// What stands around its agents.
    pub standing: Option<WorkerIsolation>,
    /// Wait at most this long.
    pub wait: Duration,
}

/// What is known of the workers' connections. Lives in memory: after a restart every worker is
/// heard of anew.
#[derive(Default)]
pub struct Presence {
    lines: Mutex<HashMap<WorkerId, WorkerConnection>>,
    /// Until then no lease is taken for one that was not renewed.
    lenient: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct WorkerConnection {
    /// Beats under way.
    open: u32,
    /// When a beat was dropped with none left.
    cut: Option<Timestamp>,
    renewed: HashMap<Attempt, Timestamp>,
    unknown: HashMap<Attempt, Timestamp>,
    /// Boots of its processes, the latest last.
    boots: Vec<Uuid>,
    /// When one came back after another: two processes speak for one worker.
    twice: Option<Instant>,
}

impl Presence {
    fn lines(&self) -> MutexGuard<'_, HashMap<WorkerId, WorkerConnection>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Workers whose connection closed without goodbye and who did not come back in time, each with
    /// when that was. Each is named once.
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

    /// The clock was set: every lease is to be written anew, and nobody is gone who was not before.
    fn moved(&self, by: i64) {
        for line in self.lines().values_mut() {
            line.renewed.clear();
            line.unknown.clear();
            line.cut = line.cut.map(|at| Timestamp(at.0.saturating_add(by)));
        }
        let until = Instant::now() + 2 * COARSE;
        *self.lenient.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Notes which process speaks for a worker; whether another one did lately too. A process that was started
    /// again never has a boot of before.
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

    /// It said goodbye.
    pub(crate) fn leaves(&self, worker: WorkerId) {
        self.lines().remove(&worker);
    }

    /// A beat has begun. Whether it is news to this daemon that the worker lives.
    fn heard(&self, worker: WorkerId) -> bool {
        let mut lines = self.lines();
        let is_new = lines.get(&worker).is_none_or(|line| line.cut.is_some());
        let line = lines.entry(worker).or_default();
        line.open += 1;
        line.cut = None;
        is_new
    }

    /// Which of the held leases are to be written, and which the worker has not named for too long.
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

/// A beat under way; dropped before its end, it marks the worker's line as cut.
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
    /// Takes a beat and waits for something to tell the worker; empty when there is nothing.
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
            // When nothing has happened, the next beat looks: it follows at once.
            tokio::select! {
                () = woken => {}
                () = self.stop.cancelled() => return Ok(Vec::new()),
                () = tokio::time::sleep_until(until) => return Ok(Vec::new()),
            }
        }
    }

    /// Keeps what the worker says of itself; a new process of it has none of the old one's agents.
    /// Other daemons see in the store that it is heard of here.
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
            self.lose_all(worker, "its worker was started again")
                .await?;
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
            self.lose(attempt, "its worker never received it").await?;
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

    /// Why an attempt is over that its worker still believes to hold.
    async fn stop_for(&self, attempt: Attempt) -> AppResult<WorkerMessage> {
        let task = self.store.task(attempt.task).await?;
        let over = task.as_ref().is_none_or(vine_domain::Task::is_over);
        let why = match task.map(|task| task.state) {
            Some(TaskState::Cancelled { by }) => format!("{} was cancelled by {by}", attempt.task),
            Some(state) => format!(
                "the lease has ended; {} is {} now",
                attempt.task,
                state.as_str()
            ),
            None => format!("{} is not known here", attempt.task),
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

    /// Ends one lease; no error when somebody else just did.
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

    /// The clock was set by so many milliseconds.
    pub(crate) fn moved_in_time(&self, by: i64) {
        self.presence.moved(by);
        self.wakes.page();
    }

    /// Whether leases are not judged just now.
    pub(crate) fn is_lenient(&self) -> bool {
        let until = self.presence.lenient.lock();
        let until = *until.unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Workers that are gone, by [`Presence::gone`], and that no other daemon has heard of since.
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
