//! Which workers are connected.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;
use vine_domain::{Timestamp, WorkerId, attempt::Attempt};

/// How long a worker whose connection closed may take to reconnect.
pub const GONE: Duration = Duration::from_secs(2);
/// The longest time between two heartbeats of a worker that lives.
const BETWEEN: Duration = Duration::from_secs(1);
/// Leases are written at most this often; a lease lasts four times as long.
pub(super) const COARSE: Duration = Duration::from_secs(15);
/// If a worker does not name a lease for this long, it never received it.
const UNKNOWN: Duration = Duration::from_secs(15);
/// At most this many boots are remembered.
const BOOTS: usize = 4;
/// How long it is reported that two processes acted as one worker.
const TWICE: Duration = Duration::from_secs(60);

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
    /// It keeps heartbeats open, so there is always one as long as it lives.
    waits: bool,
    /// When its last heartbeat here ended. Behind a balancer the next one may reach another daemon.
    ended: Option<Instant>,
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
    pub fn moved(&self, by: i64) {
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
    pub fn is_twice(&self, worker: WorkerId, boot: Uuid) -> bool {
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

    /// Whether leases are not checked for expiry at the moment.
    pub fn is_lenient(&self) -> bool {
        let until = *self.lenient.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// An open heartbeat ended; one that was dropped before its end may mean that the worker's
    /// connection was cut.
    pub fn ended(&self, worker: WorkerId, cut: Option<Timestamp>) {
        if let Some(line) = self.lines().get_mut(&worker) {
            line.open = line.open.saturating_sub(1);
            line.ended = Some(Instant::now());
            if cut.is_some() && line.open == 0 {
                line.cut = cut;
            }
        }
    }

    /// A connection of the worker has ended. Between two heartbeats, which follow each other at once, that
    /// says as much as an open heartbeat that is dropped: the process may have died.
    pub fn connection_ended(&self, worker: WorkerId, now: Timestamp) {
        if let Some(line) = self.lines().get_mut(&worker)
            && line.waits
            && line.open == 0
            && line.ended.is_some_and(|ended| ended.elapsed() < BETWEEN)
        {
            line.cut.get_or_insert(now);
        }
    }

    /// The worker said goodbye.
    pub fn leaves(&self, worker: WorkerId) {
        self.lines().remove(&worker);
    }

    /// A heartbeat has begun, and waits for messages or does not. Whether the worker is new to this
    /// daemon, was cut, or was elsewhere: then the store has to show that it is here now.
    pub fn heard(&self, worker: WorkerId, waits: bool) -> bool {
        let mut lines = self.lines();
        let was_away = |line: &WorkerConnection| {
            let is_late = line.ended.is_some_and(|ended| ended.elapsed() >= BETWEEN);
            line.cut.is_some() || line.open == 0 && is_late
        };
        let is_new = lines.get(&worker).is_none_or(was_away);
        let line = lines.entry(worker).or_default();
        line.open += 1;
        line.waits |= waits;
        line.cut = None;
        is_new
    }

    /// Which of the held leases must be written, and which the worker has not named for too long.
    pub fn sort(
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

#[cfg(test)]
mod tests {
    use vine_domain::clock::{Ids as _, System};

    use super::*;

    /// A worker that let a heartbeat wait, which ended.
    fn between() -> (Presence, WorkerId) {
        let (presence, worker) = (Presence::default(), WorkerId(System.uuid()));
        presence.heard(worker, true);
        presence.ended(worker, None);
        (presence, worker)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_between_two_heartbeats_is_missed_and_an_idle_one_is_not() {
        let later = Timestamp(10_000);
        let (presence, worker) = between();
        presence.connection_ended(worker, Timestamp(0));
        assert_eq!(presence.gone(later), [(worker, Timestamp(0))]);

        // Its heartbeats reach another daemon meanwhile, and a connection to this one has idled out.
        let (presence, worker) = between();
        tokio::time::sleep(Duration::from_secs(90)).await;
        presence.connection_ended(worker, Timestamp(0));
        assert_eq!(presence.gone(later), []);

        assert!(
            presence.heard(worker, true),
            "it is here again, as the store is to show"
        );

        // One heartbeat is open, and another connection ends.
        let (presence, worker) = between();
        presence.heard(worker, true);
        presence.connection_ended(worker, Timestamp(0));
        assert_eq!(presence.gone(later), []);

        let (presence, worker) = (Presence::default(), WorkerId(System.uuid()));
        presence.heard(worker, false);
        presence.ended(worker, None);
        presence.connection_ended(worker, Timestamp(0));
        assert_eq!(presence.gone(later), [], "it never lets one wait");
    }
}
