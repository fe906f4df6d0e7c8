//! All questions: what was asked, the outcome, and how long it took.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, Caller, texts};
use vine_domain::{Question, QuestionState, Timestamp};

use super::{
    screen::{self, Screen},
    time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

/// At most this many open questions, and as many closed ones.
const EACH: u32 = 60;

/// `GET /questions`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Questions,
        "Questions",
        || body(&shared.app, &visitor.0),
    )
    .await
}

async fn body(app: &App, caller: &Caller) -> Result<Markup, AppError> {
    let open = app.questions.open_questions(caller, EACH).await?;
    let closed = app.questions.closed_questions(caller, EACH).await?;
    let now = app.now();
    Ok(html! {
        h1 { "Questions" }
        h2 { "Open, oldest first" }
        (table("Open questions", &open, now))
        h2 { "Closed, newest first" }
        (table("Closed questions", &closed, now))
    })
}

fn table(name: &str, questions: &[Question], now: Timestamp) -> Markup {
    html! {
        @if questions.is_empty() { p.none { "None." } }
        @else {
            (screen::table(name, &["Question", "Task", "Asked", "Summary", "State", "Answer"], &html! {
                @for question in questions {
                    tr {
                        th scope="row" { (question.id) br; span.dim { (question.ask.kind()) } }
                        td { a href={ "/tasks/" (question.task()) } { (question.task()) } }
                        td { (time::moment(now, question.asked_at)) }
                        td { (question.ask.headline()) }
                        td { span.(format!("badge {}", look(question))) { (question.state.as_str()) } br; span.dim { (waited(question, now)) } }
                        td { (answer(question)) }
                    }
                }
            }))
        }
    }
}

fn look(question: &Question) -> &'static str {
    if question.is_open() {
        "waiting"
    } else {
        question.state.as_str()
    }
}

/// How long the answer took, or how long the question has been waiting.
fn waited(question: &Question, now: Timestamp) -> String {
    let until = question
        .answer()
        .map(|answer| answer.at)
        .or(question.expired);
    match (until, question.is_open()) {
        (Some(until), _) => format!("after {}", texts::span(until.since(question.asked_at))),
        (None, true) => format!("for {}", texts::span(now.since(question.asked_at))),
        (None, false) => String::new(),
    }
}

fn answer(question: &Question) -> Markup {
    html! {
        @if let Some(answer) = question.answer() { (answer.decision.headline()) " " span.dim { (answer.name) ", " (answer.via) } }
        @if let QuestionState::Withdrawn { why } = &question.state { span.dim { (why) } }
    }
}
