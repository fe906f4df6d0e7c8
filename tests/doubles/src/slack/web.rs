//! The methods of the Web API that the adapter uses, each from arguments to an answer.

use serde_json::{Value, json};

use super::world::{APP, BOT, BOT_USER, Code, ENTERPRISE, TEAM, World, bot, merge, text};

/// What the bot token may do, as `X-OAuth-Scopes` says.
pub const SCOPES: &str = "app_mentions:read,channels:history,channels:join,channels:manage,channels:read,chat:write,commands,files:read,\
                          files:write,groups:history,groups:read,groups:write,im:history,reactions:read,reactions:write,users:read";

/// Runs a method for the bot.
pub fn call(world: &mut World, method: &str, args: &Value) -> Result<Value, Code> {
    let channel = || text(args, "channel").ok_or("channel_not_found");
    match method {
        "api.test" => Ok(json!({ "args": args })),
        "auth.test" => Ok(auth(world)),
        "auth.teams.list" => {
            let teams: Vec<_> = world
                .organisation
                .iter()
                .map(|team| json!({ "id": team, "name": team }))
                .collect();
            Ok(json!({ "teams": teams, "response_metadata": { "next_cursor": "" } }))
        }
        "chat.postMessage" => {
            let message = world.post(&bot(), args)?;
            Ok(json!({ "channel": channel()?, "ts": message["ts"], "message": message }))
        }
        "chat.update" => {
            let message = world.update(BOT_USER, args)?;
            Ok(
                json!({ "channel": channel()?, "ts": message["ts"], "text": message["text"], "message": message }),
            )
        }
        "chat.delete" => {
            let ts = text(args, "ts").ok_or("message_not_found")?;
            world.delete(BOT_USER, channel()?, ts)?;
            Ok(json!({ "channel": channel()?, "ts": ts }))
        }
        "chat.postEphemeral" => world.whisper(args),
        "chat.getPermalink" => {
            let ts = text(args, "message_ts").ok_or("message_not_found")?;
            world.message(channel()?, ts).ok_or("message_not_found")?;
            Ok(
                json!({ "channel": channel()?, "permalink": format!("{}/archives/{}/p{}", world.base, channel()?, ts.replace('.', "")) }),
            )
        }
        "reactions.add" => world.react(BOT_USER, args).map(|()| json!({})),
        "conversations.create" => world
            .create(args)
            .map(|channel| json!({ "channel": channel })),
        "conversations.join" => {
            world.admit(channel()?, &[BOT_USER.to_owned()])?;
            Ok(json!({ "channel": world.shown(channel()?) }))
        }
        "conversations.invite" => invite(world, channel()?, args),
        "conversations.info" => {
            world.channel(channel()?)?;
            Ok(json!({ "channel": world.shown(channel()?) }))
        }
        "conversations.members" => Ok(
            json!({ "members": world.channel(channel()?)?.members, "response_metadata": { "next_cursor": "" } }),
        ),
        "conversations.list" => list(world, args, false),
        "users.conversations" => list(world, args, true),
        "conversations.setTopic" => set_topic(world, channel()?, args),
        "conversations.history" => page(world.read(channel()?, None, args)?, args),
        "conversations.replies" => {
            let root = text(args, "ts").ok_or("thread_not_found")?;
            page(world.read(channel()?, Some(root), args)?, args)
        }
        "users.info" => user(world, text(args, "user").ok_or("user_not_found")?),
        "views.open" => world.open(args).map(|view| json!({ "view": view })),
        "files.getUploadURLExternal" => world.upload(args),
        "files.completeUploadExternal" => world.complete(args),
        _ => Err("unknown_method"),
    }
}

fn auth(world: &World) -> Value {
    let mut answer = json!({ "url": format!("{}/", world.base), "team": "Team", "user": "vine", "team_id": TEAM, "user_id": BOT_USER,
        "bot_id": BOT, "app_id": APP, "is_enterprise_install": false });
    if !world.organisation.is_empty() {
        merge(
            &mut answer,
            &json!({ "team_id": ENTERPRISE, "enterprise_id": ENTERPRISE, "is_enterprise_install": true }),
        );
    }
    answer
}

fn invite(world: &mut World, channel: &str, args: &Value) -> Result<Value, Code> {
    let users: Vec<String> = text(args, "users")
        .ok_or("user_not_found")?
        .split(',')
        .map(str::to_owned)
        .collect();
    let there = &world.channel(channel)?.members;
    if users.iter().all(|user| there.contains(user)) {
        return Err("already_in_channel");
    }
    world.admit(channel, &users)?;
    Ok(json!({ "channel": world.shown(channel) }))
}

/// All channels, or those the bot is in.
fn list(world: &World, args: &Value, own: bool) -> Result<Value, Code> {
    let ids: Vec<String> = world.channels.keys().cloned().collect();
    let open = |channel: &Value| {
        (!own || channel["is_member"] == true)
            && (args["exclude_archived"] != "true" || channel["is_archived"] == false)
    };
    let all: Vec<Value> = ids.iter().map(|id| world.shown(id)).filter(open).collect();
    let (from, limit) = paging(args, 1000);
    let page: Vec<_> = all.iter().skip(from).take(limit).cloned().collect();
    Ok(
        json!({ "channels": page, "response_metadata": { "next_cursor": cursor(from + limit, all.len()) } }),
    )
}

fn set_topic(world: &mut World, channel: &str, args: &Value) -> Result<Value, Code> {
    let topic = text(args, "topic").ok_or("invalid_arguments")?;
    if topic.chars().count() > 250 {
        return Err("too_long");
    }
    world.channel(channel)?;
    if let Some(known) = world.channels.get_mut(channel) {
        known.topic = topic.into();
    }
    Ok(json!({ "channel": world.shown(channel) }))
}

fn page(messages: Vec<Value>, args: &Value) -> Result<Value, Code> {
    let (from, limit) = paging(args, 100);
    let more = messages.len() > from + limit;
    let next = cursor(from + limit, messages.len());
    let page: Vec<_> = messages.into_iter().skip(from).take(limit).collect();
    Ok(json!({ "messages": page, "has_more": more, "response_metadata": { "next_cursor": next } }))
}

fn paging(args: &Value, most: usize) -> (usize, usize) {
    let number = |key: &str| {
        args[key]
            .as_u64()
            .or_else(|| text(args, key)?.parse().ok())
            .and_then(|number| usize::try_from(number).ok())
    };
    (
        number("cursor").unwrap_or(0),
        number("limit")
            .filter(|limit| *limit > 0)
            .unwrap_or(most)
            .min(most),
    )
}

fn cursor(next: usize, all: usize) -> String {
    if next < all {
        next.to_string()
    } else {
        String::new()
    }
}

fn user(world: &World, id: &str) -> Result<Value, Code> {
    let user = world.users.get(id).ok_or("user_not_found")?;
    Ok(json!({ "user": {
        "id": user.id, "team_id": user.team, "name": user.name, "real_name": user.name, "deleted": false, "is_bot": user.id == BOT_USER,
        "is_restricted": false, "is_ultra_restricted": false, "is_admin": false, "tz": "Etc/UTC",
        "profile": { "display_name": user.name, "real_name": user.name, "team": user.team },
    } }))
}
