//! `task ...`

use serde_json::json;
use vine_api::TaskView;
use vine_domain::{
    ModelChoice, Question, Task, TaskId, TaskState,
    attempt::{Execution, LogRange, Usage},
    lifecycle::TaskAction,
    markdown::{fenced, literal, quoted},
    ports::TaskFilter,
    uuid_of,
};
use vine_grammar::TaskVerb;

use crate::{
    App, AppError, AppResult, Caller,
    commands::{explain, named::named, output::CommandOutput, request},
    tasks::TaskRequest,
    texts,
};

pub async fn run(
    app: &App,
    caller: &Caller,
    verb: TaskVerb,
    key: Option<String>,
) -> AppResult<CommandOutput> {
    match verb {
        TaskVerb::New {
            title,
            prompt,
            repo,
            base,
            after,
            branch,
            priority,
            model,
            effort,
            key: own,
        } => {
            let title = TaskVerb::title(&title)?;
            let prompt = prompt.map(|prompt| prompt.parse()).transpose()?;
            let wish = TaskRequest {
                title,
                prompt,
                repo,
                base,
                after,
                branch,
                lane: priority,
                model: ModelChoice { model, effort },
                key: own.or(key),
            };
            let task = app.tasks.create(caller, wish).await?;
            // The same message may have made it before.
            let state = match task.is_over() {
                true => format!("{} already", task.state.as_str()),
                false => texts::queued(&task),
            };
            Ok(CommandOutput::new(
                format!(
                    "{} is {state}: {}\n{}/tasks/{}",
                    task.id,
                    task.title,
                    app.settings().link,
                    task.id
                ),
                TaskView::of(&task),
            ))
        }
        TaskVerb::List { state, repo, range } => {
            let _turn = app.reporting.list_limiter.turn(caller, range.limit).await?;
            let tasks = app
                .tasks
                .list(
                    caller,
                    &TaskFilter {
                        state,
                        repo,
                        limit: range.limit,
                        ..TaskFilter::default()
                    },
                )
                .await?;
            Ok(CommandOutput::list(
                &tasks,
                |task| line(app, task),
                TaskView::row,
                "No tasks. `task new <title>` creates one.",
            ))
        }
        TaskVerb::Show { task } => show(app, caller, named(task)?).await,
        TaskVerb::Cancel { task, round: None } => {
            ordered(app, caller, named(task)?, TaskAction::Cancel).await
        }
        TaskVerb::Cancel {
            task,
            round: Some(round),
        } => {
            let task = app.tasks.take_back(caller, named(task)?, round).await?;
            Ok(CommandOutput::new(line(app, &task), TaskView::of(&task)).fixed())
        }
        TaskVerb::Retry { task } => ordered(app, caller, named(task)?, TaskAction::Retry).await,
        TaskVerb::Continue { words } => go_on(app, caller, &words, key).await,
        TaskVerb::Priority { lane, task } => {
            ordered(app, caller, named(task)?, TaskAction::Prioritise(lane)).await
        }
        TaskVerb::Log { task, range } => log(app, caller, named(task)?, range.limit).await,
        TaskVerb::Diff { task, round } => diff(app, caller, named(task)?, round).await,
        TaskVerb::Push { task, leave: true } => {
            let id = named(task)?;
            let text = app.fleet.leave(caller, id).await?;
            Ok(CommandOutput::new(
                text,
                json!({ "id": id, "state": "left" }),
            ))
        }
        TaskVerb::Push { task, leave: false } => {
            let id = named(task)?;
            let text = app.fleet.push(caller, id).await?;
            Ok(CommandOutput::new(
                text,
                json!({ "id": id, "state": "wanted" }),
            ))
        }
        TaskVerb::Request { .. } | TaskVerb::Merge { .. } | TaskVerb::FixUp { .. } => {
            request::run(app, caller, verb).await
        }
        TaskVerb::Explain { task } => explain::explain(app, caller, named(task)?).await,
    }
}

/// A task that is over continues; the first of the words names it.
async fn go_on(
    app: &App,
    caller: &Caller,
    words: &[String],
    key: Option<String>,
) -> AppResult<CommandOutput> {
    let (id, text) = words
        .split_first()
        .ok_or_else(|| AppError::Unreadable("which task?".into()))?;
    let id = id.parse()?;
    let key = match &key {
        // In chat, a message has one key, whichever way its words are used.
        Some(event) => uuid_of(event),
        None => app.new_id(),
    };
    let text = text.join(" ");
    let task = app.tasks.go_on(caller, id, &text, key).await?;
    let text = format!(
        "{} continues: round {}.\n{}/tasks/{}",
        task.id,
        task.round.number,
        app.settings().link,
        task.id
    );
    Ok(CommandOutput::new(text, TaskView::of(&task)))
}

/// Cancels, retries, moves or discards, and returns the task's new state.
pub async fn ordered(
    app: &App,
    caller: &Caller,
    id: TaskId,
    order: TaskAction,
) -> AppResult<CommandOutput> {
    let task = app.tasks.order(caller, id, order).await?;
    Ok(CommandOutput::new(line(app, &task), TaskView::of(&task)).fixed())
}

/// A task in one line.
pub fn line(app: &App, task: &Task) -> String {
    format!(
        "{:<6} {:<10} {:<8} {:<12} {}",
        task.id.to_string(),
        task.state.as_str(),
        task.lane.as_str(),
        task.repo,
        task.title
    ) + &hint(app, &task.state)
}

fn hint(app: &App, state: &TaskState) -> String {
    match state {
        TaskState::Queued { due, .. } if *due > app.now() => {
            format!(" ({})", texts::state(state, app.now()))
        }
        TaskState::Failed { failure, .. } => {
            format!(" ({})", failure.what.lines().next().unwrap_or_default())
        }
        _ => String::new(),
    }
}

async fn show(app: &App, caller: &Caller, id: TaskId) -> AppResult<CommandOutput> {
    let whole = app.questions.task_with_parts(caller, id).await?;
    let task = &whole.task;
    let mut lines = vec![
        format!("**{id}** {}", literal(task.title.as_str())),
        format!(
            "{} · `{}` · from `{}` to `{}` · requested by {}",
            texts::state(&task.state, app.now()),
            task.repo,
            task.base,
            task.branch,
            literal(&task.requester)
        ),
    ];
    lines.extend(task.request.as_ref().map(|request| request.said()));
    lines.extend(task.model.said().map(|model| format!("It chose {model}.")));
    let attempts = whole.executions.len() as u64;
    let attempts = texts::counted(attempts, "attempt", "attempts");
    let spent = texts::total(&whole.executions).or_else(|| only_cost(&whole.executions));
    lines.push(match spent {
        Some(spent) => format!("{attempts}: {spent}"),
        None => attempts,
    });
    lines.push(format!("\nPrompt:\n{}", quoted(task.prompt.as_str())));
    let questions: Vec<String> = whole.questions.iter().map(question_line).collect();
    if !questions.is_empty() {
        lines.push(format!("\nQuestions:\n{}", questions.join("\n")));
    }
    lines.extend(outcome(task).map(|outcome| format!("\n{outcome}")));
    lines.push(format!("\n{}", can_be_done(task)));
    Ok(CommandOutput::new(lines.join("\n"), whole.view()))
}

fn only_cost(executions: &[Execution]) -> Option<String> {
    let paid = executions
        .iter()
        .find(|one| one.usage != Usage::default())?;
    Some(texts::spent(&paid.usage))
}

fn question_line(question: &Question) -> String {
    format!(
        "- **{}** {} ({})",
        question.id,
        literal(&question.ask.headline()),
        literal(&super::question::state(question))
    )
}

/// The commands that do something with a task in its state.
fn can_be_done(task: &Task) -> String {
    let offered = texts::TaskButton::offered(&task.state).iter();
    let command = |button: &texts::TaskButton| {
        let command = button.command(task.id);
        command.unwrap_or_else(|| format!("task continue {} …", task.id))
    };
    let commands: Vec<String> = offered
        .map(|button| format!("`{}`", command(button)))
        .chain([format!("`task explain {}`", task.id)])
        .collect();
    format!("You can: {}", commands.join(", "))
}

fn outcome(task: &Task) -> Option<String> {
    match &task.state {
        TaskState::Done { report } => Some(
            [quoted(&report.summary), fenced(report.diffstat.trim_end())]
                .into_iter()
                .filter(|part| !part.trim_matches(['>', '`', '\n', ' ']).is_empty())
                .collect::<Vec<_>>()
                .join("\n\n"),
        ),
        TaskState::Failed { failure, .. } => {
            Some(format!("{}\n{}", literal(&failure.what), failure.advice()))
        }
        _ => None,
    }
}

async fn log(app: &App, caller: &Caller, id: TaskId, limit: u32) -> AppResult<CommandOutput> {
    app.tasks.look_at(caller, id).await?;
    let lines = app.tasks.log(id, &LogRange::latest(limit)).await?;
    Ok(CommandOutput::list(
        &lines,
        |line| format!("{} #{} {}", line.at, line.epoch.0, line.text),
        |line| serde_json::to_value(line).unwrap_or_default(),
        "The log is empty.",
    )
    .latest_last())
}

async fn diff(
    app: &App,
    caller: &Caller,
    id: TaskId,
    round: Option<u32>,
) -> AppResult<CommandOutput> {
    let task = app.tasks.look_at(caller, id).await?;
    let patch = app.tasks.patch(id, round).await?;
    let none = || match round {
        Some(round) => format!("No changes have been reported for round {round} of {id}."),
        None => format!("No changes have been reported for {id} yet."),
    };
    let text = patch.clone().unwrap_or_else(none);
    Ok(CommandOutput::new(
        text,
        json!({ "id": id, "state": task.state.as_str(), "branch": task.branch, "patch": patch }),
    )
    .fixed_if(patch.is_some()))
}
