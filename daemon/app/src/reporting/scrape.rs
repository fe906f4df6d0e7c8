//! All metrics in Prometheus' text format: what this daemon counted, and global values from the
//! store. The latter are the same from every daemon: take the maximum, not the sum.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};
use vine_domain::{
    Timestamp, Wall, Worker, WorkerLoad, WorkerState,
    attempt::Usage,
    ports::OldestPending,
    queue::QueueDepths,
    session::{ENDINGS, SessionStats},
};

use crate::{
    AppResult,
    metrics::Metrics,
    reporting::{Reporting, spending::NamedSpending},
};

/// The global values of one scrape.
#[derive(Default)]
struct Exposition(Registry);

impl Exposition {
    fn text(self, meter: &Metrics) -> String {
        let mut families = meter.families();
        families.extend(self.0.gather());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }

    /// A gauge with a value for each word of its label.
    fn gauges<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let made =
            GaugeVec::new(Opts::new(name, help), &[label]).expect("names are ours and well formed");
        values
            .into_iter()
            .for_each(|(word, value)| made.with_label_values(&[word]).set(value));
        self.0
            .register(Box::new(made))
            .expect("each name is used once");
    }

    fn one(&self, name: &str, help: &str, value: f64) {
        let made = prometheus::Gauge::new(name, help).expect("names are ours and well formed");
        made.set(value);
        self.0
            .register(Box::new(made))
            .expect("each name is used once");
    }

    fn counts<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let made = IntCounterVec::new(Opts::new(name, help), &[label])
            .expect("names are ours and well formed");
        values
            .into_iter()
            .for_each(|(word, value)| made.with_label_values(&[word]).inc_by(value));
        self.0
            .register(Box::new(made))
            .expect("each name is used once");
    }

    fn count(&self, name: &str, help: &str, value: u64) {
        let made = prometheus::IntCounter::new(name, help).expect("names are ours and well formed");
        made.inc_by(value);
        self.0
            .register(Box::new(made))
            .expect("each name is used once");
    }

    fn queues(&self, depths: &QueueDepths, ages: &OldestPending, now: Timestamp) {
        let queues = depths.named();
        self.gauges(
            "vine_queue_depth",
            "Entries in each queue.",
            "queue",
            queues.iter().map(|(name, depth)| (*name, number(*depth))),
        );
        self.one(
            "vine_dead_letters",
            "Failed tasks that wait to be replayed or discarded.",
            number(depths.dead),
        );
        self.one(
            "vine_outbox_depth",
            "Messages not yet posted.",
            number(depths.outbox),
        );
        self.one(
            "vine_inbox_depth",
            "Inbound events not yet processed.",
            number(ages.inbox_depth),
        );
        let oldest = [
            (
                "vine_oldest_queued_seconds",
                "How long the oldest claimable task has been waiting.",
                ages.queued,
            ),
            (
                "vine_oldest_open_question_seconds",
                "How long the oldest open question has been waiting.",
                ages.question,
            ),
            (
                "vine_oldest_lease_seconds",
                "How long the oldest running attempt has been running.",
                ages.lease,
            ),
            (
                "vine_outbox_oldest_seconds",
                "How long the oldest unposted message has been waiting.",
                ages.outbox,
            ),
            (
                "vine_inbox_oldest_seconds",
                "How long the oldest unprocessed event has been waiting.",
                ages.inbox,
            ),
        ];
        for (name, help, since) in oldest {
            self.one(
                name,
                help,
                since.map_or(0.0, |since| now.since(since).as_secs_f64()),
            );
        }
    }

    fn workers(&self, workers: &[WorkerLoad], now: Timestamp) {
        let states = [
            WorkerState::Idle,
            WorkerState::Busy,
            WorkerState::Waiting,
            WorkerState::Error,
            WorkerState::Offline,
        ];
        let up: Vec<_> = workers
            .iter()
            .map(|load| &load.worker)
            .filter(|worker| worker.is_online(now))
            .collect();
        let of = |state| {
            workers
                .iter()
                .filter(|load| load.state(now) == state)
                .count()
        };
        self.gauges(
            "vine_workers",
            "Workers in each state.",
            "state",
            states.map(|state| (state.as_str(), number(of(state) as u64))),
        );
        let share = if workers.is_empty() {
            0.0
        } else {
            number(up.len() as u64) / number(workers.len() as u64)
        };
        self.one(
            "vine_worker_uptime_ratio",
            "Share of the enrolled workers that are online; its average over time is their \
             uptime.",
            share,
        );
        let slots: u64 = up.iter().map(|worker| u64::from(worker.slots)).sum();
        let (running, waiting) = workers.iter().fold((0, 0), |(run, wait), one| {
            (run + one.running as u64, wait + one.waiting as u64)
        });
        let taken = [
            ("busy", running),
            ("waiting", waiting),
            ("idle", slots.saturating_sub(running)),
        ];
        let help = "Slots of the online workers; agents that wait for people take none.";
        self.gauges(
            "vine_worker_slots",
            help,
            "state",
            taken.map(|(state, count)| (state, number(count))),
        );
        let all = workers.iter().map(|load| &load.worker);
        let unhealthy = all.clone().filter(|worker| worker.trouble.is_some());
        let repos: usize = all.clone().map(|worker| worker.without.len()).sum();
        self.gauges(
            "vine_ill",
            "What is unhealthy: whole workers, and repositories on a worker.",
            "what",
            [("worker", unhealthy.count()), ("repository", repos)]
                .map(|(what, count)| (what, number(count as u64))),
        );
        let behind = |wall: Wall| {
            let stands = |worker: &&&Worker| {
                worker
                    .standing
                    .as_ref()
                    .is_some_and(|standing| standing.wall == wall)
            };
            number(up.iter().filter(stands).count() as u64)
        };
        self.gauges(
            "vine_worker_walls",
            "Online workers, by the wall around their agents.",
            "wall",
            Wall::ALL.iter().map(|wall| (wall.as_str(), behind(*wall))),
        );
        let readable = up.iter().filter(|worker| {
            worker
                .standing
                .as_ref()
                .is_some_and(|standing| standing.login)
        });
        self.one(
            "vine_workers_with_readable_login",
            "Online workers whose agents can read the login of the model's account.",
            number(readable.count() as u64),
        );
        let bytes = workers.iter().map(|load| load.worker.worktree_bytes).sum();
        self.one(
            "vine_worktree_bytes",
            "Disk space of the worktrees of all workers, as last reported.",
            number(bytes),
        );
    }

    /// What attempts of the last days cost. In total only: who reads this may not be allowed to
    /// view repositories.
    fn spent(&self, spent: &NamedSpending) {
        let sum =
            |of: fn(&Usage) -> u64| spent.repos.iter().map(|(_, usage)| of(usage)).sum::<u64>();
        self.one(
            "vine_spent_dollars",
            "Cost of all attempts of the last 30 days, at list prices.",
            number(sum(|usage| usage.cost_microdollars)) / 1e6,
        );
        self.one(
            "vine_spent_tokens",
            "Input and output tokens of all attempts of the last 30 days.",
            number(sum(|usage| usage.input_tokens + usage.output_tokens)),
        );
    }

    /// How many are live, how long they lived, how often they were reused, why they ended.
    fn sessions(&self, figures: &SessionStats) {
        let live = [
            ("active", number(figures.active)),
            ("warm", number(figures.warm)),
        ];
        self.gauges(
            "vine_sessions",
            "Live sessions in each state.",
            "state",
            live,
        );
        self.count(
            "vine_sessions_reused_total",
            "Tasks that started in the session of an earlier one.",
            figures.reused,
        );
        let of = |reason: &str| {
            figures
                .ended
                .iter()
                .find(|(word, _)| word == reason)
                .map_or(0, |(_, count)| *count)
        };
        self.counts(
            "vine_sessions_ended_total",
            "Sessions that ended, by reason.",
            "reason",
            ENDINGS.map(|reason| (reason, of(reason))),
        );
        let ended: u64 = figures.ended.iter().map(|(_, count)| count).sum();
        self.lived(figures.lived, ended);
    }

    fn lived(&self, lived: Duration, ended: u64) {
        let help = "Total lifetime of ended sessions; divided by \
         `vine_sessions_ended_total` it gives the average.";
        let made = prometheus::Counter::new("vine_session_lived_seconds_total", help)
            .expect("names are ours and well formed");
        made.inc_by(if ended == 0 { 0.0 } else { lived.as_secs_f64() });
        self.0
            .register(Box::new(made))
            .expect("each name is used once");
    }

    fn adapters(&self, reporting: &Reporting, now: Timestamp) {
        let health = reporting.health.health();
        let connected = health.iter().map(|(platform, health)| {
            (
                platform.as_str(),
                f64::from(u8::from(health.trouble.is_none())),
            )
        });
        self.gauges(
            "vine_adapter_connected",
            "Whether questions can be posted on a chat platform.",
            "platform",
            connected,
        );
        let (inbound, canary) = reporting.metrics.platforms();
        let ages = inbound
            .iter()
            .map(|(platform, at)| (platform.as_str(), now.since(*at).as_secs_f64()));
        self.gauges(
            "vine_adapter_last_inbound_age_seconds",
            "Time since the last event from a platform.",
            "platform",
            ages,
        );
        let took = canary
            .iter()
            .map(|(platform, took)| (*platform, took.as_secs_f64()));
        self.gauges(
            "vine_adapter_canary_rtt_seconds",
            "Duration of the last ping of a platform; 60 or more if it failed.",
            "platform",
            took,
        );
    }
}

/// Counts are far below what a float keeps exactly.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

impl Reporting {
    /// The text of `/metrics`.
    pub async fn metrics(&self) -> AppResult<String> {
        let depths = self.store.depths().await?;
        let ages = self.store.oldest_pending().await?;
        let workers = self.store.workers().await?;
        let sessions = self.store.session_stats().await?;
        let now = self.clock.now();
        let sheet = Exposition::default();
        sheet.queues(&depths, &ages, now);
        sheet.workers(&workers, now);
        sheet.sessions(&sessions);
        sheet.adapters(self, now);
        sheet.spent(&*self.spent().await?);
        let skew = self.store.skew().as_secs_f64();
        sheet.one(
            "vine_db_clock_skew_seconds",
            "Difference between the clocks of this machine and of the database.",
            skew,
        );
        sheet.count(
            "vine_store_transactions_total",
            "Database transactions of this daemon.",
            self.store.transaction_count(),
        );
        Ok(sheet.text(&self.metrics))
    }
}
