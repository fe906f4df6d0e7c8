//! The guard of a repository, to view and to change.

use axum::{
    extract::{Form, Path, State},
    response::{Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use vine_domain::{
    Repo, Slug, Verb, Wall,
    guard::{Egress, Preset},
};

use super::{
    command, models,
    screen::{self, Screen},
    text,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, problem},
};

/// The guard, with a form for those who may change it.
pub fn of(repo: &Repo, visitor: &PageVisitor) -> Markup {
    let guard = &repo.guard;
    let preset = guard.preset.map(Preset::as_str);
    let wall = guard.wall.map(Wall::as_str);
    html! {
        p { "Preset " code { (preset.unwrap_or("default")) } ", egress " code { (guard.egress) } }
        @if let Some(model) = repo.model.said() { p { (text::message(&format!("Agents use {model}"))) } }
        @if let Some(wall) = wall { p { "Wall " code { (wall) } " or better" } }
        @for host in guard.hosts.iter().filter(|_| guard.egress == Egress::List) { p.dim { "may reach " code { (host) } } }
        (screen::offer(visitor, Verb::Administer, Some(&repo.name), &form(repo)))
    }
}

fn form(repo: &Repo) -> Markup {
    let guard = &repo.guard;
    let presets: Vec<&str> = Preset::ALL.iter().map(|one| one.as_str()).collect();
    let walls: Vec<&str> = Wall::ALL.iter().map(|one| one.as_str()).collect();
    let rules: Vec<&str> = Egress::ALL.iter().map(|one| one.as_str()).collect();
    html! {
        details { summary aria-label={ "Change the settings for agents of " (repo.name) } { "Change" }
            form.new method="post" action={ "/settings/" (repo.name) } {
                (choice("Allowed without asking (preset)", "preset", &presets, guard.preset.map(Preset::as_str), true))
                (choice("Hosts that agents may reach (egress)", "egress", &rules, Some(guard.egress.as_str()), false))
                (choice("Minimum wall", "wall", &walls, guard.wall.map(Wall::as_str), true))
                (models::fields(&repo.model, "the agent's own"))
                label { "Allow a host" input name="allow" placeholder="docs.example.org" autocomplete="off"; }
                label { "Remove a host" input name="refuse" autocomplete="off"; }
                button { "Save" }
            }
        }
    }
}

fn choice(label: &str, name: &str, all: &[&str], chosen: Option<&str>, default: bool) -> Markup {
    html! {
        label { (label) select name=(name) {
            @if default { option value="default" selected[chosen.is_none()] { "default" } }
            @for one in all { option value=(one) selected[chosen == Some(*one)] { (one) } }
        } }
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub struct GuardForm {
    preset: String,
    egress: String,
    wall: String,
    /// Not sent by a page of an earlier version.
    model: Option<String>,
    effort: Option<String>,
    allow: String,
    refuse: String,
}

fn or_default(text: &str) -> &str {
    match text.trim() {
        "" => "default",
        text => text,
    }
}

/// `POST /settings/{repo}`: runs the command and redirects to the settings.
pub async fn save(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(repo): Path<String>,
    Form(wish): Form<GuardForm>,
) -> Result<Redirect, Response> {
    let saved = async {
        let repo: Slug = repo.parse()?;
        let hosts = [("--allow", &wish.allow), ("--refuse", &wish.refuse)];
        let mut words = [
            "repo",
            "set",
            repo.as_str(),
            "--preset",
            &wish.preset,
            "--egress",
            &wish.egress,
            "--wall",
            &wish.wall,
        ]
        .map(str::to_owned)
        .to_vec();
        let models = [("--model", &wish.model), ("--effort", &wish.effort)];
        for (option, chosen) in models {
            let chosen = chosen.as_deref().map(or_default);
            words.extend(
                chosen
                    .into_iter()
                    .flat_map(|chosen| [option, chosen])
                    .map(str::to_owned),
            );
        }
        for (option, host) in hosts
            .into_iter()
            .filter(|(_, host)| !host.trim().is_empty())
        {
            words.extend([option.to_owned(), host.trim().to_owned()]);
        }
        command::order(&shared.app, &visitor.0, &words).await
    };
    saved.await.map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(Screen::Settings.path()))
}
