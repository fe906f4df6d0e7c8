//! The overview: open questions first, then tasks, workers and queues.

use axum::{
    extract::{Form, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_app::{
    App, AppError, Caller, commands::CommandOutput, reporting::spending::DAYS,
    rooms::health::PlatformHealth, texts,
};
use vine_domain::{
    Timestamp, Worker, access::ListScope, attempt::Usage, ports::TaskFilter, queue::QueueDepths,
};

use super::{
    chart, command, groups, new_task,
    screen::{self, Screen},
    sessions, task_list, text, time, workers,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, document, fresh, problem},
};

/// `GET /`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Overview,
        "Overview",
        || body(&shared.app, &visitor.0, None),
    )
    .await
}

/// How many of each are shown here; the rest is on its own screen.
const FEW: u32 = 12;
const QUESTIONS: u32 = 20;
const TASKS: u32 = 25;

/// A command that was run, with its reply.
struct SaidCommand<'a> {
    line: &'a str,
    reply: CommandOutput,
}

async fn body(
    app: &App,
    caller: &Caller,
    said: Option<&SaidCommand<'_>>,
) -> Result<Markup, AppError> {
    let everything = app.people.sight(caller, "overview").await? == ListScope::Everything;
    let tasks = app
        .tasks
        .list(
            caller,
            &TaskFilter {
                limit: TASKS,
                ..TaskFilter::default()
            },
        )
        .await?;
    let repos = app.tasks.repos(caller).await?;
    let depths = if everything {
        Some(app.reporting.depths().await?)
    } else {
        None
    };
    Ok(html! {
        @if everything { @if let Some(paused) = app.tasks.paused().await? {
            p.problem { (paused) ": no new tasks start. " a href=(Screen::Queues.path()) { "Queues" } }
        } }
        (waiting(app, caller, depths.as_ref()).await?)
        section aria-labelledby="tasks" {
            h2 #tasks { "Tasks" }
            (task_list::listing(app, &tasks))
            @if tasks.len() >= TASKS as usize { p { a href=(Screen::Tasks.path()) { "View all" } } }
            (new_task::new_task(caller, &repos, tasks.is_empty()))
        }
        @if let Some(depths) = &depths { (machinery(app, depths).await?) (trends(app).await?) (spending(app).await?) }
        (command_line(said))
    })
}

/// The open questions, the oldest first.
async fn waiting(
    app: &App,
    caller: &Caller,
    depths: Option<&QueueDepths>,
) -> Result<Markup, AppError> {
    let now = app.now();
    let questions = app
        .questions
        .open_with_tasks(caller, None, QUESTIONS)
        .await?;
    app.questions.shown(caller, &questions).await?;
    let shown = questions.len() as u64;
    let more = if shown < u64::from(QUESTIONS) {
        0
    } else {
        let all = match depths {
            Some(depths) => depths.open_questions,
            None => app.questions.count_open(caller).await?,
        };
        all.saturating_sub(shown)
    };
    let oldest = questions
        .first()
        .map(|(oldest, _)| now.since(oldest.asked_at));
    let groups = groups::grouped(app, caller, questions);
    Ok(html! {
        section aria-labelledby="waiting" {
            h1 #waiting {
                @if let Some(waited) = oldest {
                    (shown + more) @if shown == 1 { " question waiting" } @else { " questions waiting" }
                    @if shown > 1 { span.dim { " · oldest " (texts::span(waited)) } }
                } @else { "Nothing needs an answer" }
            }
            @for group in &groups { (groups::card(app, caller, group, None, Screen::Overview)) }
            @if more > 0 { p { a href=(Screen::Questions.path()) { (more) " more" } } }
        }
        (held(app, caller).await?)
    })
}

/// Finished work that waits for somebody to decide whether it may be pushed.
async fn held(app: &App, caller: &Caller) -> Result<Markup, AppError> {
    let held = app.fleet.held(caller).await?;
    Ok(html! {
        @if !held.is_empty() {
            section aria-labelledby="held" {
                h2 #held { "Not pushed yet" }
                @for (task, what) in &held {
                    @let id = task.id.to_string();
                    article.ask id={ "held-" (id) } {
                        p.dim { a href={ "/tasks/" (id) } { (id) " " (task.title) } }
                        div { "This looks like a secret: " (text::message(what)) }
                        (screen::does("Push anyway", &id, &format!("task push {id}"), Screen::Overview))
                        (screen::does("Do not push", &id, &format!("task push {id} --leave"), Screen::Overview))
                    }
                }
            }
        }
    })
}

/// Workers, queues, sessions and chat platforms.
async fn machinery(app: &App, depths: &QueueDepths) -> Result<Markup, AppError> {
    let now = app.now();
    let few = app.fleet.workers_after("", FEW).await?;
    let at_work = workers::at_work(app, &few).await?;
    let sessions = app.fleet.live_sessions(FEW).await?;
    let adapters = app.rooms.platforms.health();
    Ok(html! {
        section.pair {
            div {
                h2 { "Workers" }
                @if few.is_empty() { p.none { "No workers. Start one with " code { "vine worker" } "." } }
                ul.plain { @for row in &few { (worker(row, &at_work, now)) } }
                @if depths.workers > u64::from(FEW) { p { a href=(Screen::Workers.path()) { "View all " (depths.workers) } } }
            }
            div {
                h2 { "Queues" }
                @if let Some(trouble) = app.cluster.hint_trouble() { p.problem { (trouble) } }
                @if let Some(why) = app.reporting.too_large() { p.problem { (why) } }
                @if let Some(why) = app.refused_settings() { p.problem { "The changed configuration was not applied: " (why) } }
                table { tbody { @for (name, depth) in depths.named() { tr { th scope="row" { (name) } td { (depth) } } } } }
                @if depths.dead > 0 { p { a href="/queues#dead" { "Dead letters" } } }
            }
            @if !sessions.is_empty() {
                div {
                    h2 { "Sessions" }
                    ul.plain { @for (_, session) in &sessions { (sessions::line(app, session, now)) } }
                    @if sessions.len() >= FEW as usize { p { a href=(Screen::Sessions.path()) { "View all" } } }
                }
            }
            @if !adapters.is_empty() {
                div {
                    h2 { "Chat" }
                    ul.plain { @for (platform, health) in &adapters { (adapter(platform, health, now)) } }
                }
            }
        }
    })
}

async fn trends(app: &App) -> Result<Markup, AppError> {
    let trends = app.reporting.trends().await?;
    Ok(html! {
        section aria-labelledby="trends" {
            h2 #trends { "Activity" }
            @for one in trends.iter() { (chart::trend(one)) }
        }
    })
}

/// What attempts cost, however they ended.
async fn spending(app: &App) -> Result<Markup, AppError> {
    let spent = app.reporting.spent().await?;
    let few = |all: &[(String, Usage)]| {
        let some = |(_, usage): &&(String, Usage)| *usage != Usage::default();
        all.iter()
            .filter(some)
            .take(FEW as usize)
            .cloned()
            .collect::<Vec<_>>()
    };
    let lists = [
        ("Repository", few(&spent.repos)),
        ("Person", few(&spent.people)),
        ("Day", few(&spent.days)),
    ];
    Ok(html! {
        @if lists.iter().any(|(_, list)| !list.is_empty()) {
            section aria-labelledby="spent" {
                h2 #spent { "Cost in the last " (DAYS) " days" }
                details {
                    summary { "By repository, person and day" }
                    @for (head, list) in &lists {
                        (screen::table(head, &[head, "Cost"], &html! {
                            @for (name, usage) in list { tr { th scope="row" { (name) } td { (texts::spent(usage)) } } }
                        }))
                    }
                }
            }
        }
    })
}

/// The command line, with the last command and its reply.
fn command_line(said: Option<&SaidCommand<'_>>) -> Markup {
    html! {
        section {
            h2 { "Command line" }
            form.line method="post" action="/command" {
                label { span.dim { "/vine" } input name="line" aria-label="Command" placeholder="help" autocomplete="off" spellcheck="false"; }
                button { "Run" }
            }
            @if let Some(SaidCommand { line, reply }) = said {
                div.said {
                    p.dim { "/vine " (line.trim_start_matches("/vine").trim()) }
                    @if reply.fixed { pre.reply role="status" tabindex="0" { (reply.text) } }
                    @else { div.reply role="status" { (text::message(&reply.text)) } }
                }
            }
        }
    }
}

/// A worker and its tasks.
fn worker(
    (worker, running, waiting): &(Worker, usize, usize),
    at_work: &[workers::AtWork],
    now: Timestamp,
) -> Markup {
    let state = worker.state(*running, *waiting, now).as_str();
    html! {
        li { span.(format!("badge {}", state.to_lowercase())) { (state) } " " (worker.name)
            span.dim { " " (running + waiting) " of " (worker.slots) @if worker.draining { ", draining" } }
            @for (task, _) in workers::held(at_work, worker).take(3) { " " a href={ "/tasks/" (task) } { (task) } }
            @for trouble in worker.troubles() { div.problem { (text::message(&trouble)) } }
        }
    }
}

/// The health of a chat platform.
fn adapter(platform: &str, health: &PlatformHealth, now: Timestamp) -> Markup {
    html! {
        li {
            @if health.trouble.is_some() { span.badge.error { "failing" } } @else { span.badge.done { "ok" } }
            " " (platform)
            @if let Some(account) = &health.account { span.dim { " " (account) } }
            @if let Some(checked) = health.checked { span.dim { " · checked " (time::moment(now, checked)) } }
            @if let Some(trouble) = &health.trouble { div.problem { (text::message(trouble)) } }
            @if let Some(remark) = &health.remark { div.dim { (text::message(remark)) } }
        }
    }
}

/// The command line.
#[derive(Deserialize)]
pub struct CommandForm {
    line: String,
}

/// `POST /command`: the page again, with the reply.
pub async fn command(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(CommandForm { line }): Form<CommandForm>,
) -> Result<Response, Response> {
    let reply = command::run(&shared.app, &visitor.0, &line).await;
    let reply = reply.unwrap_or_else(|error| CommandOutput::saying(error.told()));
    let said = SaidCommand { line: &line, reply };
    let body = body(&shared.app, &visitor.0, Some(&said))
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(axum::response::Html(document(
        "Overview",
        Some(Screen::Overview),
        Some(&visitor),
        &body,
    ))
    .into_response())
}
