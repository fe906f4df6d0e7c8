//! Measures AgentVine from outside, over HTTP, with every guarantee on, and prints JSON lines.
//!
//! - `vine-bench measure PROGRAM`: latencies of a question's way, memory, idle costs
//!   (`tests/bench/run`)
//! - `vine-bench backlog PROGRAM`: the queue's speed with up to a million tasks in it
//!   (`tests/bench/backlog`)
//! - `vine-bench scale PROGRAM`: one daemon, up to 5,000 workers and 100,000 tasks
//!   (`tests/bench/scale`)
//! - `vine-bench compare OLD NEW`: whether a program became slower (`tests/bench/compare`)
//! - `vine-bench peer …`: one of several job queues before one driver (`tests/bench/peers`)
#![expect(
    clippy::disallowed_types,
    reason = "a program chooses its clock and its ids"
)]

mod backlog;
mod compare;
mod drain;
mod measure;
mod peer;
mod place;
mod question;
mod scale;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        words
            .iter()
            .position(|word| word == name)
            .and_then(|at| words.get(at + 1))
            .map(String::as_str)
    };
    let program = |at: usize| {
        words
            .get(at)
            .context("name the program to measure: target/release/vine")
    };
    let more: Vec<(&str, String)> = option("--database")
        .map(|url| ("VINE_DATABASE__URL", url.to_owned()))
        .into_iter()
        .collect();
    match words.first().map(String::as_str) {
        Some("measure") => measure::run(program(1)?, &more).await,
        Some("backlog") => {
            backlog::run(
                program(1)?,
                option("--queued").unwrap_or("1000,100000,1000000"),
                option("--workers").map_or(Ok(16), str::parse)?,
                &more,
            )
            .await
        }
        Some("scale") => {
            let queued = option("--queued").map_or(Ok(100_000), str::parse)?;
            scale::run(
                program(1)?,
                option("--workers").unwrap_or("50,500,5000"),
                queued,
                &more,
            )
            .await
        }
        Some("compare") => compare::run(program(1)?, program(2)?).await,
        Some("peer") => peer::run(&words[1..]).await,
        _ => bail!("measure, backlog, scale, compare or peer"),
    }
}

pub fn print(what: &str, mut figures: Value) {
    figures["what"] = what.into();
    println!("{figures}");
}

/// Milliseconds: median, 95th and 99th percentile.
pub fn spread(what: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| quantile(&samples, share);
    print(
        what,
        json!({ "samples": samples.len(), "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1.0) }),
    );
}

/// Milliseconds; zero if there are no samples.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted
        .get(at)
        .map_or(0.0, |one| (one.as_secs_f64() * 1e6).round() / 1e3)
}

/// With two decimals.
pub fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 1e2
}
