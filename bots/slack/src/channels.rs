//! Channels: one for each repository. The name makes creation idempotent.

use std::collections::HashSet;

use serde_json::{Value, json};
use vine_domain::{chat::DesiredRoom, ports::ChatError};

use crate::{
    api::{Pages, WebApi},
    errors::{SlackCallError, remedy},
    session::SlackSession,
};

/// Maximum characters of a topic (reference of conversations.setTopic).
const TOPIC: usize = 250;

/// Finds or creates the private channel of a repository.
pub async fn create_room(
    session: &SlackSession,
    prefix: &str,
    wish: &DesiredRoom,
) -> Result<String, ChatError> {
    let api = &session.api;
    let name = name(prefix, wish.repo.as_str());
    let mut args = json!({ "name": name, "is_private": true });
    if let Some(team) = &session.team {
        args["team_id"] = json!(team);
    }
    let made = api.call("conversations.create", &args).await;
    let id = match made {
        Ok(answer) => answer["channel"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        Err(error) if error.code() == Some("name_taken") => {
            find(session, &name).await?.ok_or_else(|| {
                ChatError::Gone(format!(
                    "the name #{name} is taken by a channel that the bot is not in; \
             invite the bot there, or free the name"
                ))
            })?
        }
        Err(error) => return Err(error.into()),
    };
    let topic: String = wish.topic.chars().take(TOPIC).collect();
    api.call(
        "conversations.setTopic",
        &json!({ "channel": id, "topic": topic }),
    )
    .await?;
    Ok(id)
}

/// Invites the members; a failed invitation does not stop the others. People from other workspaces
/// have to be invited by a person.
pub async fn sync_room(
    session: &SlackSession,
    channel: &str,
    wish: &DesiredRoom,
) -> Result<(), ChatError> {
    let api = &session.api;
    is_open(api, channel).await?;
    let there = api
        .read(
            "conversations.members",
            &[("channel", channel), ("limit", "1000")],
        )
        .await?;
    let there: Vec<&str> = there["members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|member| member.as_str())
        .collect();
    let missing = wish
        .members
        .iter()
        .map(|member| member.subject.as_str())
        .filter(|user| !there.contains(user) && !user.contains(':'));
    let mut trouble = Ok(());
    for user in missing {
        match api
            .call(
                "conversations.invite",
                &json!({ "channel": channel, "users": user }),
            )
            .await
        {
            Err(error) if error.code() == Some("already_in_channel") => {}
            Err(error) if error.code().is_some() => {
                trouble = Err(ChatError::Gone(format!("could not invite {user}: {error}")));
            }
            other => drop(other?),
        }
    }
    trouble
}

/// Checks that we can post in a channel.
async fn is_open(api: &WebApi, channel: &str) -> Result<(), ChatError> {
    let info = api
        .read("conversations.info", &[("channel", channel)])
        .await?;
    let code = match &info["channel"] {
        known if known["is_archived"] == true => "is_archived",
        known if known["is_member"] == false => "not_in_channel",
        _ => return Ok(()),
    };
    Err(ChatError::Gone(remedy(code).into()))
}

/// Joins a channel by ID (`C…`) or name (`#…`).
pub async fn join_room(session: &SlackSession, named: &str) -> Result<String, ChatError> {
    let id = match named.strip_prefix('#') {
        Some(name) => find(session, name).await?.ok_or_else(|| {
            ChatError::Gone(format!(
                "channel {named} not found, or the bot cannot see it; invite the bot there"
            ))
        })?,
        None => named.to_owned(),
    };
    let api = &session.api;
    let info = api.read("conversations.info", &[("channel", &id)]).await?;
    if info["channel"]["is_member"] == true {
        return Ok(id);
    }
    // Private channels can only be entered by invitation.
    api.call("conversations.join", &json!({ "channel": id }))
        .await?;
    Ok(id)
}

async fn find(session: &SlackSession, name: &str) -> Result<Option<String>, ChatError> {
    let mut pages = Pages::default();
    while let Some(cursor) = pages.next() {
        let page = listed(session, "conversations.list", cursor).await?;
        let found = page["channels"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|channel| channel["name"] == name);
        if let Some(id) = found.and_then(|channel| channel["id"].as_str()) {
            return Ok(Some(id.to_owned()));
        }
        pages.after(&page);
    }
    Ok(None)
}

/// One page of the channels that are not archived.
async fn listed(
    session: &SlackSession,
    method: &str,
    cursor: &str,
) -> Result<Value, SlackCallError> {
    let mut args = vec![
        ("types", "public_channel,private_channel"),
        ("exclude_archived", "true"),
        ("limit", "200"),
        ("cursor", cursor),
    ];
    args.extend(session.team.as_deref().map(|team| ("team_id", team)));
    session.api.read(method, &args).await
}

/// Those of these channels in which we cannot post. One listing of ours covers most of them.
pub async fn closed_rooms(
    session: &SlackSession,
    rooms: &[String],
) -> Result<Vec<(String, String)>, ChatError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let mut open = HashSet::new();
    let mut pages = Pages::default();
    while let Some(cursor) = pages.next() {
        let page = listed(session, "users.conversations", cursor).await?;
        let listed = page["channels"].as_array().into_iter().flatten();
        open.extend(listed.filter_map(|one| one["id"].as_str().map(str::to_owned)));
        pages.after(&page);
    }
    let mut closed = Vec::new();
    for room in rooms.iter().filter(|room| !open.contains(*room)) {
        // Temporary errors are checked again next time.
        if let Err(error @ ChatError::Gone(_)) = is_open(&session.api, room).await {
            closed.push((room.clone(), error.to_string()));
        }
    }
    Ok(closed)
}

/// Lower case, digits, `-` and `_`, at most 80 characters (reference of conversations.create).
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
        .take(80)
        .collect()
}
