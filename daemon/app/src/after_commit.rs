//! What follows when something was stored: wake-ups, counters, traces.

use std::sync::Arc;

use vine_domain::{Clock, TaskState, lifecycle::TaskSnapshot, ports::Commit};

use crate::{Wakeups, metrics::Metrics, question_traces::TraceListener};

/// Who is told that something was stored.
#[derive(Clone)]
pub(crate) struct AfterCommit {
    pub clock: Arc<dyn Clock>,
    pub wakeups: Arc<Wakeups>,
    pub metrics: Arc<Metrics>,
    pub traces: Arc<TraceListener>,
}

impl AfterCommit {
    /// A change of a task was stored.
    pub fn changed(&self, before: &TaskSnapshot, commit: &Commit) {
        let after = &commit.change.task;
        let from = before.task.state.as_str();
        let to = after.state.as_str();
        tracing::info!(task.id = %after.id, from, to, "{}: {from} -> {to}", after.id);
        if let Some(lease) = before.task.lease() {
            self.wakeups.worker(lease.worker);
        }
        if matches!(after.state, TaskState::Queued { .. }) {
            self.wakeups.work();
        }
        self.wakeups.outbox();
        let now = self.clock.now();
        self.metrics.stored(before, commit, now);
        self.traces.stored(before, commit, now);
    }

    /// New tasks were stored.
    pub fn created(&self, tasks: usize) {
        self.metrics.created(tasks);
        self.wakeups.work();
        self.wakeups.outbox();
    }
}
