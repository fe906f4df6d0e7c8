//! Time and identity, injected everywhere: only this module asks the machine for them.
#![expect(clippy::disallowed_types, reason = "it is declared here")]

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A moment, in milliseconds since 1970 UTC. Written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus `span`; saturates instead of wrapping.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment minus `span`; saturates instead of wrapping.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// To the minute, for people: `2026-11-24 18:19 UTC`.
    pub fn to_minute(self) -> String {
        let text = self.to_string();
        format!("{} {} UTC", &text[..10], &text[11..16])
    }

    /// A time at the start of a text, as [`Self::to_minute`] writes it, and its length in bytes.
    pub fn from_minute(text: &str) -> Option<(Self, usize)> {
        const LENGTH: usize = "2026-11-24 18:19 UTC".len();
        let written = text.get(..LENGTH)?;
        let (date, rest) = (written.get(..10)?, written.get(10..)?);
        let time = rest.strip_prefix(' ')?.strip_suffix(" UTC")?;
        let moment: jiff::Timestamp = format!("{date}T{time}:00Z").parse().ok()?;
        Some((Self(moment.as_millisecond()), LENGTH))
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(moment.as_millisecond()))
    }
}

/// Tells the time. The store's clock decides about leases and due times.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How many milliseconds the reference clock has been moved since this one last followed it;
    /// zero if it was not. Before this clock follows, times that were measured with it must be
    /// moved by the same amount.
    fn strayed(&self) -> i64 {
        0
    }

    /// Moves this clock by this many milliseconds.
    fn follow(&self, _by: i64) {}
}

/// Differences up to this count as drift and are followed at once.
const DRIFT: i64 = 2_000;

/// A clock that nobody can set while it runs: a start time, continued by the monotonic clock, which
/// stops while the machine sleeps. It measures leases and pauses.
pub struct MonotonicClock {
    begun: Instant,
    /// The time at `begun`, in milliseconds.
    at: AtomicI64,
    /// The reference clock's time at `begun`, as last read, in milliseconds.
    other: AtomicI64,
}

impl MonotonicClock {
    /// Starts with this as the current time.
    pub fn begin(now: Timestamp) -> Self {
        Self {
            begun: Instant::now(),
            at: AtomicI64::new(now.0),
            other: AtomicI64::new(now.0),
        }
    }

    fn passed(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Notes the time of the reference clock.
    pub fn hear(&self, other: Timestamp) {
        let other = other.0.saturating_sub(self.passed());
        self.other.store(other, Ordering::Relaxed);
        let by = other - self.at.load(Ordering::Relaxed);
        if by.abs() <= DRIFT {
            self.follow(by);
        }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        Timestamp(
            self.at
                .load(Ordering::Relaxed)
                .saturating_add(self.passed()),
        )
    }

    fn strayed(&self) -> i64 {
        self.other.load(Ordering::Relaxed) - self.at.load(Ordering::Relaxed)
    }

    fn follow(&self, by: i64) {
        self.at.fetch_add(by, Ordering::Relaxed);
    }
}

/// This machine's clock, read once and then continued: the clock of a database that is a file.
pub struct MachineClock(MonotonicClock);

impl Default for MachineClock {
    fn default() -> Self {
        Self(MonotonicClock::begin(System.now()))
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn strayed(&self) -> i64 {
        self.0.hear(System.now());
        self.0.strayed()
    }

    fn follow(&self, by: i64) {
        self.0.follow(by);
    }
}

/// Makes identities and secrets.
pub trait Ids: Send + Sync {
    /// A new UUID, in order of creation.
    fn uuid(&self) -> Uuid;
    /// 32 bytes of secure randomness.
    fn secret(&self) -> [u8; 32];
}

/// The machine's own clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> Timestamp {
        let passed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(0).plus(passed)
    }
}

impl Ids for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes identities"
    )]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_and_read_back() {
        let moment = Timestamp(1_795_544_395_123);
        assert_eq!(
            serde_json::to_string(&moment).expect("json"),
            "\"2026-11-24T18:19:55.123Z\""
        );
        assert_eq!(moment.to_minute(), "2026-11-24 18:19 UTC");
        assert_eq!(
            serde_json::from_str::<Timestamp>("\"2026-11-24T18:19:55.123Z\"").expect("time"),
            moment
        );
    }

    #[test]
    fn drift_is_followed_and_a_step_is_told() {
        let clock = MonotonicClock::begin(Timestamp(1_000_000));
        let begun = clock.now();
        clock.hear(begun.plus(Duration::from_millis(1_500)));
        assert_eq!(clock.strayed(), 0, "followed");
        assert!((1_400..1_700).contains(&(clock.now().0 - begun.0)));
        for hours in [1, -1] {
            let before = clock.now();
            clock.hear(Timestamp(before.0 + hours * 3_600_000));
            let by = clock.strayed();
            assert!((by - hours * 3_600_000).abs() < 100, "{by}");
            assert!((clock.now().0 - before.0) < 100, "it continues as before");
            clock.follow(by);
            assert_eq!(clock.strayed(), 0);
            assert!((clock.now().0 - before.0 - by).abs() < 100);
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_time_instead_of_a_panic() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
