//! Heartbeats: how a worker renews its leases and receives answers, in one call.
//!
//! A heartbeat renews the leases that it names, each at most every `COARSE` (`presence.rs`), and then
//! waits until there is a message for the worker. Its connection is open nearly all the time, so a
//! connection that closes without a goodbye means that the process is gone:
//!
//! 1. the call is dropped, or a connection ends between two calls: the worker is marked as cut
//! 2. a new heartbeat of the same boot clears the mark
//! 3. after `GONE` (`presence.rs`) without one, the sweep ends the worker's leases early
//!
//! Another daemon may receive the worker's heartbeats meanwhile: then the store shows that it is
//! not gone.
//!
//! A silent worker whose connection stays open keeps its leases until they expire. A heartbeat with
//! another boot id means that the process was restarted: its agents are gone, so all its leases end
//! immediately.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use vine_domain::{
    QuestionId, Slug, TaskState, WorkerId, WorkerIsolation, assignment::WorkerMessage,
    attempt::Attempt, ports::WorkerDuties,
};

use crate::{
    AppError, AppResult,
    fleet::{Fleet, presence::COARSE},
};

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

/// An open heartbeat; dropped before its end, it marks the worker's connection as cut.
struct OpenHeartbeat<'a> {
    fleet: &'a Fleet,
    worker: WorkerId,
    finished: bool,
}

impl Drop for OpenHeartbeat<'_> {
    fn drop(&mut self) {
        let cut = (!self.finished).then(|| self.fleet.clock.now());
        self.fleet.presence.ended(self.worker, cut);
    }
}

impl Fleet {
    /// A connection over which the worker called has ended.
    pub fn connection_ended(&self, worker: WorkerId) {
        self.presence.connection_ended(worker, self.clock.now());
    }

    /// Processes a heartbeat and waits for messages for the worker; empty if there are none.
    #[tracing::instrument(level = "debug", name = "heartbeat", skip_all, fields(worker.id = %worker))]
    pub async fn beat(
        &self,
        worker: WorkerId,
        beat: WorkerHeartbeat,
    ) -> AppResult<Vec<WorkerMessage>> {
        let is_new = self.presence.heard(worker, !beat.wait.is_zero());
        let mut open = OpenHeartbeat {
            fleet: self,
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
        self.store_report(worker, &beat, is_new).await?;
        let wake = self.wakeups.on_worker(worker);
        loop {
            let woken = wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let deliveries = self.renew_and_collect(worker, &beat).await?;
            if !deliveries.is_empty() || beat.wait.is_zero() {
                return Ok(deliveries);
            }
            // A heartbeat that brings nothing is followed by the next one immediately.
            tokio::select! {
                () = woken => {}
                () = self.stop.cancelled() => return Ok(Vec::new()),
                () = tokio::time::sleep_until(until) => return Ok(Vec::new()),
            }
        }
    }

    /// Stores what the worker reports about itself; a new process has none of the old one's agents.
    /// Other daemons see in the store that its heartbeats arrive here.
    async fn store_report(
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
        self.isolation.known.stands(worker, beat.standing.as_ref());
        if changed || is_new || now.since(record.seen) >= COARSE {
            record.trouble = trouble;
            record.without.clone_from(&beat.without);
            record.worktree_bytes = beat.worktree_bytes;
            record.standing.clone_from(&beat.standing);
            record.slots = beat.slots;
            record.boot = Some(beat.boot);
            record.seen = now;
            self.store.save_worker(&record).await?;
            self.wakeups.page();
        }
        Ok(())
    }

    /// Renews the leases that are due, ends attempts that the worker never received, and collects what it
    /// must be told.
    async fn renew_and_collect(
        &self,
        worker: WorkerId,
        beat: &WorkerHeartbeat,
    ) -> AppResult<Vec<WorkerMessage>> {
        let WorkerDuties {
            leases: held,
            wanted,
            has_news,
        } = self.store.duties(worker).await?;
        let (due, unknown) = self
            .presence
            .sort(worker, &held, &beat.leases, self.clock.now());
        if !due.is_empty() {
            let due: Vec<_> = due.into_iter().map(|attempt| (worker, attempt)).collect();
            self.store.renew(&due).await?;
            self.metrics.renewed(due.len());
        }
        for attempt in unknown {
            self.lose(attempt, "the worker never received it").await?;
        }
        let mut deliveries = Vec::new();
        for attempt in beat.leases.iter().filter(|attempt| !held.contains(attempt)) {
            deliveries.push(self.stop_for(*attempt).await?);
        }
        if has_news {
            let (untold, notes) = tokio::try_join!(
                self.store.undelivered(worker),
                self.store.waiting_notes_for(worker)
            )?;
            let untold = untold
                .into_iter()
                .filter(|question| !beat.handling.contains(&question.id));
            deliveries.extend(untold.map(|question| WorkerMessage::Answer {
                question: Box::new(question),
            }));
            let notes = notes
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

    /// Tells a worker that an attempt it still names is over, and why.
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
}
