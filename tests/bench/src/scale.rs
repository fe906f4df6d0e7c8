//! How far one daemon goes: more and more workers that wait, beat and work, before more and more
//! tasks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};
use vine_api::Claim;

use crate::{percent, place::Place, print, quantile, worker::WorkerClient};

/// How long each step is watched.
const SPAN: Duration = Duration::from_secs(20);
/// What a task takes: agents work for minutes, so a fleet of 5,000 ends a few dozen tasks in a
/// second.
const TASKS_PER_SECOND: f64 = 50.0;

/// Steps by number of workers, before so many tasks.
pub async fn run(program: &str, steps: &str, queued: usize, more: &[(&str, String)]) -> Result<()> {
    let place = Place::start(program, more).await?;
    let begun = Instant::now();
    place.create_many(queued).await?;
    print(
        "queued",
        json!({ "tasks": queued, "seconds": begun.elapsed().as_secs_f64(), "rss_mib": place.rss_mib()? }),
    );
    for step in steps.split(',') {
        fleet(&place, step.parse().context("a number of workers")?).await?;
    }
    Ok(())
}

async fn fleet(place: &Place, count: usize) -> Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let (done, claims) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(std::sync::Mutex::new(Vec::new())),
    );
    let mut running = JoinSet::new();
    // Each works so long that the whole fleet ends about the same number of tasks in a second.
    let work = Duration::from_secs_f64(count as f64 / TASKS_PER_SECOND);
    for number in 0..count {
        let worker =
            WorkerClient::enrol(&place.user, &format!("fleet-{count}-{number}"), 1).await?;
        running.spawn(worker.clone().beat_for_ever());
        let (over, done, claims) = (Arc::clone(&over), Arc::clone(&done), Arc::clone(&claims));
        running.spawn(async move {
            // They do not all begin at once.
            tokio::time::sleep(work.mul_f64(number as f64 / count as f64)).await;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let Ok(claimed) = worker
                    .client
                    .claim(&Claim {
                        slots: 1,
                        wait: 30.0,
                        except_repos: Vec::new(),
                    })
                    .await
                else {
                    continue;
                };
                claims.lock().expect("whole").push(asked.elapsed());
                for task in claimed.assignments {
                    worker.hold(task.attempt);
                    tokio::time::sleep(work).await;
                    let _counted_only_when_it_worked = worker
                        .complete(&task, 0)
                        .await
                        .map(|_| done.fetch_add(1, Ordering::Relaxed));
                    worker.release(task.attempt);
                }
            }
        });
    }
    // Until the first of them end.
    tokio::time::sleep(work).await;
    claims.lock().expect("whole").clear();
    let (before, cpu, transactions) = (
        done.load(Ordering::Relaxed),
        place.cpu_seconds()?,
        place.transactions().await?,
    );
    let begun = Instant::now();
    tokio::time::sleep(SPAN).await;
    let seconds = begun.elapsed().as_secs_f64();
    let mut claims = std::mem::take(&mut *claims.lock().expect("whole"));
    claims.sort();
    print(
        "fleet",
        json!({
            "workers": count, "tasks_per_second": (done.load(Ordering::Relaxed) - before) as f64 / seconds,
            "claim_p50_ms": quantile(&claims, 0.5), "claim_p99_ms": quantile(&claims, 0.99), "claims": claims.len(),
            "daemon_cpu_percent": percent((place.cpu_seconds()? - cpu) / seconds), "rss_mib": place.rss_mib()?,
            "transactions_per_second": (place.transactions().await? - transactions) / seconds,
        }),
    );
    over.store(true, Ordering::Relaxed);
    running.abort_all();
    while running.join_next().await.is_some() {}
    Ok(())
}
