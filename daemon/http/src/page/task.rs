//! One task: its thread as in chat, with forms for answers.

use axum::{
    extract::{Form, Path, State},
    http::HeaderMap,
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;
use vine_api::TaskView;
use vine_app::{App, AppError, Caller, texts};
use vine_domain::{
    Question, QuestionId, TaskId, Timestamp,
    chat::{Inbound, InboundKind, Location, Message},
    form::FilledForm,
    markdown::quoted,
};

use super::{
    answer_form::{self, RefusedAnswer},
    diff, history,
    screen::Screen,
    text, time,
};
use crate::{
    auth::PageVisitor,
    error::ErrorResponse,
    page::document::{PageState, document, fresh, problem},
    state::HttpState,
};

const THREAD: u32 = 500;

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

async fn body(
    app: &App,
    caller: &Caller,
    id: TaskId,
    refused: Option<&RefusedAnswer>,
) -> Result<Markup, AppError> {
    let task = app.tasks.look_at(caller, id).await?;
    let questions = app.questions.of_task(id).await?;
    app.questions
        .mark_seen(caller, &task.repo, &questions)
        .await?;
    let thread = app.rooms.latest(id, THREAD).await?;
    let attempts = app.tasks.executions(id).await?;
    let on = attempts.last().map(|attempt| attempt.worker.as_str());
    let around = app.tasks.isolation_of(&task.repo, on).await?;
    let session = attempts.iter().rev().find_map(|attempt| attempt.session);
    let ids: Vec<QuestionId> = questions.iter().map(|question| question.id).collect();
    let stations = app.questions.all_milestones(&ids).await?;
    let log = app.tasks.log(id, 200).await?;
    let patch = app.tasks.patch(id).await?;
    let now = app.now();
    Ok(html! {
        h1 { (id) " " (task.title) }
        p { span.(format!("badge {}", task.state.as_str())) { (texts::state(&task.state, now)) }
            span.dim { " " (task.repo) " · " code { (task.branch) } " from " code { (task.base) } " · requested by " (task.requester) " · " (task.lane.as_str()) }
        }
        @if let Some(around) = around { div.dim { (text::message(&format!("Agent: {around}"))) } }
        @if let Some(session) = session { p.dim { "Session " code { (session) } " · attempt " (task.epoch.0) } }
        @if let Some(refused) = refused.filter(|refused| !questions.iter().any(|one| one.id == refused.question && one.is_open())) {
            div.problem role="alert" { (text::message(&refused.why)) (text::message(&quoted(&refused.words()))) }
        }
        section.thread aria-label="Thread" {
            @for message in shown(&thread) { (line(message, &thread)) (pressed(message, id)) }
        }
        @for question in questions.iter().filter(|question| question.is_open()) {
            article.ask id=(question.id) {
                p { "Answer " strong { (question.id) } " " span.dim { (time::moment(now, question.asked_at)) } }
                (answer_form::ask(app, caller, &task, question, refused))
            }
        }
        form.line method="post" action={ "/tasks/" (id) "/say" } autocomplete="off" {
            // Questions that were asked later have not been seen by the author.
            input type="hidden" name="seen" value=(now.0);
            label { textarea name="text" rows="2" data-enter="sends" aria-label="Write in this thread" placeholder=(placeholder(&questions)) required {} }
            button { "Send" }
        }
        @if !questions.is_empty() { details #timelines { summary { "Question timelines" } (history::ways(&questions, &stations)) } }
        @if !attempts.is_empty() { details #attempts { summary { "Attempts" } (history::attempts(&attempts)) } }
        details #log { summary { "Log, " (attempts.len()) @if attempts.len() == 1 { " attempt" } @else { " attempts" } }
            ol.log { @for line in &log { li { time datetime=(line.at) { (line.at) } " " (line.text) } } }
        }
        @if let Some(patch) = patch { details #diff { summary { "Diff" } (diff::diff(&patch)) } }
        details #raw { summary { "Raw data" } pre tabindex="0" { code { (serde_json::to_string_pretty(&TaskView::of(&task)).unwrap_or_default()) } } }
    })
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
                @for button in &message.buttons { button name="press" value=(button.says) { (button.label) } }
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
            // The question itself is shown above.
            @if let Some(settled) = thread.iter().rev().find(fate) { div.fate { (text::message(head(&settled.text))) } }
        }
    }
}

/// What a reply box, a button or a form sends.
struct SentReply {
    text: String,
    filled: Option<FilledForm>,
    reply_to: Option<String>,
    /// Up to when its author had seen the thread, in milliseconds.
    seen: Option<i64>,
    /// Made by the page's script: the same again has no effect.
    key: Option<Uuid>,
}

impl SentReply {
    fn of(sent: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = sent.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        Self {
            text: value("press").or_else(|| value("text")).unwrap_or_default(),
            filled: answer_form::read(sent),
            reply_to: value("reply_to"),
            seen: value("seen").and_then(|at| at.parse().ok()),
            key: value("key").and_then(|key| key.parse().ok()),
        }
    }
}

/// `POST /tasks/{id}/say`. What is refused is shown again on the task's page, with what was written.
pub async fn say(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Redirect, Response> {
    let sent = SentReply::of(&sent);
    match hear(&shared, &visitor.0, &id, &sent).await {
        Ok(()) => Ok(Redirect::to(&format!("/tasks/{id}"))),
        Err(error) => Err(refused(&shared, &visitor, &id, sent, error).await),
    }
}

async fn refused(
    shared: &HttpState,
    visitor: &PageVisitor,
    id: &str,
    sent: SentReply,
    error: AppError,
) -> Response {
    let question = sent.reply_to.and_then(|id| id.parse().ok());
    let (Some(question), Some(filled), Ok(id)) = (question, sent.filled, id.parse()) else {
        return problem(visitor, error);
    };
    let failure = ErrorResponse::from(error);
    let why = failure.message();
    let refused = RefusedAnswer {
        question,
        why,
        filled,
    };
    match body(&shared.app, &visitor.0, id, Some(&refused)).await {
        Ok(body) => {
            let page = document(&id.to_string(), Some(Screen::Tasks), Some(visitor), &body);
            (failure.status(), Html(page)).into_response()
        }
        Err(error) => problem(visitor, error),
    }
}

/// What a person meant who was asked for a clarification.
#[derive(Deserialize)]
pub struct ClarifyForm {
    says: String,
}

/// `POST /meant`
pub async fn meant(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(ClarifyForm { says }): Form<ClarifyForm>,
) -> Result<Redirect, Response> {
    let task = shared
        .inbox
        .mean(&visitor.0, &says)
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&format!("/tasks/{task}")))
}

async fn hear(
    shared: &HttpState,
    caller: &Caller,
    id: &str,
    said: &SentReply,
) -> Result<(), AppError> {
    let author = caller
        .user
        .as_ref()
        .map(|user| user.id.to_string())
        .ok_or(AppError::Unauthenticated)?;
    let reply_to = said
        .reply_to
        .as_deref()
        .map(|id| id.parse::<QuestionId>())
        .transpose()?;
    let event = Inbound {
        event: said.key.unwrap_or_else(|| shared.app.new_id()).to_string(),
        platform: "console".into(),
        author,
        spot: Location::Ours {
            task: Some(id.parse()?),
            question: reply_to,
        },
        text: said.text.clone(),
        act: said
            .filled
            .clone()
            .map_or(InboundKind::Said, InboundKind::Filled),
        said: said.seen.map(Timestamp).filter(|_| reply_to.is_none()),
        left_out: None,
        private: false,
    };
    shared.inbox.hear_once(event).await.map(drop)
}
