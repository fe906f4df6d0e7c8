//! Keeps the log readable while the database is unavailable: everything that fails logs it, and one
//! line a second is enough.

use std::{
    fmt::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Filter};

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(1);
/// How [`vine_domain::ports::StoreError::Unavailable`] begins.
const AWAY: &str = "the store cannot serve";

/// Drops repeated lines about an unavailable store.
#[derive(Default)]
pub struct RateLimit(Mutex<Option<Instant>>);

impl RateLimit {
    fn lets_pass(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passes = last.is_none_or(|at| now - at >= EVERY);
        if passes {
            *last = Some(now);
        }
        passes
    }
}

/// All fields of an event, as text.
#[derive(Default)]
struct EventFields(String);

impl Visit for EventFields {
    fn record_debug(&mut self, _field: &Field, value: &dyn fmt::Debug) {
        let _strings_take_all = write!(self.0, "{value:?} ");
    }
}

impl<S: Subscriber> Filter<S> for RateLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let mut said = EventFields::default();
        event.record(&mut said);
        !said.0.contains(AWAY) || self.lets_pass(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::ports::StoreError;

    use super::*;

    #[test]
    fn one_line_a_second_passes() {
        let calm = RateLimit::default();
        let now = Instant::now();
        let half = EVERY / 2;
        let passed = [now, now + half, now + 2 * half, now + 3 * half].map(|at| calm.lets_pass(at));
        assert_eq!(passed, [true, false, true, false]);
        assert!(
            StoreError::Unavailable("x".into())
                .to_string()
                .starts_with(AWAY)
        );
    }
}
