//! Measures AgentVine from outside, over HTTP, with every guarantee on, and prints JSON lines.
//!
//! - `vine-bench measure PROGRAM`: latencies of a question's way, memory, idle costs (`tests/bench/run`)
//! - `vine-bench scale PROGRAM`: one daemon, up to 5,000 workers and 100,000 tasks (`tests/bench/scale`)
//! - `vine-bench peer …`: one of several job queues before one driver (`tests/bench/peers`)

mod measure;
mod peer;
mod place;
mod scale;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let program = || words.get(1).context("name the program to measure: target/release/vine");
    match words.first().map(String::as_str) {
        Some("measure") => measure::run(program()?).await,
        Some("scale") => scale::run(program()?, &words[2..]).await,
        Some("peer") => peer::run(&words[1..]).await,
        _ => bail!("measure, scale or peer"),
    }
}

pub fn print(what: &str, mut figures: Value) {
    figures["what"] = what.into();
    println!("{figures}");
}

/// Milliseconds: median, 95th and 99th percentile.
pub fn spread(what: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| (samples[((samples.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e6).round() / 1e3;
    print(what, json!({ "samples": samples.len(), "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1.0) }));
}
