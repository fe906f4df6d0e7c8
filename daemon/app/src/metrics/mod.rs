//! What this daemon counts and measures, for `/metrics`. Each daemon counts only its own work: sum
//! over daemons. Global values (depths, ages, workers) are read from the store on each scrape:
//! `scrape`.
//!
//! Names and units are stable. No label contains anything that people or agents wrote.

mod builder;
mod groups;
mod refusal;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{IntCounter, IntCounterVec, Registry};
use serde::{Serialize, de::DeserializeOwned};
use vine_domain::{
    Lane, Question, QuestionState, Timestamp,
    chat::OutboundKind,
    lifecycle::TaskSnapshot,
    ports::{ChatError, Commit},
    secrets,
};

use crate::metrics::{
    builder::MetricsBuilder,
    groups::{LeaseMetrics, QuestionMetrics, TaskMetrics},
};

pub use crate::metrics::refusal::RefusalCause;

/// The counters of one daemon.
pub struct Metrics {
    registry: Registry,
    questions: QuestionMetrics,
    leases: LeaseMetrics,
    tasks: TaskMetrics,
    messages: IntCounterVec,
    denied: IntCounterVec,
    redactions: IntCounter,
    forge_events: IntCounterVec,
    canary: Mutex<BTreeMap<&'static str, Duration>>,
    inbound: Mutex<BTreeMap<String, Timestamp>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let make = MetricsBuilder(Registry::new());
        let refused = RefusalCause::ALL.map(RefusalCause::as_str);
        Self {
            questions: QuestionMetrics::new(&make),
            leases: LeaseMetrics::new(&make),
            tasks: TaskMetrics::new(&make),
            messages: make.counts(
                "vine_thread_messages_total",
                "Messages in the threads of tasks.",
                "by",
                &["vine", "person"],
            ),
            denied: make.counts(
                "vine_auth_denied_total",
                "Requests that were refused.",
                "why",
                &refused,
            ),
            redactions: make.count(
                "vine_redactions_total",
                "Secrets that were removed from agents' output.",
            ),
            forge_events: make.counts(
                "vine_forge_events_total",
                "Webhooks of forges, by their outcome.",
                "outcome",
                &["looked_at", "ignored", "unknown", "unsigned", "unreadable"],
            ),
            canary: Mutex::default(),
            inbound: Mutex::default(),
            registry: make.0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    /// A forge sent a webhook.
    pub(crate) fn forge_event(&self, outcome: &str) {
        self.forge_events.with_label_values(&[outcome]).inc();
    }

    /// All values so far.
    pub(crate) fn families(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.registry.gather()
    }

    /// For each platform that this daemon serves: when its last event arrived, and how long its
    /// last ping took.
    pub(crate) fn platforms(
        &self,
    ) -> (
        BTreeMap<String, Timestamp>,
        BTreeMap<&'static str, Duration>,
    ) {
        (lock(&self.inbound).clone(), lock(&self.canary).clone())
    }

    /// A change of a task was stored.
    pub(crate) fn stored(&self, before: &TaskSnapshot, commit: &Commit, now: Timestamp) {
        let change = &commit.change;
        for question in &change.questions {
            self.question(
                before
                    .questions
                    .iter()
                    .find(|known| known.id == question.id),
                question,
            );
        }
        if let Some(ended) = &change.ended {
            self.tasks
                .attempts
                .with_label_values(&[ended.outcome])
                .inc();
            if let (Some(lease), "done" | "failed") = (before.task.lease(), ended.outcome) {
                self.tasks
                    .claim_to_complete
                    .observe(now.since(lease.since).as_secs_f64());
            }
        }
        if change.task.is_over() && !before.task.is_over() {
            self.tasks
                .ended
                .with_label_values(&[change.task.state.as_str()])
                .inc();
        }
        // Cards and the states of questions and notes edit an earlier message.
        let edits = |kind| {
            matches!(
                kind,
                OutboundKind::Card | OutboundKind::Settled { .. } | OutboundKind::Note { .. }
            )
        };
        let said = commit.messages.iter().filter(|one| !edits(one.kind));
        self.said(said.count(), usize::from(commit.reply.is_some()));
    }

    fn question(&self, before: Option<&Question>, after: &Question) {
        let Some(before) = before else {
            return self
                .questions
                .asked
                .with_label_values(&[after.ask.kind()])
                .inc();
        };
        if let (None, Some(answer)) = (before.answer(), after.answer()) {
            self.questions
                .answered
                .with_label_values(&[&answer.via])
                .inc();
            self.questions
                .response
                .observe(answer.at.since(after.asked_at).as_secs_f64());
            if matches!(before.state, QuestionState::Expired { .. }) {
                self.questions.late.inc();
            }
        }
        match (&before.state, &after.state) {
            (QuestionState::Open, QuestionState::Expired { .. }) => self.questions.timed_out.inc(),
            (QuestionState::Answered { answer }, QuestionState::Delivered { at, .. }) => {
                self.questions
                    .delivery
                    .observe(at.since(answer.at).as_secs_f64());
            }
            _ => {}
        }
    }

    /// Counts new messages in threads, ours and those of people.
    pub(crate) fn said(&self, ours: usize, people: usize) {
        self.messages
            .with_label_values(&["vine"])
            .inc_by(ours as u64);
        self.messages
            .with_label_values(&["person"])
            .inc_by(people as u64);
    }

    pub(crate) fn created(&self, tasks: usize) {
        self.tasks.created.inc_by(tasks as u64);
        self.said(tasks, 0);
    }

    pub(crate) fn claimed(&self, lane: Lane, waited: Duration) {
        self.leases.granted.inc();
        self.tasks
            .latency
            .with_label_values(&[lane.queue_name()])
            .observe(waited.as_secs_f64());
    }

    pub(crate) fn renewed(&self, leases: usize) {
        self.leases.renewed.inc_by(leases as u64);
    }

    pub(crate) fn expired(&self) {
        self.leases.expired.inc();
    }

    pub(crate) fn stale(&self) {
        self.leases.stale.inc();
    }

    /// A platform is served from now on: its counters start at 0, so that the first increment is
    /// seen.
    pub(crate) fn speaks_on(&self, platform: &str) {
        for counts in [
            &self.questions.posted,
            &self.questions.in_doubt,
            &self.questions.duplicates,
        ] {
            counts.with_label_values(&[platform]).inc_by(0);
        }
    }

    /// Counts the outcome of posting a message.
    pub(crate) fn delivered<T>(
        &self,
        platform: &str,
        kind: OutboundKind,
        done: &Result<T, ChatError>,
    ) {
        match (kind, done) {
            (OutboundKind::Question { .. }, Ok(_)) => {
                self.questions.posted.with_label_values(&[platform]).inc();
            }
            (OutboundKind::Question { .. }, Err(ChatError::Retry { .. })) => {
                self.questions.in_doubt.with_label_values(&[platform]).inc();
            }
            _ => {}
        }
    }

    /// Events of a platform arrived, and with them this many duplicates of our own messages.
    pub(crate) fn heard(&self, platform: &str, now: Timestamp, twice: u64) {
        lock(&self.inbound).insert(platform.to_owned(), now);
        self.questions
            .duplicates
            .with_label_values(&[platform])
            .inc_by(twice);
    }

    /// How long a ping of the platform took; `None` when this daemon stops serving it.
    pub(crate) fn canary(&self, platform: &'static str, took: Option<Duration>) {
        match took {
            Some(took) => drop(lock(&self.canary).insert(platform, took)),
            None => {
                lock(&self.canary).remove(platform);
                lock(&self.inbound).remove(platform);
            }
        }
    }

    /// A request was refused.
    pub fn denied(&self, why: RefusalCause) {
        self.denied.with_label_values(&[why.as_str()]).inc();
    }

    /// The output of an agent, without the secrets in it.
    pub(crate) fn without_secrets<T: Serialize + DeserializeOwned>(&self, said: T) -> T {
        let (said, found) = secrets::without_any(said);
        self.redactions.inc_by(found as u64);
        said
    }
}
