//! Recent activity: what was finished, and how soon people answered.

use std::{sync::Arc, time::Duration};

use vine_domain::{
    Timestamp,
    ports::{EndedAttempts, Store, StoreResult},
};

const HOUR: Duration = Duration::from_secs(3600);
/// At most this many answers of a week are counted, the latest ones.
const ANSWERS: u32 = 20_000;

/// One span of time, oldest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrendSpan {
    /// Attempts that ended with a result.
    pub done: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// How long people took to answer: the median; `None` if nobody answered.
    pub response: Option<Duration>,
}

/// Consecutive spans, of which the last ends now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// Their total length, in words.
    pub words: &'static str,
    /// Oldest first.
    pub spans: Vec<TrendSpan>,
    /// How long people took to answer: the median.
    pub median: Option<Duration>,
    /// The 95th percentile.
    pub p95: Option<Duration>,
}

impl Trend {
    /// How many ended with a result.
    pub fn done(&self) -> u64 {
        self.spans.iter().map(|span| span.done).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.spans.iter().map(|span| span.failed).sum()
    }
}

/// The last day and the last week.
pub type Trends = [Trend; 2];

fn trend(
    words: &'static str,
    each: Duration,
    begin: Timestamp,
    count: usize,
    ended: &[EndedAttempts],
    answers: &[(Timestamp, Duration)],
) -> Trend {
    let mut spans = vec![TrendSpan::default(); count];
    for one in ended {
        // An attempt that ends at this very moment belongs to the last span.
        let span = &mut spans[one.span.min(count - 1)];
        span.done += one.done;
        span.failed += one.failed;
    }
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); count];
    for (at, waited) in answers.iter().filter(|(at, _)| *at >= begin) {
        let span = at.since(begin).as_millis() / each.as_millis();
        took[usize::try_from(span).unwrap_or(0).min(count - 1)].push(*waited);
    }
    for (span, took) in spans.iter_mut().zip(&took) {
        span.response = share(took, 50);
    }
    let all = took.concat();
    Trend {
        words,
        spans,
        median: share(&all, 50),
        p95: share(&all, 95),
    }
}

/// A percentile.
fn share(spans: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(at).copied()
}

/// Reads the activity until now.
pub(super) async fn read(store: Arc<dyn Store>, now: Timestamp) -> StoreResult<Trends> {
    let answers = store
        .answers_since(now.minus(28 * 6 * HOUR), ANSWERS)
        .await?;
    let mut trends = Vec::new();
    for (words, each, count) in [("24 hours", HOUR, 24), ("7 days", 6 * HOUR, 28)] {
        let begin = now.minus(each * count);
        let ended = store.ended_since(begin, each).await?;
        trends.push(trend(words, each, begin, count as usize, &ended, &answers));
    }
    Ok(<Trends>::try_from(trends).expect("two of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_ends_fall_into_their_spans() {
        let ended = [
            EndedAttempts {
                span: 0,
                done: 2,
                failed: 1,
            },
            EndedAttempts {
                span: 2,
                done: 1,
                failed: 0,
            },
        ];
        let seconds = Duration::from_secs;
        let at = |hours: u64| Timestamp(0).plus(HOUR * u32::try_from(hours).expect("few"));
        let answers = [
            (at(1), seconds(10)),
            (at(1), seconds(30)),
            (at(1), seconds(20)),
            (at(2), seconds(600)),
            (Timestamp(-5), seconds(1)),
        ];
        let trend = trend("2 hours", HOUR, Timestamp(0), 2, &ended, &answers);
        assert_eq!(
            trend.spans[0],
            TrendSpan {
                done: 2,
                failed: 1,
                response: None
            }
        );
        assert_eq!(
            trend.spans[1],
            TrendSpan {
                done: 1,
                failed: 0,
                response: Some(seconds(20))
            },
            "the median, and the end of the row"
        );
        assert_eq!(
            (trend.median, trend.p95),
            (Some(seconds(20)), Some(seconds(600)))
        );
        assert_eq!(
            (share(&[], 50), share(&[seconds(1)], 95)),
            (None, Some(seconds(1)))
        );
    }
}
