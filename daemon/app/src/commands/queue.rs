//! `queue ...`

use std::collections::BTreeSet;

use serde_json::json;
use vine_api::TaskView;
use vine_domain::{
    Slug, Task, TaskId, TaskState, Verb, invalid::shown, lifecycle::TaskAction, ports::TaskFilter,
};
use vine_grammar::{BulkFilter, QueueVerb};

use crate::{
    App, AppError, AppResult, Caller,
    commands::{output::CommandOutput, task},
    texts,
};

pub async fn run(app: &App, caller: &Caller, verb: QueueVerb) -> AppResult<CommandOutput> {
    match verb {
        QueueVerb::Status => status(app, caller).await,
        QueueVerb::Pause { repo } => pause(app, caller, repo.as_ref(), true).await,
        QueueVerb::Resume { repo } => pause(app, caller, repo.as_ref(), false).await,
        QueueVerb::Dead { range } => {
            let filter = TaskFilter {
                state: Some("dead".into()),
                limit: range.limit,
                ..TaskFilter::default()
            };
            let dead = app.tasks.list(caller, &filter).await?;
            Ok(CommandOutput::list(
                &dead,
                |dead| task::line(app, dead),
                TaskView::row,
                "No dead letters.",
            ))
        }
        QueueVerb::Replay { task, many } => each(app, caller, task, &many, TaskAction::Retry).await,
        QueueVerb::Discard { task, many } => {
            each(app, caller, task, &many, TaskAction::Discard).await
        }
    }
}

/// At most this many tasks in one call.
const MANY: u32 = 1000;
/// At most this many are named in the reply.
const NAMED: usize = 10;

/// One task, or all that match the filter. Many are counted first and changed only when the caller
/// confirms that count, so that nobody changes tasks unseen.
async fn each(
    app: &App,
    caller: &Caller,
    task: Option<TaskId>,
    many: &BulkFilter,
    order: TaskAction,
) -> AppResult<CommandOutput> {
    if let Some(task) = task {
        return task::ordered(app, caller, task, order).await;
    }
    if !many.all && many.repo.is_none() && many.kind.is_none() {
        return Err(AppError::unclear(
            "select dead letters with `--all`, `--repo` or `--kind`",
            "`queue dead` lists dead letters",
        ));
    }
    let found = found(app, caller, many).await?;
    let verb = if order == TaskAction::Retry {
        "replay"
    } else {
        "discard"
    };
    let ids: Vec<TaskId> = found.iter().map(|task| task.id).collect();
    let count = ids.len() as u64;
    if count == 0 {
        return Ok(CommandOutput::new(
            "No matching dead letters.",
            json!({ "count": 0 }),
        ));
    }
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = count.saturating_sub(NAMED as u64);
    let named = match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    };
    if many.confirm != Some(count) {
        let tasks = texts::counted(count, "dead letter", "dead letters");
        let text = format!(
            "{tasks}: {named}. Nothing has changed yet; run `queue {verb}{} --confirm {count}` to do it.",
            again(many)
        );
        return Ok(CommandOutput::new(
            text,
            json!({ "count": count, "tasks": ids }),
        ));
    }
    for id in &ids {
        app.tasks.order(caller, *id, order).await?;
    }
    let done = if order == TaskAction::Retry {
        "queued again"
    } else {
        "discarded"
    };
    let text = format!(
        "{} {done}: {named}.",
        texts::counted(count, "task", "tasks")
    );
    Ok(CommandOutput::new(
        text,
        json!({ "count": count, "tasks": ids }),
    ))
}

async fn found(app: &App, caller: &Caller, many: &BulkFilter) -> AppResult<Vec<Task>> {
    let filter = TaskFilter {
        state: Some("dead".into()),
        repo: many.repo.clone(),
        limit: MANY,
        ..TaskFilter::default()
    };
    let mut dead = app.tasks.list(caller, &filter).await?;
    if let Some(kind) = &many.kind {
        let kinds: BTreeSet<String> = dead.iter().filter_map(kind_of).collect();
        if !kinds.contains(kind) {
            let hint = match kinds.is_empty() {
                true => "there are no dead letters".to_owned(),
                false => {
                    let kinds: Vec<_> = kinds.into_iter().collect();
                    format!("use one of {}", kinds.join(", "))
                }
            };
            let why = format!("no dead letter has the failure kind `{}`", shown(kind));
            return Err(AppError::unclear(why, hint));
        }
        dead.retain(|task| kind_of(task).as_ref() == Some(kind));
    }
    Ok(dead)
}

/// The kind of failure as the API names it.
fn kind_of(task: &Task) -> Option<String> {
    let TaskState::Failed { failure, .. } = &task.state else {
        return None;
    };
    let name = serde_json::to_value(failure.kind).ok()?;
    name.as_str().map(str::to_owned)
}

/// The filter as it is typed.
fn again(many: &BulkFilter) -> String {
    let repo = many.repo.as_ref().map(|repo| format!(" --repo {repo}"));
    let kind = many.kind.as_ref().map(|kind| format!(" --kind {kind}"));
    let all = many.all.then(|| " --all".to_owned());
    [all, repo, kind].into_iter().flatten().collect()
}

async fn status(app: &App, caller: &Caller) -> AppResult<CommandOutput> {
    app.people.allow(caller, Verb::See, None, "queues").await?;
    let depths = app.reporting.depths().await?;
    let state = if depths.paused { "paused" } else { "open" };
    let queues = depths.named();
    let text: Vec<_> = queues
        .iter()
        .map(|(name, depth)| format!("{name:<22} {depth}"))
        .collect();
    let data: Vec<_> = queues
        .iter()
        .map(|(name, depth)| json!({ "id": name, "state": state, "depth": depth }))
        .collect();
    let paused = if depths.paused {
        "\nThe queue is paused; `queue resume` ends the pause."
    } else {
        ""
    };
    Ok(CommandOutput::new(text.join("\n") + paused, data))
}

async fn pause(
    app: &App,
    caller: &Caller,
    repo: Option<&Slug>,
    paused: bool,
) -> AppResult<CommandOutput> {
    let what = repo.map_or("everywhere".into(), |repo| format!("in {repo}"));
    let word = if paused { "paused" } else { "open" };
    app.tasks.pause(caller, repo, paused).await?;
    let text = if paused {
        format!("Paused {what}: no new tasks start; running agents continue.")
    } else {
        format!("Resumed {what}: queued tasks start.")
    };
    Ok(CommandOutput::new(
        text,
        json!({ "id": repo.map_or("all", |repo| repo.as_str()), "state": word }),
    ))
}
