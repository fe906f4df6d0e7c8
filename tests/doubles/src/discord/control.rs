//! The hands of people and of tests: `POST /_control/<what>` with JSON, `GET /_control/state`, and
//! a page at `/`.

use std::sync::Arc;
use vine_domain::chat::file::FileHash;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use vine_domain::clock::{Clock, System};

use super::{
    Discord, On,
    fault::Fault,
    gateway::{End, until},
    world::{Channel, NOT_FOUND, Refusal, User},
};

pub fn routes() -> Router<Arc<Discord>> {
    Router::new()
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/_control/state", get(state))
        .route("/_control/{what}", post(act))
}

async fn act(State(discord): On, Path(what): Path<String>, Json(args): Json<Value>) -> Response {
    let done = match person(&discord, &what, &args) {
        None => wire(&discord, &what, &args),
        Some(done) => done.map_err(|Refusal(_, _, why)| why),
    };
    discord.flush();
    match done {
        Ok(answer) => Json(answer).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

/// What a person does in their client; `None` when it is none of that.
fn person(discord: &Discord, what: &str, args: &Value) -> Option<Result<Value, Refusal>> {
    let mut world = discord.world();
    let text = |key: &str| args[key].as_str().unwrap_or_default();
    let (user, channel, message) = (text("user"), text("channel"), text("message"));
    Some(match what {
        "say" => world.say(user, channel, args),
        "direct" => world.direct(user),
        "edit" => world.reword(user, channel, message, text("content")),
        "delete" => world.delete(channel, message),
        "press" => world.press(user, channel, message, args),
        "command" => world.command(user, channel, args),
        "complete" => world.complete(user, channel, args),
        "use" => world.use_message(user, channel, message, text("name")),
        "submit" => world.submit(args),
        "thread" => world.change(channel, args),
        "user" => {
            let (id, name) = (text("id").to_owned(), text("name").to_owned());
            world.users.insert(
                id.clone(),
                User {
                    id,
                    name,
                    bot: false,
                },
            );
            Ok(json!({}))
        }
        "forum" => {
            let (id, name) = (text("id").to_owned(), text("name").to_owned());
            world.channels.insert(
                id.clone(),
                Channel {
                    id,
                    name,
                    kind: 15,
                    ..Channel::default()
                },
            );
            Ok(json!({}))
        }
        "permissions" => {
            world.permissions = args["bits"].as_u64().unwrap_or(world.permissions);
            Ok(json!({}))
        }
        "deny" => match world.channels.get_mut(channel) {
            Some(known) => {
                known.denied = args["bits"].as_u64().unwrap_or(0);
                world.changed(channel);
                Ok(json!({}))
            }
            None => Err(NOT_FOUND),
        },
        "vanish" => world.vanish(channel),
        "expel" => {
            world.expel(args["expelled"] != false);
            Ok(json!({}))
        }
        "react" => {
            world.reacts(user, channel, message, text("sign"));
            Ok(json!({}))
        }
        _ => return None,
    })
}

/// What happens on the way between Discord and the bot.
fn wire(discord: &Discord, what: &str, args: &Value) -> Result<Value, &'static str> {
    match what {
        "fault" => discord
            .wire()
            .faults
            .push(serde_json::from_value::<Fault>(args.clone()).map_err(|_| "no such fault")?),
        "beat" => discord.wire().beat = args["millis"].as_u64().ok_or("millis")?,
        "mute" => discord.wire().mute = args["mute"] != false,
        "limit" => discord.wire().limit = args["millis"].as_i64(),
        "content" => discord.wire().content = args["granted"] == true,
        "refuse" => {
            discord.wire().refused_until =
                until(System.now().0, args["seconds"].as_f64().unwrap_or(0.0));
        }
        "forget" => discord
            .wire()
            .sessions
            .retain(|session| session.out.is_some()),
        "reconnect" => discord.send(&json!({ "op": 7, "d": null })),
        "invalid" => {
            let resumable = args["resumable"] == true;
            discord.send(&json!({ "op": 9, "d": resumable }));
            if !resumable {
                discord.wire().sessions.clear();
            }
        }
        "close" => {
            let code = args["code"]
                .as_u64()
                .and_then(|code| u16::try_from(code).ok())
                .ok_or("code")?;
            discord.end(&End::Close(code), args["forget"] == true);
        }
        "cut" => discord.end(&End::Cut, args["forget"] == true),
        _ => return Err("unknown"),
    }
    Ok(json!({}))
}

async fn state(State(discord): On) -> Json<Value> {
    let world = discord.world();
    let channels: Vec<Value> = world
        .channels
        .values()
        .map(|channel| {
            json!({ "id": channel.id, "name": channel.name, "type": channel.kind, "parent": channel.parent, "topic": channel.topic, "archived": channel.archived,
                "locked": channel.locked, "overwrites": channel.overwrites, "messages": channel.messages })
        })
        .collect();
    let users: Vec<Value> = world
        .users
        .values()
        .map(|user| json!({ "id": user.id, "name": user.name, "bot": user.bot }))
        .collect();
    let files: Vec<Value> = world
        .bytes
        .iter()
        .map(|(id, bytes)| json!({ "id": id, "text": String::from_utf8_lossy(bytes), "hash": FileHash::of(bytes) }))
        .collect();
    let wire = discord.wire();
    Json(json!({
        "channels": channels, "ephemerals": world.ephemerals, "modals": world.modals, "offered": world.offered, "users": users, "files": files,
        "commands": world.commands, "connections": wire.sessions.iter().filter(|session| session.out.is_some()).count(),
        "identified": wire.identified,
        "calls": wire.calls.iter().map(|(method, path, args)| json!({ "method": method, "path": path, "args": args })).collect::<Vec<_>>(),
    }))
}
