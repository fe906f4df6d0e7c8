//! One task: its thread as in chat, with forms for answers.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{Redirect, Response},
};
use maud::{Markup, html};
use tokio::try_join;
use vine_api::TaskView;
use vine_app::{
    App, AppError, Caller,
    texts::{self, TaskButton},
};
use vine_domain::{
    Lane, Question, QuestionId, Task, TaskId, TaskState, Verb, access,
    attempt::{Execution, LogRange, Usage},
    chat::Message,
    markdown::quoted,
};

use super::{
    answer_form::{self, RefusedAnswer},
    command, diff, files, history, log,
    screen::{CommandButton, Screen},
    text, time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh, problem},
};

/// Messages and lines of the log that are shown.
const THREAD: u32 = 500;
const LOG: u32 = 200;

/// `GET /tasks/{id}`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let id: TaskId = id
        .parse()
        .map_err(|invalid: vine_domain::Invalid| problem(&visitor, invalid.into()))?;
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Tasks,
        &id.to_string(),
        || body(&shared.app, &visitor.0, id, None),
    )
    .await
}

/// `GET /questions/{id}`: the task of a question, at the question.
pub async fn of_question(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
) -> Result<Redirect, Response> {
    let found = async {
        let id: QuestionId = id.parse()?;
        let question = shared.app.questions.look_at(&visitor.0, id).await?;
        Ok::<_, AppError>((question.task(), id))
    };
    let (task, id) = found.await.map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&format!("/tasks/{task}#{id}")))
}

/// The page of a task; `refused` is shown where it was given.
pub async fn body(
    app: &App,
    caller: &Caller,
    id: TaskId,
    refused: Option<&RefusedAnswer>,
) -> Result<Markup, AppError> {
    let latest = LogRange::latest(LOG);
    // Somebody who may not see it gets nothing of what is read beside it.
    let (task, questions, thread, attempts, log, patch) = try_join!(
        app.tasks.look_at(caller, id),
        app.questions.of_task(id),
        app.rooms.latest(id, THREAD),
        app.tasks.executions(id),
        app.tasks.log(id, &latest),
        app.tasks.patch(id, None),
    )?;
    let why = match task.state {
        TaskState::Queued { .. } => Some(command::order(app, caller, &explain(id)).await?),
        _ => None,
    };
    let on = attempts.last().map(|attempt| attempt.worker.as_str());
    let session = attempts.iter().rev().find_map(|attempt| attempt.session);
    let ids: Vec<QuestionId> = questions.iter().map(|question| question.id).collect();
    let (around, mut stations) = try_join!(
        app.tasks.agent_of(&task, on),
        app.questions.all_milestones(&ids),
    )?;
    let is_new = |question: &&Question| {
        stations
            .get(&question.id)
            .is_none_or(|at| at.seen.is_none())
    };
    let new: Vec<Question> = questions.iter().filter(is_new).cloned().collect();
    if !new.is_empty() {
        app.questions.mark_seen(caller, &task.repo, &new).await?;
        stations = app.questions.all_milestones(&ids).await?;
    }
    let now = app.now();
    let progress = match task.lease() {
        Some(_) => app.tasks.progress(&task).await?,
        None => None,
    };
    let may = access::decide(caller.user.as_ref(), Verb::Operate, Some(&task.repo)).is_ok();
    let diff_of = match task.round.is_later() {
        true => format!("Diff of round {}", task.round.number),
        false => "Diff".to_owned(),
    };
    Ok(html! {
        h1 { (id) " " (task.title) }
        p { span.(format!("badge {}", task.state.as_str())) { (texts::progress(&task, now)) }
            span.dim { " " (task.repo) " · " code { (task.branch) } " from " code { (task.base) } " · requested by " (task.requester) " · " (task.lane.as_str()) }
        }
        @if let Some(request) = &task.request { div { (text::message(&request.said())) } }
        @if may { (turns(&task)) }
        @if let Some(why) = why { div { (text::message(&why.text)) } }
        @if let Some(progress) = &progress { div { (text::message(&texts::at_work(progress))) } }
        @if let Some(around) = around { div.dim { (text::message(&format!("Agent: {around}"))) } }
        details #prompt open { summary { "Prompt" } (text::message(&quoted(task.prompt.as_str()))) }
        @if !attempts.is_empty() { details #attempts { summary { (spending(&attempts)) } (history::attempts(&attempts)) @if let Some(session) = session { p.dim { "Session " code { (session) } } } } }
        @if let Some(refused) = refused.filter(|refused| !questions.iter().any(|one| one.id == refused.question && one.is_open())) {
            div.problem role="alert" { (text::message(&refused.why)) (text::message(&quoted(&refused.words()))) }
        }
        section.thread aria-label="Thread" {
            @for message in shown(&thread) { (line(message, &thread)) (pressed(message, id)) }
        }
        @for question in questions.iter().filter(|question| question.is_open()) {
            article.ask id=(question.id) tabindex="-1" {
                p.about { "Answer " strong { (question.id) } " " span.dim { (time::moment(now, question.asked_at)) } }
                (answer_form::ask(app, caller, &task, question, refused))
            }
        }
        @if is_read(&task, &questions) {
            form.line method="post" action={ "/tasks/" (id) "/say" } autocomplete="off" {
                // Questions that were asked later have not been seen by the author.
                input type="hidden" name="seen" value=(now.0);
                label { textarea name="text" rows="2" data-enter="sends" aria-label="Write in this thread" placeholder=(placeholder(&questions)) required {} }
                button { "Send" }
            }
        }
        @if task.is_over() && may {
            form.line method="post" action={ "/tasks/" (id) "/continue" } autocomplete="off" {
                label { textarea name="text" rows="2" data-enter="sends" aria-label={ "What to do next in " (id) } placeholder={ (id) " is over. Write what to do next." } required {} }
                button { "Continue" }
            }
        } @else if task.is_over() { p.dim { (id) " is over, so no agent reads messages here any more." } }
        @if !questions.is_empty() { details #timelines { summary { "Question timelines" } (history::ways(&questions, &stations)) } }
        details #log { summary { "Log" }
            p.dim { "The latest " (log.len()) " lines. " a href={ "/tasks/" (id) "/log" } { "The whole log, to search and follow" } }
            (log::list(&log))
        }
        @if let Some(patch) = patch { details #diff { summary { (diff_of) } (diff::diff(&patch)) } }
        details #raw { summary { "Raw data" } pre tabindex="0" { code { (serde_json::to_string_pretty(&TaskView::of(&task)).unwrap_or_default()) } } }
    })
}

fn explain(id: TaskId) -> [String; 3] {
    ["task".into(), "explain".into(), id.to_string()]
}

/// The buttons for what can be done with a task.
fn turns(task: &Task) -> Markup {
    let path = format!("/tasks/{}", task.id);
    let id = task.id.to_string();
    let button = |label: &str, command: &str, confirm: Option<&str>| {
        CommandButton {
            label,
            what: &id,
            command,
            back: &path,
            confirm,
        }
        .show()
    };
    let of = |one: TaskButton, confirm| {
        let command = one.command(task.id).unwrap_or_default();
        button(one.label(), &command, confirm)
    };
    let offered = TaskButton::offered(&task.state);
    let confirm = format!("Cancel {id}, {}?", task.title);
    let lanes = [Lane::High, Lane::Default, Lane::Low];
    html! {
        div.turns {
            @for one in offered {
                @match one {
                    TaskButton::Cancel => (of(*one, Some(&confirm))),
                    TaskButton::Retry => (of(*one, None)),
                    // They are on this page.
                    TaskButton::Log | TaskButton::Diff | TaskButton::Continue => {},
                }
            }
            @if matches!(task.state, TaskState::Queued { .. }) {
                @for lane in lanes.into_iter().filter(|lane| *lane != task.lane) {
                    (button(&format!("Make {} priority", lane.as_str()), &format!("task priority {} {id}", lane.as_str()), None))
                }
            }
        }
    }
}

/// The number of attempts and what they cost.
fn spending(attempts: &[Execution]) -> String {
    let count = texts::counted(attempts.len() as u64, "attempt", "attempts");
    let only = || {
        let paid = attempts.iter().find(|one| one.usage != Usage::default());
        paid.map(|one| texts::spent(&one.usage))
    };
    match texts::total(attempts).or_else(only) {
        Some(spent) => format!("{count}: {spent}"),
        None => count,
    }
}

/// Whether somebody reads what is written in the thread.
fn is_read(task: &Task, questions: &[Question]) -> bool {
    !task.is_over() || questions.iter().any(Question::takes_answers)
}

/// A hint at what the text in the box will be used as.
fn placeholder(questions: &[Question]) -> &'static str {
    match questions
        .iter()
        .filter(|question| question.is_open())
        .count()
    {
        0 => "A note for the agent, or /vine task cancel",
        1 => "Your answer, or /vine task cancel",
        _ => "Q-… followed by your answer, or /vine task cancel",
    }
}

/// The messages to show: without edits of the card and of questions, and with only the latest state
/// of each note.
fn shown(thread: &[Message]) -> impl Iterator<Item = &Message> {
    let later = |note: &Message| {
        thread
            .iter()
            .any(|other| other.note.is_some() && other.note == note.note && other.seq > note.seq)
    };
    thread
        .iter()
        .filter(move |message| match message.kind.as_str() {
            "card" | "settled" => false,
            "note" => !later(message),
            _ => true,
        })
}

/// Buttons of a notice; each sends a command.
fn pressed(message: &Message, id: TaskId) -> Markup {
    let is_notice = message.kind == "notice" && !message.buttons.is_empty();
    html! {
        @if is_notice {
            form.answer id={ "press-" (message.seq) } method="post" action={ "/tasks/" (id) "/say" } autocomplete="off" {
                @for button in &message.buttons { button name="press" value=(button.says) data-confirm=[answer_form::confirmation(button)] { (button.label) } }
            }
        }
    }
}

/// The text before the first empty line.
fn head(text: &str) -> &str {
    text.split_once("\n\n").map_or(text, |(head, _)| head)
}

/// A message, with the outcome of its question below it.
fn line(message: &Message, thread: &[Message]) -> Markup {
    let fate = |other: &&Message| {
        other.kind == "settled" && message.kind == "question" && other.question == message.question
    };
    html! {
        article.(message.kind) id={ "message-" (message.seq) } {
            p.dim { strong { (message.author) } " " (time::at(message.at)) }
            div { (text::message(&message.text)) }
            @if let Some(file) = &message.file { (files::markup(file)) }
            // The question itself is shown above.
            @if let Some(settled) = thread.iter().rev().find(fate) { div.fate id=[settled.question] { (text::message(head(&settled.text))) } }
        }
    }
}
