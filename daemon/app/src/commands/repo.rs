//! `repo ...`

use serde_json::{Value, json};
use vine_api::RepoView;
use vine_domain::{
    Repo, Slug, Verb,
    repo::{Push, Source},
};
use vine_grammar::{OrDefault as Choice, RepoVerb};

use super::CommandOutput;
use crate::{App, AppError, AppResult, Caller, Missing, guards::GuardPatch, texts};

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
            app.allow(caller, Verb::Administer, None, &format!("repo {name}"))
                .await?;
            // A push rule stays until another one is given.
            let known = app.store.repos().await?;
            let known = known.iter().find(|known| known.name == name);
            let push = push.or(known.map(|known| known.push)).unwrap_or_default();
            let guard = known.map(|known| known.guard.clone()).unwrap_or_default();
            let repo = Repo {
                name,
                source: Source::try_from(source)?.without_secrets()?,
                base,
                paused: false,
                trusted,
                encrypted,
                push,
                guard,
            };
            app.add_repo(&repo).await?;
            Ok(CommandOutput::new(line(&repo), RepoView::of(&repo)))
        }
        RepoVerb::Set {
            name,
            preset,
            egress,
            allow,
            refuse,
            wall,
        } => {
            let wish = GuardPatch {
                preset: preset.map(Choice::named),
                egress,
                allow,
                refuse,
                wall: wall.map(Choice::named),
            };
            let repo = app.guard(caller, &name, &wish).await?;
            let none = app
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
        RepoVerb::Remove { name } => {
            app.allow(caller, Verb::Administer, None, &format!("repo {name}"))
                .await?;
            app.repo(&name).await?;
            let open = app.store.remove_repo(&name).await?;
            if open > 0 {
                let tasks = texts::counted(open, "open task", "open tasks");
                return Err(AppError::Unreadable(format!(
                    "{name} has {tasks}; cancel them first, `task list --repo {name}` shows them"
                )));
            }
            app.wakes.rooms();
            app.wakes.page();
            Ok(CommandOutput::new(
                format!("{name} was removed; its history is kept. `repo add` restores it."),
                json!({ "id": name, "state": "removed" }),
            ))
        }
        RepoVerb::List => Ok(CommandOutput::list(
            &app.repos(caller).await?,
            line,
            RepoView::of,
            "No repositories. `repo add <name> <path or URL>` adds one.",
        )),
        RepoVerb::Show { name } => {
            app.allow(caller, Verb::See, Some(&name), &format!("repo {name}"))
                .await?;
            let repo = app.repo(&name).await?;
            Ok(CommandOutput::new(line(&repo), RepoView::of(&repo)))
        }
        RepoVerb::Room {
            name,
            platform,
            room: Some(room),
        } => {
            let platform = platform_of(app, caller, platform)?;
            let room = app.adopt_room(caller, &name, &platform, &room).await?;
            Ok(CommandOutput::new(
                format!("{name} now uses {room} on {platform}."),
                json!({ "id": name, "state": "ok", "platform": platform, "room": room }),
            ))
        }
        RepoVerb::Room {
            name, room: None, ..
        } => rooms(app, caller, &name).await,
    }
}

/// The platform that a command is about.
fn platform_of(app: &App, caller: &Caller, named: Option<String>) -> AppResult<String> {
    let mut known: Vec<String> = app.platforms.health().into_keys().collect();
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
    app.allow(caller, Verb::See, Some(name), &format!("rooms of {name}"))
        .await?;
    app.repo(name).await?;
    let bound = app.store.rooms().await?;
    let mut platforms = app
        .platforms
        .health()
        .into_keys()
        .collect::<std::collections::BTreeSet<_>>();
    platforms.extend(bound.iter().map(|room| room.platform.clone()));
    let one = |platform: String| {
        let room = bound
            .iter()
            .find(|room| room.repo == *name && room.platform == platform)
            .map(|room| room.room.clone());
        let unposted = || app.platforms.unposted(&platform, room.as_deref()?);
        let trouble = app.platforms.trouble(&platform, name).or_else(unposted);
        let refusal = room
            .as_deref()
            .and_then(|room| app.platforms.refusal(&platform, room));
        ShownRoom {
            platform,
            room,
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
        format!(
            "{:<10} {}{trouble}",
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
        json!({ "id": self.platform, "state": state, "room": self.room, "trouble": self.trouble, "refused": self.refusal })
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
    ]
    .iter()
    .filter(|(yes, _)| *yes)
    .map(|(_, note)| *note)
    .collect::<String>();
    format!(
        "{:<16} {} (base {}{notes}{})",
        repo.name,
        repo.source.shown(),
        repo.base,
        repo.guard.said()
    )
}

impl App {
    /// Adds a repository or updates the one of that name. Platforms create a room for it; the
    /// console needs none.
    pub async fn add_repo(&self, repo: &Repo) -> AppResult<()> {
        self.store.save_repo(repo).await?;
        self.around.holds(repo);
        self.wakes.rooms();
        self.wakes.page();
        Ok(())
    }
}
