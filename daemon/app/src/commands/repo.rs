//! `repo ...`

use serde_json::{Value, json};
use vine_api::RepoView;
use vine_domain::{
    Followups, Repo, Slug, Verb,
    repo::{Push, Source},
};
use vine_grammar::{OrDefault as Choice, RepoVerb};

use crate::{
    App, AppError, AppResult, Caller, Missing,
    commands::output::CommandOutput,
    fleet::{RepoPatch, RequestPatch},
};

pub async fn run(app: &App, caller: &Caller, verb: RepoVerb) -> AppResult<CommandOutput> {
    match verb {
        RepoVerb::Add {
            name,
            source,
            base,
            trusted,
            encrypted,
            push,
        } => {
            app.people
                .allow(caller, Verb::Administer, None, &format!("repo {name}"))
                .await?;
            // What was set for it stays until it is set again.
            let known = app.tasks.find_repo(&name).await?;
            let known_push = known.as_ref().map(|known| known.push);
            let push = push.or(known_push).unwrap_or_default();
            let new = Repo {
                trusted,
                encrypted,
                push,
                ..Repo::new(name, Source::try_from(source)?.without_secrets()?, base)
            };
            let repo = match known {
                Some(known) => Repo {
                    guard: known.guard,
                    model: known.model,
                    followups: known.followups,
                    requests: known.requests,
                    conventions: known.conventions,
                    ..new
                },
                None => new,
            };
            app.tasks.add_repo(&repo).await?;
            Ok(CommandOutput::new(line(&repo), RepoView::of(&repo)))
        }
        verb @ RepoVerb::Set { .. } => set(app, caller, verb).await,
        RepoVerb::Remove { name } => {
            app.tasks.remove_repo(caller, &name).await?;
            Ok(CommandOutput::new(
                format!("{name} was removed; its history is kept. `repo add` restores it."),
                json!({ "id": name, "state": "removed" }),
            ))
        }
        RepoVerb::List => Ok(CommandOutput::list(
            &app.tasks.repos(caller).await?,
            line,
            RepoView::of,
            "No repositories. `repo add <name> <path or URL>` adds one.",
        )),
        RepoVerb::Show { name } => {
            app.people
                .allow(caller, Verb::See, Some(&name), &format!("repo {name}"))
                .await?;
            let repo = app.tasks.repo(&name).await?;
            Ok(CommandOutput::new(line(&repo), RepoView::of(&repo)))
        }
        RepoVerb::Room {
            name,
            platform,
            room: Some(room),
            ..
        } => {
            let platform = platform_of(app, caller, platform)?;
            let room = app
                .rooms
                .adopt_room(caller, &name, &platform, &room)
                .await?;
            Ok(CommandOutput::new(
                format!("{name} now uses {room} on {platform}."),
                json!({ "id": name, "state": "ok", "platform": platform, "room": room }),
            ))
        }
        RepoVerb::Room {
            name,
            platform,
            progress: Some(shown),
            room: None,
        } => {
            let platform = platform_of(app, caller, platform)?;
            let shown = shown == "on";
            app.rooms
                .show_progress(caller, &name, &platform, shown)
                .await?;
            let state = if shown { "show" } else { "do not show" };
            Ok(CommandOutput::new(
                format!("The cards of {name} on {platform} {state} what agents are at."),
                json!({ "id": name, "state": "ok", "platform": platform, "progress": shown }),
            ))
        }
        RepoVerb::Room {
            name, room: None, ..
        } => rooms(app, caller, &name).await,
    }
}

/// `repo set ...`
async fn set(app: &App, caller: &Caller, verb: RepoVerb) -> AppResult<CommandOutput> {
    let RepoVerb::Set {
        name,
        preset,
        egress,
        allow,
        refuse,
        wall,
        model,
        effort,
        followups,
        requests,
        labels,
        reviewers,
        assignees,
        merge,
        fix_checks,
        branches,
        trailers,
    } = verb
    else {
        return Err(AppError::Unreadable("this sets nothing".into()));
    };
    let wish = RepoPatch {
        preset: preset.map(Choice::named),
        egress,
        allow,
        refuse,
        wall: wall.map(Choice::named),
        model: model.map(Choice::named),
        effort: effort.map(Choice::named),
        followups,
        requests: RequestPatch {
            open: requests,
            labels,
            reviewers,
            assignees,
            merge,
            fix_checks,
        },
        branches: branches.map(Choice::named),
        trailers: trailers.map(Choice::named),
    };
    let repo = app.fleet.guard(caller, &name, &wish).await?;
    let none = app
        .fleet
        .nobody_can(&repo)
        .await?
        .map_or_else(String::new, |why| {
            format!("\nNo worker can run its tasks: {why}.")
        });
    Ok(CommandOutput::new(
        format!("{}{none}", line(&repo)),
        RepoView::of(&repo),
    ))
}

/// The platform that a command is about.
fn platform_of(app: &App, caller: &Caller, named: Option<String>) -> AppResult<String> {
    let mut known: Vec<String> = app.rooms.platforms.health().into_keys().collect();
    match named.or_else(|| {
        known
            .iter()
            .find(|platform| **platform == caller.via)
            .cloned()
    }) {
        Some(platform) => Ok(platform),
        None if known.len() == 1 => Ok(known.remove(0)),
        None if known.is_empty() => Err(Missing::AnyPlatform.into()),
        None => Err(AppError::Unreadable(format!(
            "which platform? Use `--platform` with one of: {}",
            known.join(", ")
        ))),
    }
}

/// The rooms of a repository, and what is wrong with them.
async fn rooms(app: &App, caller: &Caller, name: &Slug) -> AppResult<CommandOutput> {
    app.people
        .allow(caller, Verb::See, Some(name), &format!("rooms of {name}"))
        .await?;
    app.tasks.repo(name).await?;
    let bound = app.rooms.bound().await?;
    let mut platforms = app
        .rooms
        .platforms
        .health()
        .into_keys()
        .collect::<std::collections::BTreeSet<_>>();
    platforms.extend(bound.iter().map(|room| room.platform.clone()));
    let one = |platform: String| {
        let room = bound
            .iter()
            .find(|room| room.repo == *name && room.platform == platform)
            .map(|room| (room.room.clone(), room.progress));
        let (room, progress) = room.unzip();
        let unposted = || app.rooms.platforms.unposted(&platform, room.as_deref()?);
        let trouble = app
            .rooms
            .platforms
            .trouble(&platform, name)
            .or_else(unposted);
        let refusal = room
            .as_deref()
            .and_then(|room| app.rooms.platforms.refusal(&platform, room));
        ShownRoom {
            platform,
            room,
            quiet: progress == Some(false),
            trouble,
            refusal,
        }
    };
    let all: Vec<_> = platforms.into_iter().map(one).collect();
    Ok(CommandOutput::list(
        &all,
        ShownRoom::line,
        ShownRoom::data,
        "No rooms.",
    ))
}

/// A room on one platform, as it is shown.
struct ShownRoom {
    platform: String,
    room: Option<String>,
    /// Its cards do not show what agents are at.
    quiet: bool,
    trouble: Option<String>,
    /// The last post that was refused for its content.
    refusal: Option<String>,
}

impl ShownRoom {
    fn line(&self) -> String {
        let trouble = self
            .trouble
            .as_ref()
            .into_iter()
            .chain(&self.refusal)
            .map(|why| format!(" · {why}"))
            .collect::<String>();
        let quiet = if self.quiet {
            " · without progress"
        } else {
            ""
        };
        format!(
            "{:<10} {}{quiet}{trouble}",
            self.platform,
            self.room.as_deref().unwrap_or("no room yet")
        )
    }

    fn data(&self) -> Value {
        let state = match (&self.trouble, &self.room) {
            (Some(_), _) => "trouble",
            (None, Some(_)) => "ok",
            (None, None) => "missing",
        };
        json!({ "id": self.platform, "state": state, "room": self.room, "trouble": self.trouble, "refused": self.refusal, "progress": !self.quiet })
    }
}

fn line(repo: &Repo) -> String {
    let notes = [
        (repo.paused, ", paused"),
        (repo.trusted, ", trusted"),
        (repo.encrypted, ", encrypted rooms"),
        (repo.push == Push::Branches, ", unfinished work on branches"),
        (repo.push == Push::Done, ", only finished work is pushed"),
        (repo.push == Push::Never, ", pushed only on request"),
        (
            repo.followups == Followups::Words,
            ", any request in a thread continues its task",
        ),
    ]
    .iter()
    .filter(|(yes, _)| *yes)
    .map(|(_, note)| *note)
    .collect::<String>();
    let model = repo.model.said();
    let model = model.map_or_else(String::new, |model| format!(", {model}"));
    let requests: String = repo
        .requests
        .said()
        .iter()
        .chain(&repo.conventions.said())
        .map(|one| format!(", {one}"))
        .collect();
    format!(
        "{:<16} {} (base {}{notes}{}{model}{requests})",
        repo.name,
        repo.source.shown(),
        repo.base,
        repo.guard.said()
    )
}
