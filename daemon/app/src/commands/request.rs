//! `task request`, `task merge` and `task fix-up`: the pull request of a task.

use serde_json::json;
use vine_api::TaskView;
use vine_domain::markdown::literal;
use vine_grammar::TaskVerb;

use crate::{
    App, AppError, AppResult, Caller,
    change_requests::{FixOrder, MergeWish, RequestView},
    commands::{named::named, output::CommandOutput},
};

pub async fn run(app: &App, caller: &Caller, verb: TaskVerb) -> AppResult<CommandOutput> {
    let requests = &app.change_requests;
    let (task, text) = match verb {
        TaskVerb::Request {
            task,
            open,
            close,
            update,
        } => {
            let task = named(task)?;
            let text = match (open, close, update) {
                (true, ..) => requests.want(caller, task).await?,
                (_, true, _) => requests.close(caller, task).await?,
                (_, _, true) => requests.update(caller, task).await?,
                _ => return Ok(shown(&requests.view(caller, task).await?)),
            };
            (task, text)
        }
        TaskVerb::Merge {
            task,
            method,
            when_checks_pass,
            head,
        } => {
            let task = named(task)?;
            let wish = MergeWish {
                method,
                when_passed: when_checks_pass,
                head,
            };
            (task, requests.merge(caller, task, wish).await?)
        }
        TaskVerb::FixUp { task, finding } => {
            let order = FixOrder {
                task: named(task)?,
                finding,
            };
            let task = requests.fix(caller, order).await?;
            let text = format!("{} continues: round {}.", task.id, task.round.number);
            (task.id, text)
        }
        _ => {
            return Err(AppError::Unreadable(
                "this is not about a pull request".into(),
            ));
        }
    };
    let task = app.tasks.get(task).await?;
    Ok(CommandOutput::new(text, TaskView::of(&task)))
}

/// The pull request of a task, with what can be fixed.
fn shown(view: &RequestView) -> CommandOutput {
    let id = view.task;
    let head = match &view.brief {
        Some(brief) => brief.said(),
        None => format!("{id} has no pull request. `task request {id} --open` opens one."),
    };
    let finding = |(number, text): &(u32, String)| {
        format!("- {} (`task fix-up {id} {number}`)", literal(text))
    };
    let trouble = view.trouble.iter().map(|why| literal(why));
    let findings = view.findings.iter().map(finding);
    let lines: Vec<String> = std::iter::once(head)
        .chain(trouble)
        .chain(findings)
        .collect();
    let findings: Vec<_> = view
        .findings
        .iter()
        .map(|(number, text)| json!({ "number": number, "text": text }))
        .collect();
    let state = view
        .brief
        .as_ref()
        .map_or("none", |brief| brief.state.as_str());
    let data = json!({ "id": id, "state": state, "request": view.brief, "findings": findings, "trouble": view.trouble });
    CommandOutput::new(lines.join("\n"), data)
}
