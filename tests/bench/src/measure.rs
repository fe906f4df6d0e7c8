//! The question's way and the daemon's costs, on SQLite with every guarantee on.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};
use vine_api::{Claim, Claimed, Client, Complete, Delivered, GiveAnswer, PostQuestion, PostedQuestion};
use vine_domain::{
    Ask,
    clock::{Ids, System},
    question::Item,
    task::Report,
    worker::Assignment,
};

use crate::{place::Place, print, spread, worker::WorkerClient};

const SAMPLES: usize = 300;
const DRAINED: usize = 5_000;
const DRAINERS: usize = 16;
const QUEUED: usize = 10_000;
const IDLE_WORKERS: usize = 100;
const IDLE_SPAN: Duration = Duration::from_secs(30);

/// All of them, on a daemon of its own.
pub async fn run(program: &str) -> Result<()> {
    let place = Place::start(program, &[]).await?;
    print("memory_idle", json!({ "rss_mib": place.rss_mib()? }));
    latencies(&place).await?;
    drain(&place).await?;
    idle(&place).await?;
    memory_with_backlog(&place).await
}

/// The three latencies of a question's way, one task after the other on an otherwise idle daemon.
async fn latencies(place: &Place) -> Result<()> {
    let worker = WorkerClient::enrol(&place.user, "latency", 1).await?;
    let beats = worker.beats();
    let (mut claimed, mut asked, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let waiting = tokio::spawn(worker.clone().claim_one());
        // The claim must be waiting before the task comes.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        place.create().await?;
        let (task, at) = waiting.await??;
        claimed.push(at - start);
        let start = Instant::now();
        let question = ask(&worker, &task).await?;
        asked.push(start.elapsed());
        let mut heard = beats.subscribe();
        let start = Instant::now();
        let answer = GiveAnswer { text: "yes".into(), key: None };
        place.user.post::<_, Value>(&format!("/questions/{}/answer", question.id), &answer).await?;
        let (at, answer) = heard.recv().await.context("the beat tells the answer")?;
        answered.push(at - start);
        let delivered = Delivered { attempt: task.attempt, answer };
        worker.client.post::<_, ()>(&format!("/questions/{}/delivered", question.id), &delivered).await?;
        complete(&worker.client, &task, 0).await?;
    }
    spread("task_created_to_claimed", claimed);
    spread("question_asked_to_stored", asked);
    spread("answer_given_to_received", answered);
    Ok(())
}

async fn ask(worker: &WorkerClient, task: &Assignment) -> Result<PostedQuestion> {
    let item = Item { question: "Go on?".into(), header: String::new(), options: vec![], multi: false };
    let ask = Ask::Clarify { items: vec![item] };
    let post = PostQuestion { attempt: task.attempt, key: System.uuid(), session: None, call: "call".into(), ask, context: String::new() };
    Ok(worker.client.post("/questions", &post).await?)
}

async fn complete(client: &Client, task: &Assignment, next: u32) -> Result<Vec<Assignment>> {
    let complete = Complete { attempt: task.attempt, report: Report::default(), patch: String::new(), next };
    Ok(client.post::<_, Claimed>("/queue/complete", &complete).await?.assignments)
}

/// How fast 16 workers that do nothing empty the queue, one claim for each task.
async fn drain(place: &Place) -> Result<()> {
    place.create_many(DRAINED).await?;
    let mut workers = Vec::new();
    for number in 0..DRAINERS {
        workers.push(WorkerClient::enrol(&place.user, &format!("drain-{number}"), 1).await?);
    }
    let start = Instant::now();
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(async move {
            let mut done = 0;
            let mut tasks = worker.client.claim(&Claim { slots: 1, wait: 0.0 }).await?.assignments;
            while let Some(task) = tasks.pop() {
                tasks = complete(&worker.client, &task, 1).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(one) = running.join_next().await {
        done += one??;
    }
    let seconds = start.elapsed().as_secs_f64();
    print(
        "drain_16_workers",
        json!({ "tasks": done, "seconds": (seconds * 1e3).round() / 1e3, "tasks_per_second": (done as f64 / seconds).round() }),
    );
    Ok(())
}

async fn memory_with_backlog(place: &Place) -> Result<()> {
    place.user.run(&["queue".into(), "pause".into()], "").await?;
    place.create_many(QUEUED).await?;
    print("memory_10000_queued", json!({ "rss_mib": place.rss_mib()? }));
    Ok(())
}

/// What the daemon costs while 100 workers wait for work and there is none to give.
async fn idle(place: &Place) -> Result<()> {
    let mut waiting = JoinSet::new();
    for number in 0..IDLE_WORKERS {
        let worker = WorkerClient::enrol(&place.user, &format!("idle-{number}"), 1).await?;
        waiting.spawn(worker.clone().beat_for_ever());
        waiting.spawn(async move {
            loop {
                let _nothing_to_do = worker.client.claim(&Claim { slots: 1, wait: 30.0 }).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = place.cpu_seconds()?;
    tokio::time::sleep(IDLE_SPAN).await;
    let used = place.cpu_seconds()? - before;
    let percent = used / IDLE_SPAN.as_secs_f64() * 100.0;
    print(
        "idle_cpu_100_workers",
        json!({ "percent_of_a_core": (percent * 100.0).round() / 100.0, "seconds": IDLE_SPAN.as_secs(), "rss_mib": place.rss_mib()? }),
    );
    Ok(())
}
