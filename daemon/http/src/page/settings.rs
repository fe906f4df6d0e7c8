//! The settings, mostly read-only: they are changed in `vine.toml` or by commands.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, texts};
use vine_domain::{ConfiguredPerson, Verb, access};

use super::{
    guards,
    screen::{self, Screen},
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, fresh},
};

/// `GET /settings`
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
) -> Result<Response, Response> {
    fresh(
        &shared,
        &visitor,
        &headers,
        Screen::Settings,
        "Settings",
        || body(&shared.app, &visitor),
    )
    .await
}

async fn body(app: &App, visitor: &PageVisitor) -> Result<Markup, AppError> {
    let repos = app.tasks.repos(&visitor.0).await?;
    let rooms = app.rooms.bound().await?;
    Ok(html! {
        h1 { "Settings" }
        p.dim { "AgentVine " (env!("CARGO_PKG_VERSION")) ", at " (app.settings().link) ". Settings are read from " code { "vine.toml" } "; " code { "vine config check" } " explains errors in \
          it." }
        h2 { "Your password" }
        details { summary { "Set a password, to log in without a link" }
            form.new method="post" action="/password" {
                input type="hidden" name="name" autocomplete="username" value=(visitor.0.name());
                label { "Current password, if you have one" input name="old" type="password" autocomplete="current-password"; }
                label { "New password, at least 15 characters" input name="new" type="password" autocomplete="new-password" minlength="15" maxlength="500" required; }
                button { "Set password" }
            }
            p.dim { "This logs out your other browsers." }
        }
        h2 { "Open questions" }
        (facts(&patience(app)))
        h2 { "Sessions" }
        (facts(&sessions(app)))
        h2 { "Repositories" }
        @if repos.is_empty() { p.none { "No repositories. Add one with " code { "/vine repo add" } "." } }
        @else {
            (screen::table("Repositories", &["Name", "Source", "Base", "Rooms", "Trusted", "Agents"], &html! {
                @for repo in &repos {
                    tr {
                        th scope="row" { (repo.name) }
                        td { code { (repo.source.shown()) } }
                        td { code { (repo.base) } }
                        td {
                            @for room in rooms.iter().filter(|room| room.repo == repo.name) { p { (room.platform) " " code { (room.room) } } }
                            @if repo.encrypted { p.dim { "encrypted rooms only" } }
                        }
                        td { @if repo.trusted { "yes" } @else { "no" } }
                        td { (guards::of(repo, visitor)) }
                    }
                }
            }))
        }
        @if access::decide(visitor.0.user.as_ref(), Verb::Inspect, None).is_ok() {
            h2 { "People" }
            (people(&app.settings().people))
        }
    })
}

/// Settings and their values.
fn facts(facts: &[(&str, String)]) -> Markup {
    html! { dl { @for (what, value) in facts { dt { (what) } dd { (value) } } } }
}

fn patience(app: &App) -> Vec<(&'static str, String)> {
    let patience = std::sync::Arc::clone(&app.settings().patience);
    let mut facts = vec![
        (
            "First reminder",
            format!(
                "after {}, then each time the wait has doubled",
                texts::span(patience.remind)
            ),
        ),
        (
            "Escalation",
            format!(
                "after {}, to {}",
                texts::span(patience.escalate),
                patience.escalate_to
            ),
        ),
        (
            "Expiry",
            format!(
                "after {}; permissions after {}",
                texts::span(patience.expire),
                texts::span(patience.expire_permission)
            ),
        ),
        (
            "Digest instead of reminders",
            format!("from {} open questions in a room", patience.digest),
        ),
    ];
    if let Some(quiet) = &patience.quiet {
        let zone = quiet.zone.iana_name().unwrap_or("this machine's time");
        facts.push((
            "Quiet hours",
            format!(
                "from {} to {}, {zone}",
                quiet.from.strftime("%H:%M"),
                quiet.until.strftime("%H:%M")
            ),
        ));
    }
    facts
}

fn sessions(app: &App) -> Vec<(&'static str, String)> {
    let policy = app.settings().sessions;
    vec![
        (
            "Reused for other tasks",
            if policy.reuse {
                "yes".into()
            } else {
                "no".into()
            },
        ),
        (
            "Ended",
            format!(
                "{} after the start, or after {} without use",
                texts::span(policy.max_age),
                texts::span(policy.max_idle)
            ),
        ),
        (
            "Not reused",
            format!(
                "if more than {} % of the context is full",
                policy.max_context
            ),
        ),
        (
            "Longest wait of an answered task for its worker",
            texts::span(policy.affinity),
        ),
    ]
}

fn people(people: &[ConfiguredPerson]) -> Markup {
    html! {
        @if people.is_empty() { p.none { "The configuration lists no people: only the person who \
         installed AgentVine has access." } }
        @else {
            (screen::table("People", &["Name", "Role", "Roles in repositories", "Identities"], &html! {
                @for grant in people {
                    tr {
                        th scope="row" { (grant.user.name) }
                        td { @if let Some(role) = grant.user.role { (role.as_str()) } @else { "none" } }
                        td { @for (repo, role) in &grant.user.repos { p { (repo) " " (role.as_str()) } } }
                        td { @for (platform, subject) in &grant.identities { p { (platform) " " code { (subject) } } } }
                    }
                }
            }))
        }
    }
}
