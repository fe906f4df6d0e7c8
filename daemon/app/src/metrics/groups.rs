//! What is counted, by what it is about.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec};
use vine_domain::Lane;

use crate::metrics::builder::MetricsBuilder;

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

/// Questions: asked, posted, answered.
pub(super) struct QuestionMetrics {
    pub asked: IntCounterVec,
    pub posted: IntCounterVec,
    pub in_doubt: IntCounterVec,
    pub duplicates: IntCounterVec,
    pub answered: IntCounterVec,
    pub timed_out: IntCounter,
    pub late: IntCounter,
    pub response: Histogram,
    pub delivery: Histogram,
}

impl QuestionMetrics {
    pub fn new(make: &MetricsBuilder) -> Self {
        let by_platform = |name: &str, help: &str| make.counts(name, help, "platform", &[]);
        Self {
            asked: make.counts(
                "vine_questions_asked_total",
                "Questions that agents asked.",
                "kind",
                &["clarify", "permission", "plan"],
            ),
            posted: by_platform(
                "vine_questions_posted_total",
                "Questions that were posted on a platform.",
            ),
            in_doubt: by_platform(
                "vine_questions_indoubt_total",
                "Posts of questions with an unknown outcome.",
            ),
            duplicates: by_platform(
                "vine_questions_duplicate_posts_total",
                "Messages that a platform shows twice.",
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
        }
    }
}

/// Leases of attempts.
pub(super) struct LeaseMetrics {
    pub granted: IntCounter,
    pub renewed: IntCounter,
    pub expired: IntCounter,
    pub stale: IntCounter,
}

impl LeaseMetrics {
    pub fn new(make: &MetricsBuilder) -> Self {
        Self {
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
        }
    }
}

/// Tasks and their attempts.
pub(super) struct TaskMetrics {
    pub created: IntCounter,
    pub ended: IntCounterVec,
    pub attempts: IntCounterVec,
    pub claim_to_complete: Histogram,
    pub latency: HistogramVec,
}

impl TaskMetrics {
    pub fn new(make: &MetricsBuilder) -> Self {
        let help = "Time from when a task could be claimed until it was.";
        let latency = HistogramOpts::new("vine_queue_latency_seconds", help).buckets(WORK.to_vec());
        let latency = make.keep(HistogramVec::new(latency, &["queue"]));
        for lane in Lane::ALL {
            drop(latency.with_label_values(&[lane.queue_name()]));
        }
        Self {
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
                &["done", "failed", "lost", "cancelled", "released", "parked"],
            ),
            claim_to_complete: make.spans(
                "vine_claim_to_complete_seconds",
                "Time from the claim of an attempt to its result.",
                &WORK,
            ),
            latency,
        }
    }
}
