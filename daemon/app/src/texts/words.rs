//! Numbers, durations and costs in words.

use std::time::Duration;

use vine_domain::{
    Question, Timestamp,
    attempt::{Execution, Usage},
    question::Milestones,
};

/// A number of things: `1 task`, `2 tasks`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A duration in the largest unit that fits.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// How long until a moment, in words.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let wait = at.since(now);
    if wait < Duration::from_secs(1) {
        "now".into()
    } else {
        format!("in {}", span(wait))
    }
}

/// What an attempt cost.
pub fn spent(usage: &Usage) -> String {
    let Usage {
        turns,
        input_tokens,
        output_tokens,
        cost_microdollars,
    } = usage;
    let cents = cost_microdollars / 10_000;
    format!(
        "{}, {input_tokens} tokens in, {output_tokens} out, about ${}.{:02}",
        counted(*turns, "turn", "turns"),
        cents / 100,
        cents % 100
    )
}

/// What several attempts cost together; `None` unless at least two report usage.
pub fn total(attempts: &[Execution]) -> Option<String> {
    let paid = attempts.iter().filter(|one| one.usage != Usage::default());
    let mut sum = Usage::default();
    for one in paid.clone() {
        sum += one.usage;
    }
    (paid.count() > 1).then(|| spent(&sum))
}

/// A question's milestones so far, one a line.
pub fn timeline(question: &Question, stations: &Milestones) -> String {
    let mut before = question.asked_at;
    let hop = |(station, at): (&str, Timestamp)| {
        let line = format!(
            "{station:<10}{at}  +{:.3} s",
            at.since(before).as_secs_f64()
        );
        before = at;
        line
    };
    question
        .timeline(stations)
        .into_iter()
        .map(hop)
        .collect::<Vec<_>>()
        .join("\n")
}
