//! Whether the queue stays as fast when more and more waits in it.

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    drain::{Drained, drain},
    place::Place,
    print, quantile,
};

/// Tasks that are ended at each size.
const DRAINED: usize = 1_000;

/// Fills the queue to each size (default 1,000, 100,000 and 1,000,000), and empties a little of it.
/// So many workers do that.
pub async fn run(
    program: &str,
    sizes: &str,
    workers: usize,
    more: &[(&str, String)],
) -> Result<()> {
    let mut place = Place::start(program, more).await?;
    let mut queued = 0;
    for size in sizes.split(',') {
        let size: usize = size.parse().context("a number of queued tasks")?;
        let begun = Instant::now();
        place.create_many(size - queued).await?;
        let created = (size - queued) as f64 / begun.elapsed().as_secs_f64();
        let Drained {
            tasks,
            seconds,
            mut calls,
        } = drain(&place, workers, DRAINED).await?;
        queued = size - tasks;
        calls.sort();
        print(
            "backlog",
            json!({
                "queued": size, "created_per_second": created.round(), "drained": tasks, "tasks_per_second": (tasks as f64 / seconds).round(),
                "claim_p50_ms": quantile(&calls, 0.5), "claim_p99_ms": quantile(&calls, 0.99), "rss_mib": place.rss_mib()?,
            }),
        );
    }
    let answers = place.restart().await?;
    print(
        "restart",
        json!({ "queued": queued, "seconds": answers.as_secs_f64(), "rss_mib": place.rss_mib()? }),
    );
    Ok(())
}
