//! How this place is set up, to be read. What can be changed is changed in `vine.toml`, or by
//! commands.

use axum::{extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use vine_app::{App, AppError, texts};
use vine_domain::{ConfiguredPerson, Verb, access};

use super::{
    PageState, fresh, guards,
    screen::{self, Screen},
};
use crate::auth::PageVisitor;

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
    let (repos, rooms) = (app.repos(&visitor.0).await?, app.store.rooms().await?);
    Ok(html! {
        h1 { "Settings" }
        p.dim { "AgentVine " (env!("CARGO_PKG_VERSION")) ", at " (app.settings().link) ". They stand in " code { "vine.toml" } "; " code { "vine config check" } " explains what is wrong with \
          it." }
        h2 { "Your password" }
        details { summary { "Set a password, to log in without a link" }
            form.new method="post" action="/password" {
                input type="hidden" name="name" autocomplete="username" value=(visitor.0.name());
                label { "The present one, if you have one" input name="old" type="password" autocomplete="current-password"; }
                label { "The new one, 15 characters or more" input name="new" type="password" autocomplete="new-password" minlength="15" maxlength="500" required; }
                button { "Set" }
            }
            p.dim { "Your other browsers are logged out." }
        }
        h2 { "Open questions" }
        (facts(&patience(app)))
        h2 { "Sessions" }
        (facts(&sessions(app)))
        h2 { "Repositories" }
        @if repos.is_empty() { p.none { "None. " code { "/vine repo add" } " adds one." } }
        @else {
            (screen::table("Repositories", &["Name", "Source", "Base", "Rooms", "Trusted", "Agents"], &html! {
                @for repo in &repos {
                    tr {
                        th scope="row" { (repo.name) }
                        td { code { (repo.source.shown()) } }
                        td { code { (repo.base) } }
                        td {
                            @for room in rooms.iter().filter(|room| room.repo == repo.name) { p { (room.platform) " " code { (room.room) } } }
                            @if repo.encrypted { p.dim { "encrypted ones only" } }
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

/// What is set, and to what.
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
            "Call for more people",
            format!(
                "after {}, to {}",
                texts::span(patience.escalate),
                patience.escalate_to
            ),
        ),
        (
            "Given up",
            format!(
                "after {}; permissions after {}",
                texts::span(patience.expire),
                texts::span(patience.expire_permission)
            ),
        ),
        (
            "One digest instead of reminders",
            format!("from {} open questions in a room", patience.digest),
        ),
    ];
    if let Some(quiet) = &patience.quiet {
        let zone = quiet.zone.iana_name().unwrap_or("this machine's time");
        facts.push((
            "Nobody is pinged",
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
            "Used for further tasks",
            if policy.reuse {
                "yes".into()
            } else {
                "no".into()
            },
        ),
        (
            "Ended",
            format!(
                "{} after it began, or after {} without use",
                texts::span(policy.max_age),
                texts::span(policy.max_idle)
            ),
        ),
        (
            "Not used again",
            format!(
                "when it fills more than {} % of its context",
                policy.max_context
            ),
        ),
        (
            "An answered task waits for its worker",
            texts::span(policy.affinity),
        ),
    ]
}

fn people(people: &[ConfiguredPerson]) -> Markup {
    html! {
        @if people.is_empty() { p.none { "The configuration names nobody: only who set this place \
         up can do anything." } }
        @else {
            (screen::table("People", &["Name", "Role", "In repositories", "Known as"], &html! {
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
