//! The circuit breaker: after a few failures nothing is tried for a while, so that a hanging Redis
//! costs one timeout and not one for each wake-up.

use std::time::Duration;

use tokio::time::Instant;

/// Consecutive failures that open it.
const FAILURES: u32 = 2;
/// How long it stays open; then one call tests whether Redis is healthy again.
const OPEN: Duration = Duration::from_secs(3);

/// Whether calls are allowed.
#[derive(Debug, Default)]
pub enum Breaker {
    /// Calls are allowed.
    #[default]
    Closed,
    /// Calls are allowed; this many failed in a row.
    Failing(u32),
    /// No calls are allowed until this moment, for this reason.
    Open(Instant, String),
}

impl Breaker {
    /// Whether to try now. After a while one call may; the others wait for its outcome.
    pub fn lets_through(&mut self, now: Instant) -> bool {
        match self {
            Self::Closed | Self::Failing(_) => true,
            Self::Open(until, _) if *until <= now => {
                *until = now + OPEN;
                true
            }
            Self::Open(..) => false,
        }
    }

    /// Records the outcome of a call.
    pub fn note(&mut self, failure: Option<&String>, now: Instant) {
        let Some(why) = failure else {
            return *self = Self::Closed;
        };
        match self {
            Self::Closed => *self = Self::Failing(1),
            Self::Failing(before) if *before + 1 < FAILURES => *before += 1,
            Self::Failing(_) => *self = Self::Open(now + OPEN, why.clone()),
            Self::Open(until, reason) => (*until, *reason) = (now + OPEN, why.clone()),
        }
    }

    /// Why no calls are allowed.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Open(_, why) => Some(why),
            Self::Closed | Self::Failing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_two_failures_tries_once_in_a_while_and_closes_with_the_first_success() {
        let mut breaker = Breaker::default();
        let begun = Instant::now();
        let why = "it hangs".to_owned();
        for _ in 0..FAILURES {
            assert!(breaker.lets_through(begun) && breaker.trouble().is_none());
            breaker.note(Some(&why), begun);
        }
        assert_eq!(breaker.trouble(), Some("it hangs"));
        assert!(!breaker.lets_through(begun + OPEN / 2));
        assert!(breaker.lets_through(begun + OPEN), "one tries");
        assert!(
            !breaker.lets_through(begun + OPEN),
            "and the others wait for it"
        );
        breaker.note(None, begun + OPEN);
        assert!(breaker.lets_through(begun + OPEN) && breaker.trouble().is_none());
    }
}
