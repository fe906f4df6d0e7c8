//! What this daemon counts and measures, for `/metrics`. Each daemon counts only its own work: sum
//! over daemons. Global values (depths, ages, workers) are read from the store on each scrape:
//! `scrape`.
//!
//! Names and units are stable. No label contains anything that people or agents wrote.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    core::Collector,
};
use serde::{Serialize, de::DeserializeOwned};
use vine_domain::{
    Lane, Question, QuestionState, Timestamp,
    chat::OutboundKind,
    lifecycle::TaskSnapshot,
    ports::{ChatError, Commit},
    secrets,
};

/// Buckets for machines, in seconds.
const MACHINES: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0,
];
/// Buckets for queued work and agents, in seconds: up to a day.
const WORK: [f64; 12] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0,
];
/// Buckets for people, in seconds: up to a week.
const PEOPLE: [f64; 12] = [
    5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 172_800.0, 604_800.0,
];

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// No token, or an unknown one.
    Token,
    /// A person without the required role.
    Role,
    /// A wrong, used or expired login.
    Login,
    /// Too many attempts in too little time.
    Rate,
    /// A browser that used a host name that is not ours.
    Host,
    /// A write that came from another site.
    CrossSite,
}

impl RefusalCause {
    const ALL: [Self; 6] = [
        Self::Token,
        Self::Role,
        Self::Login,
        Self::Rate,
        Self::Host,
        Self::CrossSite,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Role => "role",
            Self::Login => "login",
            Self::Rate => "rate",
            Self::Host => "host",
            Self::CrossSite => "cross_site",
        }
    }
}

/// The counters of one daemon.
pub struct Metrics {
    registry: Registry,
    asked: IntCounterVec,
    posted: IntCounterVec,
    in_doubt: IntCounterVec,
    duplicates: IntCounterVec,
    answered: IntCounterVec,
    timed_out: IntCounter,
    late: IntCounter,
    response: Histogram,
    delivery: Histogram,
    granted: IntCounter,
    renewed: IntCounter,
    expired: IntCounter,
    stale: IntCounter,
    created: IntCounter,
    ended: IntCounterVec,
    attempts: IntCounterVec,
    claim_to_complete: Histogram,
    latency: HistogramVec,
    messages: IntCounterVec,
    denied: IntCounterVec,
    redactions: IntCounter,
    canary: Mutex<BTreeMap<&'static str, Duration>>,
    inbound: Mutex<BTreeMap<String, Timestamp>>,
}

/// Creates metrics and registers them.
struct MetricsBuilder(Registry);

impl MetricsBuilder {
    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("names and labels are ours and well formed");
        self.0
            .register(Box::new(made.clone()))
            .expect("each name is used once");
        made
    }

    fn count(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    /// A counter with one value for each word of its label; all of them are shown from the start.
    fn counts(&self, name: &str, help: &str, label: &str, words: &[&str]) -> IntCounterVec {
        let made = self.keep(IntCounterVec::new(Opts::new(name, help), &[label]));
        words
            .iter()
            .for_each(|word| made.with_label_values(&[word]).inc_by(0));
        made
    }

    fn spans(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.keep(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
        ))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let make = MetricsBuilder(Registry::new());
        let refused = RefusalCause::ALL.map(RefusalCause::as_str);
        let outcomes = ["done", "failed", "lost", "cancelled", "released", "parked"];
        let queues = Lane::ALL.map(Lane::queue_name);
        let latency = make.keep(HistogramVec::new(
            HistogramOpts::new(
                "vine_queue_latency_seconds",
                "Time from when a task could be claimed until it was.",
            )
            .buckets(WORK.to_vec()),
            &["queue"],
        ));
        queues
            .iter()
            .for_each(|queue| drop(latency.with_label_values(&[queue])));
        Self {
            asked: make.counts(
                "vine_questions_asked_total",
                "Questions that agents asked.",
                "kind",
                &["clarify", "permission", "plan"],
            ),
            posted: make.counts(
                "vine_questions_posted_total",
                "Questions that were posted on a platform.",
                "platform",
                &[],
            ),
            in_doubt: make.counts(
                "vine_questions_indoubt_total",
                "Posts of questions with an unknown outcome.",
                "platform",
                &[],
            ),
            duplicates: make.counts(
                "vine_questions_duplicate_posts_total",
                "Messages that a platform shows twice.",
                "platform",
                &[],
            ),
            answered: make.counts(
                "vine_questions_answered_total",
                "Questions that a person answered, by where they did.",
                "via",
                &["console", "api"],
            ),
            timed_out: make.count("vine_questions_timed_out_total", "Questions that expired."),
            late: make.count(
                "vine_questions_late_total",
                "Answers that came after their question had expired.",
            ),
            response: make.spans(
                "vine_human_response_seconds",
                "Time from asked to answered.",
                &PEOPLE,
            ),
            delivery: make.spans(
                "vine_answer_delivery_seconds",
                "Time from answered to confirmed by the agent's worker.",
                &MACHINES,
            ),
            granted: make.count(
                "vine_lease_granted_total",
                "Leases granted with claimed tasks.",
            ),
            renewed: make.count("vine_lease_renewed_total", "Leases that were renewed."),
            expired: make.count(
                "vine_lease_expired_total",
                "Leases that expired or whose worker was gone.",
            ),
            stale: make.count(
                "vine_lease_stale_write_rejected_total",
                "Rejected writes for attempts that were over.",
            ),
            created: make.count("vine_tasks_created_total", "Tasks that were created."),
            ended: make.counts(
                "vine_tasks_ended_total",
                "Tasks that ended.",
                "state",
                &["done", "failed", "cancelled"],
            ),
            attempts: make.counts(
                "vine_attempts_ended_total",
                "Attempts that ended.",
                "outcome",
                &outcomes,
            ),
            claim_to_complete: make.spans(
                "vine_claim_to_complete_seconds",
                "Time from the claim of an attempt to its result.",
                &WORK,
            ),
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
            latency,
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
            self.attempts.with_label_values(&[ended.outcome]).inc();
            if let (Some(lease), "done" | "failed") = (before.task.lease(), ended.outcome) {
                self.claim_to_complete
                    .observe(now.since(lease.since).as_secs_f64());
            }
        }
        if change.task.is_over() && !before.task.is_over() {
            self.ended
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
            return self.asked.with_label_values(&[after.ask.kind()]).inc();
        };
        if let (None, Some(answer)) = (before.answer(), after.answer()) {
            self.answered.with_label_values(&[&answer.via]).inc();
            self.response
                .observe(answer.at.since(after.asked_at).as_secs_f64());
            if matches!(before.state, QuestionState::Expired { .. }) {
                self.late.inc();
            }
        }
        match (&before.state, &after.state) {
            (QuestionState::Open, QuestionState::Expired { .. }) => self.timed_out.inc(),
            (QuestionState::Answered { answer }, QuestionState::Delivered { at, .. }) => {
                self.delivery.observe(at.since(answer.at).as_secs_f64());
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
        self.created.inc_by(tasks as u64);
        self.said(tasks, 0);
    }

    pub(crate) fn claimed(&self, lane: Lane, waited: Duration) {
        self.granted.inc();
        self.latency
            .with_label_values(&[lane.queue_name()])
            .observe(waited.as_secs_f64());
    }

    pub(crate) fn renewed(&self, leases: usize) {
        self.renewed.inc_by(leases as u64);
    }

    pub(crate) fn expired(&self) {
        self.expired.inc();
    }

    pub(crate) fn stale(&self) {
        self.stale.inc();
    }

    /// A platform is served from now on: its counters start at 0, so that the first increment is
    /// seen.
    pub(crate) fn speaks_on(&self, platform: &str) {
        for counts in [&self.posted, &self.in_doubt, &self.duplicates] {
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
                self.posted.with_label_values(&[platform]).inc();
            }
            (OutboundKind::Question { .. }, Err(ChatError::Retry { .. })) => {
                self.in_doubt.with_label_values(&[platform]).inc();
            }
            _ => {}
        }
    }

    /// Events of a platform arrived, and with them this many duplicates of our own messages.
    pub(crate) fn heard(&self, platform: &str, now: Timestamp, twice: u64) {
        lock(&self.inbound).insert(platform.to_owned(), now);
        self.duplicates.with_label_values(&[platform]).inc_by(twice);
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
