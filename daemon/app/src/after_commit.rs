//! What follows when something was stored: wake-ups, counters, traces.

use std::sync::Arc;

use vine_domain::{
    Clock, TaskState,
    lifecycle::TaskSnapshot,
    ports::{ClaimedTask, Commit, Write, Written},
};

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
    /// Something was stored; `before` is the task before its change.
    pub fn stored(&self, write: &Write, before: Option<&TaskSnapshot>, written: &Written) {
        match (write, before, written) {
            (Write::Change(commit), Some(before), _) => self.changed(before, commit),
            (Write::Create(new), _, Written::Created(id)) if *id == new.id => self.created(),
            (Write::Say(say), ..) => {
                self.metrics
                    .said(say.messages.len(), usize::from(say.reply.is_some()));
                self.wakeups.outbox();
            }
            (Write::Request(save), ..) => {
                self.metrics.said(save.messages.len(), 0);
                self.wakeups.outbox();
            }
            _ => {}
        }
    }

    fn changed(&self, before: &TaskSnapshot, commit: &Commit) {
        let after = &commit.change.task;
        let from = before.task.state.as_str();
        let to = after.state.as_str();
        tracing::info!(task.id = %after.id, from, to, "{}: {from} -> {to}", after.id);
        if let Some(lease) = before.task.lease() {
            self.wakeups.worker(lease.worker);
        }
        if matches!(after.state, TaskState::Queued { .. }) {
            self.wakeups.work_elsewhere();
        }
        self.wakeups.outbox();
        let now = self.clock.now();
        self.metrics.stored(before, commit, now);
        self.traces.stored(before, commit, now);
    }

    fn created(&self) {
        self.metrics.created(1);
        self.wakeups.work_elsewhere();
        self.wakeups.outbox();
    }

    /// Orders were given to workers.
    pub fn claimed(&self, claimed: &[ClaimedTask]) {
        for task in claimed {
            self.metrics.claimed(task.lane, task.waited);
        }
        if !claimed.is_empty() {
            self.wakeups.page();
        }
    }
}
