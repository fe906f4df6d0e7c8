//! The form for a new task.

use axum::{
    extract::{Form, State},
    response::{Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_app::{Caller, tasks::TaskRequest};
use vine_domain::{Lane, ModelChoice, Repo, Verb, access};

use super::{
    document::{PageState, problem},
    models, screen,
};
use crate::auth::PageVisitor;

/// The form that creates a task, for those who may do that somewhere.
pub fn new_task(caller: &Caller, repos: &[Repo], open: bool) -> Markup {
    let may = |repo: &&Repo| {
        access::decide(caller.user.as_ref(), Verb::Operate, Some(&repo.name)).is_ok()
    };
    let repos: Vec<Repo> = repos.iter().filter(may).cloned().collect();
    if repos.is_empty() {
        return html! {};
    }
    html! {
        details open[open] {
            summary { "New task" }
            form.new method="post" action="/tasks" {
                label { "Title" input name="title" required maxlength="200" autocomplete="off"; }
                label { "What should the agent do?" textarea name="prompt" rows="4" {} }
                @if repos.len() > 1 { (screen::choose_repo(&repos, None, None)) }
                label { "Priority" select name="priority" {
                    @for lane in [Lane::Default, Lane::High, Lane::Low] { option { (lane.as_str()) } }
                } }
                (models::fields(&ModelChoice::default(), "the repository's"))
                button { "Create" }
            }
        }
    }
}

/// What the form for a new task sends.
#[derive(Deserialize)]
pub struct NewTaskForm {
    title: String,
    #[serde(default)]
    prompt: String,
    repo: Option<String>,
    priority: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    effort: String,
    /// Made by the page's script: the same again creates nothing.
    key: Option<String>,
}

impl NewTaskForm {
    fn wish(self) -> Result<TaskRequest, vine_domain::Invalid> {
        Ok(TaskRequest {
            prompt: Some(self.prompt.trim())
                .filter(|text| !text.is_empty())
                .map(str::parse)
                .transpose()?,
            repo: self.repo.map(|name| name.parse()).transpose()?,
            lane: self.priority.parse()?,
            model: ModelChoice::named(&self.model, &self.effort)?,
            key: self.key,
            ..TaskRequest::titled(self.title.parse()?)
        })
    }
}

/// `POST /tasks`
pub async fn create(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(new): Form<NewTaskForm>,
) -> Result<Redirect, Response> {
    let wish = new
        .wish()
        .map_err(|invalid| problem(&visitor, invalid.into()))?;
    let task = shared
        .app
        .tasks
        .create(&visitor.0, wish)
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&format!("/tasks/{}", task.id)))
}
