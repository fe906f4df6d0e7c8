//! All questions: the open ones, to be answered here, and those that are over, by repository.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::try_join;
use vine_app::{App, AppError, Caller, texts};
use vine_domain::{Question, QuestionId, QuestionState, Slug, Timestamp, ports::QuestionPage};

use super::{
    groups,
    screen::{self, Screen},
    time,
};
use crate::{
    auth::PageVisitor,
    error::QueryParams,
    page::document::{PageState, fresh, problem},
};

/// At most this many open questions, as cards; the next ones appear as these are answered.
const OPEN: u32 = 20;
/// Closed questions on one page.
const PAGE: u32 = 30;

/// The query parameters. A form sends empty strings for what was not chosen.
#[derive(Debug, Default, Deserialize)]
pub struct QuestionsQuery {
    #[serde(default)]
    repo: String,
    /// Not empty: only those of tasks that the visitor requested.
    #[serde(default)]
    mine: String,
    before: Option<String>,
    after: Option<String>,
}

impl QuestionsQuery {
    fn repo(&self) -> Result<Option<Slug>, AppError> {
        let named = Some(&self.repo).filter(|name| !name.is_empty());
        Ok(named.map(|name| name.parse()).transpose()?)
    }

    fn page(&self) -> Result<QuestionPage, AppError> {
        let id = |text: &Option<String>| text.as_deref().map(str::parse::<QuestionId>).transpose();
        Ok(QuestionPage {
            before: id(&self.before)?,
            after: id(&self.after)?,
            limit: PAGE,
        })
    }
}

/// `GET /questions`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    QueryParams(query): QueryParams<QuestionsQuery>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let choice = query.repo().and_then(|repo| Ok((repo, query.page()?)));
    let (repo, page) = choice.map_err(|error| problem(&visitor, error))?;
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Questions,
        "Questions",
        || body(&shared.app, &visitor.0, &query, repo, page),
    )
    .await
}

async fn body(
    app: &App,
    caller: &Caller,
    query: &QuestionsQuery,
    repo: Option<Slug>,
    page: QuestionPage,
) -> Result<Markup, AppError> {
    let is_first = page.before.is_none() && page.after.is_none();
    let limit = if is_first { OPEN } else { 0 };
    let (mut open, all_open, closed, repos) = try_join!(
        app.questions.open_with_tasks(caller, repo.as_ref(), limit),
        app.questions.count_open(caller),
        app.questions.closed_questions(caller, repo.as_ref(), &page),
        app.tasks.repos(caller),
    )?;
    let more = match open.len() < OPEN as usize {
        true => 0,
        false => all_open.saturating_sub(u64::from(OPEN)),
    };
    open.retain(|(_, task)| query.mine.is_empty() || task.requester == caller.name());
    app.questions.shown(caller, &open).await?;
    let groups = groups::grouped(app, caller, open);
    let mine = if query.mine.is_empty() { "" } else { "yes" };
    Ok(html! {
        h1 { "Questions" }
        form.filter method="get" action="/questions" {
            @if repos.len() > 1 { (screen::choose_repo(&repos, Some(&query.repo), Some("any"))) }
            label { input type="checkbox" name="mine" value="yes" checked[!query.mine.is_empty()]; "Only my tasks" }
            button { "Show" }
        }
        @if is_first {
            section aria-labelledby="open" {
                h2 #open { "Open" }
                @if groups.is_empty() { p.none { "Nothing needs an answer." } }
                @for group in &groups { (groups::card(app, caller, group, None, Screen::Questions)) }
                @if more > 0 { p.dim { (more) " more; they appear as these are answered." } }
            }
        }
        h2 { "Answered" }
        (table("Answered questions", &closed, app.now()))
        (screen::pages("/questions", &format!("repo={}&mine={mine}", query.repo), &neighbours(&closed, &page)))
    })
}

/// The ids that lead to the pages before and after this one.
fn neighbours(shown: &[Question], page: &QuestionPage) -> screen::Neighbours {
    let is_full = shown.len() >= PAGE as usize;
    screen::Neighbours {
        newer: (page.before.is_some() || (page.after.is_some() && is_full))
            .then(|| shown.first().map(|one| one.id.to_string()))
            .flatten(),
        older: (page.after.is_some() || is_full)
            .then(|| shown.last().map(|one| one.id.to_string()))
            .flatten(),
    }
}

fn table(name: &str, questions: &[Question], now: Timestamp) -> Markup {
    html! {
        @if questions.is_empty() { p.none { "None." } }
        @else {
            (screen::table(name, &["Question", "Task", "Asked", "Summary", "State", "Answer"], &html! {
                @for question in questions {
                    tr {
                        th scope="row" { a href={ "/questions/" (question.id) } { (question.id) } br; span.dim { (question.ask.kind()) } }
                        td { a href={ "/tasks/" (question.task()) } { (question.task()) } }
                        td { (time::moment(now, question.asked_at)) }
                        td { (question.ask.headline()) }
                        td { span.(format!("badge {}", question.state.as_str())) { (question.state.as_str()) } br; span.dim { (waited(question)) } }
                        td { (answer(question)) }
                    }
                }
            }))
        }
    }
}

/// How long the answer took.
fn waited(question: &Question) -> String {
    let until = question
        .answer()
        .map(|answer| answer.at)
        .or(question.expired);
    until.map_or_else(String::new, |until| {
        format!("after {}", texts::span(until.since(question.asked_at)))
    })
}

fn answer(question: &Question) -> Markup {
    html! {
        @if let Some(answer) = question.answer() { (answer.decision.headline()) " " span.dim { (answer.name) ", " (answer.via) } }
        @if let QuestionState::Withdrawn { why } = &question.state { span.dim { (why) } }
    }
}
