//! The question's way and the daemon's costs, with every guarantee on.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::task::JoinSet;
use vine_api::Claim;

use crate::{drain::drain, percent, place::Place, print, question, spread, worker::WorkerClient};

const SAMPLES: usize = 300;
const DRAINED: usize = 5_000;
const DRAINERS: usize = 16;
const QUEUED: usize = 10_000;
const IDLE_WORKERS: [usize; 3] = [10, 100, 500];
const IDLE_SPAN: Duration = Duration::from_secs(30);

/// All of them, on a daemon of its own.
pub async fn run(program: &str, more: &[(&str, String)]) -> Result<()> {
    let place = Place::start(program, more).await?;
    print("memory_idle", json!({ "rss_mib": place.rss_mib()? }));
    let ways = question::ways(&place, SAMPLES).await?;
    spread("task_created_to_claimed", ways.claimed);
    spread("question_asked_to_stored", ways.asked);
    spread("answer_given_to_received", ways.answered);
    place.create_many(DRAINED).await?;
    let drained = drain(&place, DRAINERS, DRAINED).await?;
    print(
        "drain_16_workers",
        json!({ "tasks": drained.tasks, "tasks_per_second": drained.rate().round() }),
    );
    idle(&place).await?;
    memory_with_backlog(&place).await
}

async fn memory_with_backlog(place: &Place) -> Result<()> {
    place
        .user
        .run(&["queue".into(), "pause".into()], "")
        .await?;
    place.create_many(QUEUED).await?;
    print(
        "memory_10000_queued",
        json!({ "rss_mib": place.rss_mib()? }),
    );
    Ok(())
}

/// What the daemon costs while workers wait for work and there is none to give.
async fn idle(place: &Place) -> Result<()> {
    let mut waiting = JoinSet::new();
    let mut present = 0;
    for count in IDLE_WORKERS {
        for _ in present..count {
            let worker = WorkerClient::enrol(&place.user, &place.fresh_name(), 1).await?;
            waiting.spawn(worker.clone().beat_for_ever());
            waiting.spawn(async move {
                loop {
                    let _nothing_to_do = worker
                        .client
                        .claim(&Claim {
                            slots: 1,
                            wait: 30.0,
                            except_repos: Vec::new(),
                        })
                        .await;
                }
            });
        }
        present = count;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (before, transactions) = (place.cpu_seconds()?, place.transactions().await?);
        tokio::time::sleep(IDLE_SPAN).await;
        let seconds = IDLE_SPAN.as_secs_f64();
        print(
            "idle",
            json!({
                "workers": count, "percent_of_a_core": percent((place.cpu_seconds()? - before) / seconds), "rss_mib": place.rss_mib()?,
                "transactions_per_second": (place.transactions().await? - transactions) / seconds,
            }),
        );
    }
    Ok(())
}
