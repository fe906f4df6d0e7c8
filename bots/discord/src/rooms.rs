//! Channels: one for each repository, visible only to those who may see the repository. The name
//! makes creation idempotent. A forum with that name works too: each task is then a post.

use serde_json::{Value, json};
use serenity::all::{LightMethod, Permissions, Route, TargetId};
use vine_domain::{chat::DesiredRoom, ports::ChatError};

use crate::{
    ids::{channel, guild},
    install,
    session::DiscordSession,
};

/// Maximum characters of a topic (reference, "Channel").
const TOPIC: usize = 1024;
const TEXT: u64 = 0;
pub const FORUM: u64 = 15;

/// Finds or creates the channel of a repository.
pub async fn create_room(
    session: &DiscordSession,
    prefix: &str,
    wish: &DesiredRoom,
) -> Result<String, ChatError> {
    let name = name(prefix, wish.repo.as_str());
    let server = guild(&session.guild).map_err(ChatError::Gone)?;
    let route = || Route::GuildChannels { guild_id: server };
    let known = session
        .rest
        .get("reading the channels", route(), &[])
        .await?;
    if let Some(id) = named(&known, &name) {
        return Ok(id);
    }
    let view = Permissions::VIEW_CHANNEL.bits().to_string();
    let mut overwrites = vec![
        json!({ "id": session.guild, "type": 0, "deny": view, "allow": "0" }),
        json!({ "id": session.us.id, "type": 1, "allow": view, "deny": "0" }),
    ];
    overwrites.extend(wish.members.iter().map(|member| lets_in(&member.subject)));
    let topic: String = wish.topic.chars().take(TOPIC).collect();
    let wish =
        json!({ "name": name, "type": TEXT, "topic": topic, "permission_overwrites": overwrites });
    match session
        .rest
        .call("creating the channel", LightMethod::Post, route(), &wish)
        .await
    {
        Ok(made) => Ok(made["id"].as_str().unwrap_or_default().to_owned()),
        Err(error) if error.code() == Some(50013) => Err(ChatError::Gone(format!(
            "the bot is not allowed to create channels: create #{name} and add the bot to it, or \
             give it \"Manage Channels\""
        ))),
        Err(error) => Err(error.into()),
    }
}

fn named(channels: &Value, name: &str) -> Option<String> {
    let fits =
        |one: &&Value| one["name"] == name && matches!(one["type"].as_u64(), Some(TEXT | FORUM));
    channels.as_array()?.iter().find(fits)?["id"]
        .as_str()
        .map(str::to_owned)
}

fn lets_in(user: &str) -> Value {
    json!({ "id": user, "type": 1, "allow": Permissions::VIEW_CHANNEL.bits().to_string(), "deny": "0" })
}

/// Checks the bot's permissions in the channel, and gives its people access if it is private.
pub async fn sync_room(
    session: &DiscordSession,
    room: &str,
    wish: &DesiredRoom,
) -> Result<(), ChatError> {
    let shown = session
        .rest
        .get(
            "reading the channel",
            Route::Channel {
                channel_id: channel(room)?,
            },
            &[],
        )
        .await?;
    session.note_kind(room, shown["type"].as_u64().unwrap_or(TEXT));
    may_speak(session, &shown).await?;
    let overwrites = shown["permission_overwrites"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let view = Permissions::VIEW_CHANNEL.bits();
    let bit = |one: &Value, key: &str| {
        one[key]
            .as_str()
            .and_then(|bits| bits.parse::<u64>().ok())
            .unwrap_or(0)
            & view
            != 0
    };
    if !overwrites
        .iter()
        .any(|one| one["id"] == session.guild.as_str() && bit(one, "deny"))
    {
        return Ok(());
    }
    let is_in = |user: &str| {
        overwrites
            .iter()
            .any(|one| one["id"] == user && bit(one, "allow"))
    };
    for member in wish.members.iter().filter(|member| !is_in(&member.subject)) {
        let Ok(id) = member.subject.parse::<u64>() else {
            continue;
        };
        let route = Route::ChannelPermission {
            channel_id: channel(room)?,
            target_id: TargetId::new(id),
        };
        let added = session
            .rest
            .call(
                "adding people to the channel",
                LightMethod::Put,
                route,
                &lets_in(&member.subject),
            )
            .await;
        added.map_err(|error| match error.code() {
            Some(50013) => ChatError::Gone(format!(
                "the bot is not allowed to add <@{id}> to the channel: add them, or give the bot \"Manage Roles\""
            )),
            _ => error.into(),
        })?;
    }
    Ok(())
}

/// Those of these channels in which we cannot post.
pub async fn closed_rooms(
    session: &DiscordSession,
    rooms: &[String],
) -> Result<Vec<(String, String)>, ChatError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let server = guild(&session.guild).map_err(ChatError::Gone)?;
    let route = Route::GuildChannels { guild_id: server };
    let all = session.rest.get("reading the channels", route, &[]).await?;
    let (member, roles) = ourselves(session).await?;
    let why = |room: &String| {
        let shown = all
            .as_array()?
            .iter()
            .find(|one| one["id"] == room.as_str());
        let Some(shown) = shown else {
            return Some(
                "the channel no longer exists; choose another one with `repo room`".to_owned(),
            );
        };
        lacking(session, shown, &member, &roles)
    };
    let closed = rooms
        .iter()
        .filter_map(|room| Some((room.clone(), why(room)?)));
    Ok(closed.collect())
}

async fn may_speak(session: &DiscordSession, shown: &Value) -> Result<(), ChatError> {
    let (member, roles) = ourselves(session).await?;
    match lacking(session, shown, &member, &roles) {
        Some(why) => Err(ChatError::Gone(why)),
        None => Ok(()),
    }
}

/// The permissions that the bot is missing in a channel, if any.
fn lacking(
    session: &DiscordSession,
    shown: &Value,
    member: &Value,
    roles: &Value,
) -> Option<String> {
    let lacks = install::lacks(shown, member, roles, &session.us, &session.guild);
    let name = shown["name"].as_str().unwrap_or_default();
    (!lacks.is_empty()).then(|| {
        format!(
            "the bot is missing permissions in #{name}: {}",
            lacks.join(", ")
        )
    })
}

/// The bot's membership in the server, and the server's roles.
async fn ourselves(session: &DiscordSession) -> Result<(Value, Value), ChatError> {
    let server = guild(&session.guild).map_err(ChatError::Gone)?;
    let roles = session
        .rest
        .get(
            "reading the roles",
            Route::GuildRoles { guild_id: server },
            &[],
        )
        .await?;
    let us = serenity::all::UserId::new(session.us.id.parse().unwrap_or(1));
    let member = session
        .rest
        .get(
            "reading the bot's membership",
            Route::GuildMember {
                guild_id: server,
                user_id: us,
            },
            &[],
        )
        .await?;
    Ok((member, roles))
}

/// Finds the channel that a person names by ID, `<#id>` or name.
pub async fn join_room(session: &DiscordSession, named_so: &str) -> Result<String, ChatError> {
    let bare = named_so
        .trim_start_matches("<#")
        .trim_end_matches('>')
        .trim_start_matches('#');
    let server = guild(&session.guild).map_err(ChatError::Gone)?;
    let known = session
        .rest
        .get(
            "reading the channels",
            Route::GuildChannels { guild_id: server },
            &[],
        )
        .await?;
    let by_id = known
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["id"] == bare)
        .and_then(|one| one["id"].as_str());
    let found = by_id.map(str::to_owned).or_else(|| named(&known, bare));
    found.ok_or_else(|| {
        ChatError::Gone(format!(
            "channel {named_so} not found, or the bot cannot see it"
        ))
    })
}

/// Lower case without spaces and at most 100 characters, as Discord requires.
fn name(prefix: &str, repo: &str) -> String {
    let fits = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    format!("{prefix}{repo}")
        .to_lowercase()
        .chars()
        .map(fits)
        .take(100)
        .collect()
}
