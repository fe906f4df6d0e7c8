//! `worker ...`

use vine_domain::{Timestamp, Verb, Worker};
use vine_grammar::WorkerVerb;

use super::Reply;
use crate::{App, Caller, Done, view};

pub async fn run(app: &App, caller: &Caller, verb: WorkerVerb) -> Done<Reply> {
    let now = app.clock.now();
    let one = |row: &(Worker, usize, usize)| Reply::new(line(row, now), view::worker(row, now));
    match verb {
        WorkerVerb::List => {
            app.allow(caller, Verb::See, None, "workers").await?;
            let workers = app.store.workers().await?;
            Ok(Reply::list(
                &workers,
                |row| line(row, now),
                |row| view::worker(row, now),
                "No workers. `vine worker` starts one.",
            ))
        }
        WorkerVerb::Show { worker } => {
            app.allow(caller, Verb::See, None, "workers").await?;
            Ok(one(&app.worker_named(&worker).await?))
        }
        WorkerVerb::Drain { worker } => Ok(one(&app.drain(caller, &worker, true).await?)),
        WorkerVerb::Resume { worker } => Ok(one(&app.drain(caller, &worker, false).await?)),
        WorkerVerb::Remove { worker } => {
            app.remove_worker(caller, &worker).await?;
            Ok(Reply::new(
                format!("{worker} is forgotten; its token no longer works."),
                serde_json::json!({ "id": worker, "state": "removed" }),
            ))
        }
    }
}

fn line(row: &(Worker, usize, usize), now: Timestamp) -> String {
    let (worker, running, waiting) = row;
    let draining = if worker.draining { ", draining" } else { "" };
    let trouble: String = worker
        .troubles()
        .map(|trouble| format!("\n  {trouble}"))
        .collect();
    let state = worker.state(*running, *waiting, now).as_str();
    format!(
        "{:<12} {state:<8} {running} running, {waiting} waiting, {} slots{draining}{trouble}",
        worker.name, worker.slots
    )
}
