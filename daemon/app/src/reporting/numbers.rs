//! Key numbers of the last day, for one small screen. `/metrics` has them and more.

use std::time::Duration;

use vine_domain::{
    Timestamp,
    ports::{DayStats, Store, StoreResult},
    session::SessionStats,
};

use crate::{reporting::trends::Trends, texts};

/// One day.
const DAY: Duration = Duration::from_secs(86_400);

/// A heading with its numbers: each has a name and a value in words.
pub type NumberGroup = (&'static str, Vec<(&'static str, String)>);

fn endings(sessions: &SessionStats) -> (u64, String) {
    let of = |word: &str| {
        let found = sessions.ended.iter().find(|(reason, _)| reason == word);
        found.map_or(0, |(_, count)| *count)
    };
    let all = sessions.ended.iter().map(|(_, count)| count).sum();
    let idle = of("idle");
    let done = of("completed");
    (
        all,
        format!(
            "{idle} idle, {done} with their task, {} other",
            all - idle - done
        ),
    )
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "none yet".into(),
        whole => format!("{} %", part * 100 / whole),
    }
}

fn mean(all: Duration, count: u64) -> String {
    match u32::try_from(count) {
        Ok(0) => "none yet".into(),
        count => texts::span(all / count.unwrap_or(u32::MAX)),
    }
}

fn ratio(all: u64, count: u64) -> String {
    match count {
        0 => "none yet".into(),
        count => format!("{}.{}", all / count, all * 10 / count % 10),
    }
}

fn per_hour(count: u64) -> String {
    ratio(count, 24)
}

/// The share of all current slots that was busy over the day.
fn busy(day: DayStats, slots: u64) -> String {
    percent(
        day.busy.as_secs().min(slots * DAY.as_secs()),
        slots * DAY.as_secs(),
    )
}

/// Reads the numbers of the day; `trends` is how soon people answered.
pub(super) async fn read(
    store: &dyn Store,
    now: Timestamp,
    trends: &Trends,
) -> StoreResult<Vec<NumberGroup>> {
    let day = store.day(now.minus(DAY)).await?;
    let depths = store.depths().await?;
    let workers = store.workers().await?;
    let sessions = store.session_stats().await?;
    let workers = workers.iter().map(|load| &load.worker);
    let up = workers.clone().filter(|worker| worker.is_online(now));
    let slots: u64 = workers.clone().map(|worker| u64::from(worker.slots)).sum();
    let queued: Vec<String> = depths
        .named()
        .iter()
        .map(|(name, depth)| format!("{name} {depth}"))
        .collect();
    let (ended, by) = endings(&sessions);
    let none = || "no answers yet".to_owned();
    let waited = |wait: Option<Duration>| wait.map(texts::span);
    let response = waited(trends[0].median)
        .zip(waited(trends[0].p95))
        .map_or_else(none, |(median, p95)| {
            format!("{median} (median), 95 % within {p95}")
        });
    Ok(vec![
        (
            "System",
            vec![
                (
                    "Workers up",
                    percent(up.count() as u64, workers.len() as u64),
                ),
                ("Queue depth", queued.join(" · ")),
                ("Run time", mean(day.took, day.done)),
                ("Failed tasks", percent(day.failed, day.done + day.failed)),
            ],
        ),
        (
            "Sessions",
            vec![
                ("Active", sessions.active.to_string()),
                ("Average lifetime", mean(sessions.lived, ended)),
                (
                    "Reused",
                    percent(sessions.reused, ended + sessions.active + sessions.warm),
                ),
                ("Ended", by),
            ],
        ),
        (
            "Chat",
            vec![
                ("Questions per hour", per_hour(day.asked)),
                ("Response time", response),
                ("Messages per task", ratio(day.messages, day.done)),
            ],
        ),
        (
            "Work",
            vec![
                ("Tasks done per hour", per_hour(day.done)),
                ("Queue time", mean(day.queued, day.first_claims)),
                ("Workers busy", busy(day, slots)),
            ],
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(percent(0, 0), "none yet");
        assert_eq!(mean(Duration::ZERO, 0), "none yet");
        assert_eq!(ratio(1, 0), "none yet");
        assert_eq!(busy(DayStats::default(), 0), "none yet");
    }

    #[test]
    fn numbers_are_said_plainly() {
        assert_eq!(percent(1, 3), "33 %");
        assert_eq!(mean(Duration::from_secs(600), 2), "5 min");
        assert_eq!((ratio(7, 2), per_hour(36)), ("3.5".into(), "1.5".into()));
        let day = DayStats {
            busy: Duration::from_secs(43_200),
            ..DayStats::default()
        };
        assert_eq!(busy(day, 2), "25 %");
        let sessions = SessionStats {
            ended: vec![
                ("idle".into(), 2),
                ("completed".into(), 5),
                ("lost".into(), 1),
            ],
            ..SessionStats::default()
        };
        assert_eq!(endings(&sessions).1, "2 idle, 5 with their task, 1 other");
    }
}
