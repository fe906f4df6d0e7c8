//! What a worker holds right now: its attempts, whether their leases can be trusted, and who waits for which answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use vine_domain::{Answer, QuestionId, worker::Attempt};

use crate::slots::Slot;

/// Why an attempt is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The daemon says that the lease is gone.
    LeaseOver {
        /// Its words.
        why: String,
        /// The task itself is over.
        over: bool,
    },
    /// Nothing was heard of the daemon for so long that the lease may be somebody else's.
    Untrusted,
    /// The worker is being stopped.
    Shutdown,
}

/// One attempt in the hands of this worker.
pub struct Held {
    /// Which.
    pub attempt: Attempt,
    /// Cancelled when it is to be stopped; [`Held::stopped`] then says why.
    pub stop: CancellationToken,
    /// Cancelled when it is to be parked, if its agent waits and can be.
    pub park: CancellationToken,
    why: OnceLock<Stopped>,
    refused: OnceLock<String>,
    trusted: Mutex<Instant>,
    trust: Duration,
    waiting: Mutex<HashMap<QuestionId, oneshot::Sender<Answer>>>,
    /// Lent while it waits.
    pub slot: Slot,
}

/// All attempts of this worker.
#[derive(Default)]
pub struct Desk {
    held: Mutex<HashMap<Attempt, Arc<Held>>>,
    handling: Mutex<HashMap<QuestionId, Attempt>>,
    /// An attempt came or went.
    pub changed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// The lease can be trusted at this moment.
    pub fn is_trusted(&self) -> bool {
        Instant::now() < *lock(&self.trusted)
    }

    /// Stops the attempt; the first reason counts.
    pub fn stop(&self, why: Stopped) {
        let _first_counts = self.why.set(why);
        self.stop.cancel();
    }

    /// Why it was stopped.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.why.get()
    }

    /// Notes that the daemon refused something of this attempt; the first refusal counts.
    pub fn refuse(&self, what: String) {
        let _first_counts = self.refused.set(what);
    }

    /// What the daemon refused.
    pub fn refused(&self) -> Option<&str> {
        self.refused.get().map(String::as_str)
    }

    /// Nothing of it runs: every agent of it waits for a person.
    pub fn is_waiting(&self) -> bool {
        self.waiting() > 0
    }

    /// How many of its questions wait for people.
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// The answer to a question, when it comes.
    pub fn wait_for(&self, question: QuestionId) -> oneshot::Receiver<Answer> {
        let (send, receive) = oneshot::channel();
        lock(&self.waiting).insert(question, send);
        receive
    }

    /// Nobody waits for this question any more.
    pub fn forget(&self, question: QuestionId) {
        lock(&self.waiting).remove(&question);
    }

    /// Stops the attempt by itself when its lease can no longer be trusted.
    async fn watch(self: Arc<Self>) {
        loop {
            let until = *lock(&self.trusted);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(until) => {}
            }
            if !self.is_trusted() {
                tracing::warn!(task.id = %self.attempt.task, "{}: the daemon was not heard of for too long; stopping the agent", self.attempt.task);
                return self.stop(Stopped::Untrusted);
            }
        }
    }
}

impl Desk {
    /// Takes an attempt that was claimed with a call sent at `sent`.
    pub fn take(&self, attempt: Attempt, lease: Duration, sent: Instant, slot: Slot) -> Arc<Held> {
        // A quarter of the lease is kept as a margin for the clocks and for stopping the agent.
        let trust = lease * 3 / 4;
        let held = Arc::new(Held {
            attempt,
            stop: CancellationToken::new(),
            park: CancellationToken::new(),
            why: OnceLock::new(),
            refused: OnceLock::new(),
            trusted: Mutex::new(sent + trust),
            trust,
            waiting: Mutex::default(),
            slot,
        });
        lock(&self.held).insert(attempt, Arc::clone(&held));
        tokio::spawn(Arc::clone(&held).watch());
        self.changed.notify_one();
        held
    }

    /// The attempt has ended here.
    pub fn release(&self, attempt: Attempt) {
        if let Some(held) = lock(&self.held).remove(&attempt) {
            held.stop.cancel();
        }
        // What it did not pass on is told to whoever goes on.
        lock(&self.handling).retain(|_, by| *by != attempt);
        self.changed.notify_one();
    }

    /// Everything held.
    pub fn all(&self) -> Vec<Arc<Held>> {
        lock(&self.held).values().cloned().collect()
    }

    /// How many attempts wait for people.
    pub fn waiting(&self) -> usize {
        lock(&self.held).values().filter(|held| held.is_waiting()).count()
    }

    /// The daemon confirmed the leases with an answer to a call sent at `sent`.
    pub fn confirm(&self, attempts: &[Attempt], sent: Instant) {
        for held in attempts.iter().filter_map(|attempt| lock(&self.held).get(attempt).cloned()) {
            *lock(&held.trusted) = sent + held.trust;
        }
    }

    /// Stops an attempt.
    pub fn stop(&self, attempt: Attempt, why: Stopped) {
        if let Some(held) = lock(&self.held).get(&attempt) {
            held.stop(why);
        }
    }

    /// Passes an answer to whoever waits for it; `false` when nobody does.
    pub fn answer(&self, attempt: Attempt, question: QuestionId, answer: Answer) -> bool {
        let held = lock(&self.held);
        // The question may have been asked under an earlier epoch of the same task.
        let mut of_task = held.values().filter(|held| held.attempt.task == attempt.task);
        let found = of_task.find_map(|held| Some((held.attempt, lock(&held.waiting).remove(&question)?)));
        let Some((by, waiter)) = found else { return false };
        lock(&self.handling).insert(question, by);
        waiter.send(answer).is_ok()
    }

    /// Answers that are being passed on right now.
    pub fn handling(&self) -> Vec<QuestionId> {
        lock(&self.handling).keys().copied().collect()
    }

    /// The daemon knows that the answer was passed on.
    pub fn handled(&self, question: QuestionId) {
        lock(&self.handling).remove(&question);
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{Epoch, TaskId};

    use super::*;
    use crate::slots::Slots;

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_trusted_for_three_quarters_from_when_the_call_was_sent() {
        let desk = Desk::default();
        let attempt = Attempt { task: TaskId(1), epoch: Epoch(1) };
        let held = desk.take(attempt, Duration::from_secs(60), Instant::now(), Slots::new(1).take());
        tokio::time::sleep(Duration::from_secs(40)).await;
        desk.confirm(&[attempt], Instant::now() - Duration::from_secs(5));
        tokio::time::sleep(Duration::from_secs(39)).await;
        assert!(held.is_trusted() && held.stopped().is_none());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(held.stopped(), Some(&Stopped::Untrusted));
    }
}
