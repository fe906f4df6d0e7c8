//! All tasks, newest first, by state and repository.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_app::{App, AppError, Caller};
use vine_domain::{Slug, Task, TaskId, TaskState, ports::TaskFilter};

use super::{new_task, screen, screen::Screen, task_list};
use crate::{
    auth::PageVisitor,
    error::QueryParams,
    page::document::{PageState, fresh, problem},
};

const PAGE: u32 = 100;
/// Dead letters: failed tasks that wait for a person to replay or discard them.
const DEAD: &str = "dead";

/// The query parameters. A form sends empty strings for what was not chosen.
#[derive(Debug, Default, Deserialize)]
pub struct TasksFilterForm {
    #[serde(default)]
    state: String,
    #[serde(default)]
    repo: String,
    #[serde(default)]
    text: String,
    before: Option<String>,
    after: Option<String>,
}

impl TasksFilterForm {
    /// A search for an id opens that task.
    fn one(&self) -> Option<TaskId> {
        Some(self.text.trim())
            .filter(|text| text.starts_with(['T', 't']))
            .and_then(|text| text.parse().ok())
    }

    fn filter(&self) -> Result<TaskFilter, AppError> {
        let state = match self.state.as_str() {
            "" => None,
            DEAD => Some(DEAD.to_owned()),
            word => Some(TaskState::word(word)?),
        };
        let repo: Option<Slug> = Some(&self.repo)
            .filter(|name| !name.is_empty())
            .map(|name| name.parse())
            .transpose()?;
        let id = |text: &Option<String>| text.as_deref().map(str::parse::<TaskId>).transpose();
        let (before, after) = (id(&self.before)?, id(&self.after)?);
        let text = Some(self.text.trim())
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        Ok(TaskFilter {
            state,
            repo,
            text,
            before,
            after,
            limit: PAGE,
        })
    }
}

/// `GET /tasks`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    QueryParams(choice): QueryParams<TasksFilterForm>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    if let Some(id) = choice.one() {
        return Ok(Redirect::to(&format!("/tasks/{id}")).into_response());
    }
    let filter = choice.filter().map_err(|error| problem(&visitor, error))?;
    fresh(&shared, &visitor, &headers, Screen::Tasks, "Tasks", || {
        body(&shared.app, &visitor.0, &choice, filter)
    })
    .await
}

async fn body(
    app: &App,
    caller: &Caller,
    choice: &TasksFilterForm,
    filter: TaskFilter,
) -> Result<Markup, AppError> {
    let tasks = app.tasks.list(caller, &filter).await?;
    let repos = app.tasks.repos(caller).await?;
    let is_full = tasks.len() >= PAGE as usize;
    let id = |task: Option<&Task>| task.map(|task| task.id.to_string());
    let neighbours = screen::Neighbours {
        newer: id(tasks.first())
            .filter(|_| filter.before.is_some() || (filter.after.is_some() && is_full)),
        older: id(tasks.last()).filter(|_| filter.after.is_some() || is_full),
    };
    let filters = format!(
        "state={}&repo={}&text={}",
        choice.state,
        choice.repo,
        encoded(&choice.text)
    );
    let is_filtered = filter.state.is_some() || filter.repo.is_some() || filter.text.is_some();
    Ok(html! {
        h1 { "Tasks" }
        form.filter method="get" action="/tasks" {
            label { "State" select name="state" {
                option value="" { "any" }
                @for state in TaskState::WORDS.into_iter().chain([DEAD]) { option selected[choice.state == state] { (state) } }
            } }
            @if repos.len() > 1 { (screen::choose_repo(&repos, Some(&choice.repo), Some("any"))) }
            label { "Search" input type="search" name="text" value=(choice.text) placeholder="title, branch or T-…" maxlength="200"; }
            button { "Show" }
        }
        @if tasks.is_empty() && is_filtered { p.none { "No task matches." } }
        @else { (task_list::listing(app, &tasks)) }
        (screen::pages("/tasks", &filters, &neighbours))
        (new_task::new_task(caller, &repos, false))
    })
}

/// Text encoded for a URL.
pub fn encoded(words: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    words
        .bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
