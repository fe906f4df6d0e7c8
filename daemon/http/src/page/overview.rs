//! The overview: open questions first, then tasks, workers and queues.

use axum::{
    extract::{Form, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_app::{
    App, AppError, Caller,
    commands::CommandOutput,
    fleet::RunningTask,
    reporting::spending::DAYS,
    reporting::{spending::NamedSpending, trends::Trends},
    rooms::health::PlatformHealth,
    texts,
};
use vine_domain::{Task, Timestamp, WorkerLoad, attempt::Usage};

use super::{
    chart, command, groups, new_task,
    overview_data::{FEW, Machinery, Overview, TASKS},
    screen::{self, Screen},
    sessions, task_list, text, time, workers,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, document, fresh, problem},
    state::HttpState,
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
        || body(&shared, &visitor.0, None),
    )
    .await
}

/// A command that was run, with its reply.
struct SaidCommand<'a> {
    line: &'a str,
    reply: CommandOutput,
}

async fn body(
    shared: &HttpState,
    caller: &Caller,
    said: Option<&SaidCommand<'_>>,
) -> Result<Markup, AppError> {
    let app = &shared.app;
    let seen = shared.overview.seen_by(app, caller, Overview::read);
    let seen = seen.await?;
    app.questions.shown(caller, &seen.questions).await?;
    let machinery = seen.machinery.as_ref();
    Ok(html! {
        @if let Some(paused) = machinery.and_then(|all| all.paused.as_ref()) {
            p.problem { (paused) ": no new tasks start. " a href=(Screen::Queues.path()) { "Queues" } }
        }
        (waiting(app, caller, &seen))
        (held(&seen.held))
        section aria-labelledby="tasks" {
            h2 #tasks { "Tasks" }
            (task_list::listing(app, &seen.tasks))
            @if seen.tasks.len() >= TASKS as usize { p { a href=(Screen::Tasks.path()) { "View all" } } }
            (new_task::new_task(caller, &seen.repos, seen.tasks.is_empty()))
        }
        @if let Some(all) = machinery { (fleet(app, all)) (trends(&all.trends)) (spending(&all.spent)) }
        (command_line(said))
    })
}

/// The open questions, the oldest first.
fn waiting(app: &App, caller: &Caller, seen: &Overview) -> Markup {
    let more = seen.open.saturating_sub(seen.questions.len() as u64);
    let oldest = seen.questions.first();
    let oldest = oldest.map(|(oldest, _)| app.now().since(oldest.asked_at));
    let groups = groups::grouped(app, caller, seen.questions.clone());
    html! {
        section aria-labelledby="waiting" {
            h1 #waiting {
                @if let Some(waited) = oldest {
                    (seen.open) @if seen.questions.len() == 1 { " question waiting" } @else { " questions waiting" }
                    @if seen.questions.len() > 1 { span.dim { " · oldest " (texts::span(waited)) } }
                } @else { "Nothing needs an answer" }
            }
            @for group in &groups { (groups::card(app, caller, group, None, Screen::Overview)) }
            @if more > 0 { p { a href=(Screen::Questions.path()) { (more) " more" } } }
        }
    }
}

/// Finished work that waits for somebody to decide whether it may be pushed.
fn held(held: &[(Task, String)]) -> Markup {
    html! {
        @if !held.is_empty() {
            section aria-labelledby="held" {
                h2 #held { "Not pushed yet" }
                @for (task, what) in held {
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
    }
}

/// Workers, queues, sessions and chat platforms.
fn fleet(app: &App, all: &Machinery) -> Markup {
    let now = app.now();
    let depths = &all.depths;
    let adapters = app.rooms.platforms.health();
    html! {
        section.pair {
            div {
                h2 { "Workers" }
                @if all.workers.is_empty() { p.none { "No workers. Start one with " code { "vine worker" } "." } }
                ul.plain { @for row in &all.workers { (worker(row, &all.at_work, now)) } }
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
            @if !all.sessions.is_empty() {
                div {
                    h2 { "Sessions" }
                    ul.plain { @for (_, session) in &all.sessions { (sessions::line(app, session, now)) } }
                    @if all.sessions.len() >= FEW as usize { p { a href=(Screen::Sessions.path()) { "View all" } } }
                }
            }
            @if !adapters.is_empty() {
                div {
                    h2 { "Chat" }
                    ul.plain { @for (platform, health) in &adapters { (adapter(platform, health, now)) } }
                }
            }
        }
    }
}

fn trends(trends: &Trends) -> Markup {
    html! {
        section aria-labelledby="trends" {
            h2 #trends { "Activity" }
            @for one in trends.iter() { (chart::trend(one)) }
        }
    }
}

/// What attempts cost, however they ended.
fn spending(spent: &NamedSpending) -> Markup {
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
    html! {
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
    }
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
fn worker(load: &WorkerLoad, at_work: &[RunningTask], now: Timestamp) -> Markup {
    let WorkerLoad {
        worker,
        running,
        waiting,
    } = load;
    let state = load.state(now).as_str();
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
    let body = body(&shared, &visitor.0, Some(&said))
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
