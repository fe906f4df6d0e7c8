//! Counts statements, as the stores report them to `tracing`.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

use crate::meter::Cost;

/// What was heard.
#[derive(Debug, Clone, Default)]
pub struct Statements(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    cost: Cost,
    in_transaction: bool,
    has_written: bool,
}

impl Statements {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What they cost.
    pub fn cost(&self) -> Cost {
        self.heard().cost
    }
}

/// Counts the statements of a call.
pub fn listening<T>(statements: &Statements, call: impl FnOnce() -> T) -> T {
    let layer = Listener(statements.clone()).with_filter(LevelFilter::TRACE);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), call)
}

/// Who reports statements.
const STORES: [&str; 3] = [
    "sqlx::query",
    "vine_sqlite::connection",
    "vine_postgres::database",
];

struct Listener(Statements);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if STORES.iter().any(|store| target.starts_with(store)) {
            let mut said = Said::default();
            event.record(&mut said);
            self.0.heard().add(&said);
        }
    }
}

/// The fields of an event: ours, and those of `sqlx`.
#[derive(Default)]
struct Said {
    sql: String,
    parsed: u64,
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "parsed" {
            self.parsed = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "sql" | "summary") {
            self.sql = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl Heard {
    fn add(&mut self, said: &Said) {
        self.cost.statements += 1;
        self.cost.parsed += said.parsed;
        let word = said.sql.split_whitespace().next().unwrap_or_default();
        match word.to_ascii_uppercase().as_str() {
            "BEGIN" => (self.in_transaction, self.has_written) = (true, false),
            "ROLLBACK" => self.in_transaction = false,
            "COMMIT" => {
                self.cost.commits += u64::from(self.has_written);
                self.in_transaction = false;
            }
            "SELECT" if !said.sql.contains("run_parts") => {}
            _ if self.in_transaction => self.has_written = true,
            _ => self.cost.commits += 1,
        }
    }
}
