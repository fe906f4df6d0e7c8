//! `worker ...`

use vine_api::WorkerView;
use vine_domain::{Timestamp, Verb, WorkerLoad, worker::WorkerLimits};
use vine_grammar::WorkerVerb;

use crate::{App, AppResult, Caller, commands::output::CommandOutput, texts};

pub async fn run(app: &App, caller: &Caller, verb: WorkerVerb) -> AppResult<CommandOutput> {
    let now = app.now();
    let one = |load: &WorkerLoad| CommandOutput::new(line(load, now), WorkerView::of(load, now));
    match verb {
        WorkerVerb::List => {
            app.people.allow(caller, Verb::See, None, "workers").await?;
            let workers = app.fleet.workers().await?;
            Ok(CommandOutput::list(
                &workers,
                |load| line(load, now),
                |load| WorkerView::of(load, now),
                "No workers. `vine worker` starts one.",
            ))
        }
        WorkerVerb::Show { worker } => {
            app.people.allow(caller, Verb::See, None, "workers").await?;
            Ok(one(&app.fleet.worker_named(&worker).await?))
        }
        WorkerVerb::Drain { worker } => Ok(one(&app.fleet.drain(caller, &worker, true).await?)),
        WorkerVerb::Resume { worker } => Ok(one(&app.fleet.drain(caller, &worker, false).await?)),
        WorkerVerb::Limit {
            worker,
            slots,
            repo,
        } => {
            let repos = (!repo.is_empty()).then_some(repo);
            let limits = WorkerLimits { slots, repos };
            Ok(one(&app.fleet.limit(caller, &worker, limits).await?))
        }
        WorkerVerb::Remove {
            offline: true,
            confirm,
            ..
        } => remove_gone(app, caller, confirm).await,
        WorkerVerb::Remove { worker, .. } => {
            // An unknown name removes no worker at all.
            for name in &worker {
                app.fleet.worker_named(name).await?;
            }
            for name in &worker {
                app.fleet.remove_worker(caller, name).await?;
            }
            Ok(removed(&worker))
        }
    }
}

fn removed(names: &[String]) -> CommandOutput {
    let state = |name: &String| serde_json::json!({ "id": name, "state": "removed" });
    match names {
        [name] => CommandOutput::new(
            format!("{name} was removed; its token no longer works."),
            state(name),
        ),
        names => CommandOutput::new(
            format!(
                "{} were removed; their tokens no longer work.",
                names.join(", ")
            ),
            names.iter().map(state).collect::<Vec<_>>(),
        ),
    }
}

async fn remove_gone(app: &App, caller: &Caller, confirm: Option<u64>) -> AppResult<CommandOutput> {
    let (confirmed, names) = app.fleet.remove_gone(caller, confirm).await?;
    let count = names.len() as u64;
    if confirmed {
        return Ok(removed(&names));
    }
    let text = match count {
        0 => "No worker is offline.".into(),
        count => format!(
            "{}: {}. Nothing has changed yet; run `worker remove --offline --confirm {count}` to remove them.",
            texts::counted(count, "offline worker", "offline workers"),
            names.join(", ")
        ),
    };
    Ok(CommandOutput::new(
        text,
        serde_json::json!({ "count": count, "workers": names }),
    ))
}

fn line(load: &WorkerLoad, now: Timestamp) -> String {
    let WorkerLoad {
        worker,
        running,
        waiting,
    } = load;
    let wall = worker
        .standing
        .as_ref()
        .map_or_else(String::new, |standing| {
            format!("\n  wall: {}", standing.said())
        });
    let draining = if worker.draining { ", draining" } else { "" };
    let trouble: String = worker
        .troubles()
        .map(|trouble| format!("\n  {trouble}"))
        .collect();
    let state = load.state(now).as_str();
    format!(
        "{:<12} {state:<8} {running} running, {waiting} waiting, {}{}{draining}{wall}{trouble}",
        worker.name,
        texts::counted(u64::from(worker.slots), "slot", "slots"),
        worker.limits.said()
    )
}
