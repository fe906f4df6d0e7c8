//! `task explain`: why a task is where it is, and what happens next.

use serde_json::json;
use vine_domain::{
    Question, Task, TaskId, TaskState, Timestamp, WorkerLoad, WorkerState, markdown::literal,
};

use crate::{App, AppResult, Caller, commands::output::CommandOutput, texts};

/// The attempts so far.
fn tried(task: &Task) -> String {
    match (task.failures, task.epoch.0) {
        (0, attempt) => format!("attempt {attempt}, which does not count as a failure"),
        (1, _) => "1 failed attempt".into(),
        (failures, _) => format!("{failures} failed attempts"),
    }
}

/// How many workers can take work.
fn able(workers: &[WorkerLoad], now: Timestamp) -> usize {
    let able = |load: &&WorkerLoad| {
        let cannot = matches!(load.state(now), WorkerState::Offline | WorkerState::Error);
        !cannot && !load.worker.draining && load.worker.without.is_empty()
    };
    workers.iter().filter(able).count()
}

fn states(workers: &[WorkerLoad], now: Timestamp) -> String {
    let one = |load: &WorkerLoad| {
        let worker = &load.worker;
        let state = if worker.draining {
            "draining"
        } else {
            load.state(now).as_str()
        };
        let trouble: String = worker
            .troubles()
            .map(|trouble| format!(", {}", trouble.trim_end_matches('.')))
            .collect();
        format!("{} is {state}{trouble}", worker.name)
    };
    workers.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What an answered task is waiting for.
async fn resuming(app: &App, task: &Task) -> AppResult<String> {
    let id = task.id;
    Ok(match app.fleet.session_holder(id).await? {
        Some(worker) => {
            let patience = texts::span(app.settings().sessions.affinity);
            format!(
                "{id} was answered and goes ahead of new work. It is waiting for a slot on {}, which \
                 holds its session; if that worker is offline for {patience}, another one starts it \
                 from the beginning.",
                worker.name
            )
        }
        None => format!("{id} was answered and goes ahead of new work, in the next free slot."),
    })
}

/// What somebody needs to reproduce the failure.
async fn repeat(app: &App, task: &Task) -> AppResult<String> {
    let attempt = app.tasks.executions(task.id).await?.into_iter().next_back();
    let session = match attempt.as_ref().and_then(|attempt| attempt.session) {
        Some(id) => app.fleet.find_session(id).await?,
        None => None,
    };
    let place = attempt.map_or_else(
        || "no attempt yet".into(),
        |attempt| format!("attempt {} on {}", attempt.epoch.0, attempt.worker),
    );
    let session = session.map_or_else(
        || "no session".into(),
        |session| format!("session {} of {}", session.id, session.agent),
    );
    Ok(format!(
        "To reproduce it: {place}, {session}, branch {} from {} of {}; the prompt is in `task show`.",
        task.branch, task.base, task.repo
    ))
}

/// Why a task waits for another.
async fn waits(app: &App, task: &Task, first: TaskId) -> AppResult<String> {
    let id = task.id;
    let first = app.tasks.get(first).await?;
    let next = match &first.state {
        TaskState::Done { .. } if first.left_on().is_none() => format!(
            "Its work is not on a branch at the source, though, so create a task with `--base` once it is, and cancel {id}"
        ),
        TaskState::Done { .. } => "It is queued in a moment".to_owned(),
        TaskState::Failed { .. } | TaskState::Cancelled { .. } => format!(
            "`task retry {0}` and `task continue {0} …` run {0} again, `task cancel {id}` gives {id} up",
            first.id
        ),
        _ => format!("`task explain {}` says what it waits for", first.id),
    };
    Ok(format!(
        "{id} starts from the branch of {0} once {0} is done; {0} is {1} now. {next}.",
        first.id,
        first.state.as_str()
    ))
}

pub async fn explain(app: &App, caller: &Caller, id: TaskId) -> AppResult<CommandOutput> {
    let task = app.tasks.look_at(caller, id).await?;
    let mut open = app.questions.of_task(id).await?;
    open.retain(Question::is_open);
    let mut workers = app.fleet.workers().await?;
    // A worker's other failing repositories may be ones that this person is not allowed to see.
    for WorkerLoad { worker, .. } in &mut workers {
        worker.without.retain(|(repo, _)| *repo == task.repo);
    }
    let repo = app.tasks.find_repo(&task.repo).await?;
    let walled_out = match &repo {
        Some(repo) => app.fleet.nobody_can(repo).await?,
        None => None,
    };
    let is_paused = repo.as_ref().is_some_and(|repo| repo.paused);
    let paused = app.reporting.depths().await?.paused;
    let on = |lease: &vine_domain::Lease| {
        workers
            .iter()
            .map(|load| &load.worker)
            .find(|worker| worker.id == lease.worker)
            .map_or("a worker", |worker| worker.name.as_str())
    };
    let why = match &task.state {
        TaskState::Queued { .. } if let Some(first) = task.waits_for => {
            waits(app, &task, first).await?
        }
        TaskState::Queued { .. } if is_paused && paused => format!(
            "{id} is queued, and both {0} and the whole queue are paused. `queue resume` and \
             `queue resume --repo {0}` start its tasks again.",
            task.repo
        ),
        TaskState::Queued { .. } if is_paused => format!(
            "{id} is queued, and {0} is paused. `queue resume --repo {0}` starts its tasks again.",
            task.repo
        ),
        TaskState::Queued { .. } if paused => {
            format!("{id} is queued, and the queue is paused. `queue resume` ends the pause.")
        }
        TaskState::Queued { due, .. } if *due > app.now() => {
            format!(
                "{id} is queued after {}; it starts at {due} at the earliest, {}.",
                tried(&task),
                texts::when(*due, app.now())
            )
        }
        TaskState::Queued { .. } if workers.is_empty() => {
            format!("{id} is queued, and there is no worker. Start one with `vine worker`.")
        }
        TaskState::Queued { .. } if able(&workers, app.now()) == 0 => {
            format!(
                "{id} is queued, and no worker takes work now: {}.",
                states(&workers, app.now())
            )
        }
        TaskState::Queued { .. } if let Some(why) = walled_out => {
            format!(
                "{id} is queued, and no worker can run it: {why}. `repo set {}` changes what it requires; `worker show` shows which wall a worker has, and why.",
                task.repo
            )
        }
        TaskState::Queued { resumes: true, .. } => resuming(app, &task).await?,
        TaskState::Queued { .. } => format!(
            "{id} is queued in lane {} and starts in the next free slot.",
            task.lane.as_str()
        ),
        TaskState::Running { lease } => format!(
            "{id} is running on {} (attempt {}). It ends on its own, or asks.",
            on(lease),
            task.epoch.0
        ),
        TaskState::Waiting { lease } => {
            let asked: Vec<_> = open
                .iter()
                .map(|question| question.id.to_string())
                .collect();
            let next = open.iter().filter_map(|question| question.alarm).min();
            let next = next.map_or_else(String::new, |alarm| {
                format!(
                    " The next reminder, or the end of the wait, is due {}.",
                    texts::when(alarm, app.now())
                )
            });
            let holder = lease.as_ref().map_or_else(
                || {
                    "its agent is parked: the process has ended, session and worktree are kept"
                        .into()
                },
                |lease| format!("its agent is held on {}", on(lease)),
            );
            format!(
                "{id} is waiting for an answer to {}; {holder}. Nothing is decided until a person \
                 answers.{next}",
                asked.join(", ")
            )
        }
        TaskState::Done { .. } => format!("{id} is done. `task diff {id}` shows what it changed."),
        TaskState::Failed { failure, .. } => {
            let repeat = repeat(app, &task).await?;
            format!(
                "{id} failed: {}\n{}\n{repeat}",
                literal(&failure.what),
                failure.advice()
            )
        }
        TaskState::Cancelled { by } => {
            format!("{id} was cancelled by {by}. `task retry {id}` runs it again.")
        }
    };
    Ok(CommandOutput::new(
        why.clone(),
        json!({ "id": id, "state": task.state.as_str(), "explanation": why }),
    ))
}
