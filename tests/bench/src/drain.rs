//! How fast workers that do nothing empty the queue, one claim for each task.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{task::JoinSet, time::Instant};
use vine_api::Claim;

use crate::{place::Place, worker::WorkerClient};

/// What it took.
pub struct Drained {
    /// Ended tasks.
    pub tasks: usize,
    /// From the first claim to the last end.
    pub seconds: f64,
    /// Each call that ended a task and claimed the next one.
    pub calls: Vec<Duration>,
}

impl Drained {
    /// Ended tasks per second.
    pub fn rate(&self) -> f64 {
        self.tasks as f64 / self.seconds
    }
}

/// So many workers of one slot each end that many tasks, or all that there are.
pub async fn drain(place: &Place, workers: usize, tasks: usize) -> Result<Drained> {
    let mut enrolled = Vec::new();
    for _ in 0..workers {
        enrolled.push(WorkerClient::enrol(&place.user, &place.fresh_name(), 1).await?);
    }
    let (left, mut running, start) = (
        Arc::new(AtomicUsize::new(tasks)),
        JoinSet::new(),
        Instant::now(),
    );
    for worker in enrolled {
        running.spawn(empty(worker, Arc::clone(&left)));
    }
    let mut calls = Vec::new();
    while let Some(one) = running.join_next().await {
        calls.extend(one??);
    }
    Ok(Drained {
        tasks: calls.len(),
        seconds: start.elapsed().as_secs_f64(),
        calls,
    })
}

async fn empty(worker: WorkerClient, left: Arc<AtomicUsize>) -> Result<Vec<Duration>> {
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    };
    let mut calls = Vec::new();
    if !take() {
        return Ok(calls);
    }
    let mut tasks = worker
        .client
        .claim(&Claim {
            slots: 1,
            wait: 0.0,
            except_repos: Vec::new(),
        })
        .await?
        .assignments;
    while let Some(task) = tasks.pop() {
        let begun = Instant::now();
        tasks = worker.complete(&task, u32::from(take())).await?;
        calls.push(begun.elapsed());
    }
    Ok(calls)
}
