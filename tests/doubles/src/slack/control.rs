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

use super::{
    On, Slack,
    fault::Fault,
    world::{Code, text},
};

pub fn routes() -> Router<Arc<Slack>> {
    Router::new()
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/_control/state", get(state))
        .route("/_control/{what}", post(act))
}

async fn act(State(slack): On, Path(what): Path<String>, Json(args): Json<Value>) -> Response {
    let done = person(&slack, &what, &args).or_else(|code| {
        if code == "unknown" {
            wire(&slack, &what, &args)
        } else {
            Err(code)
        }
    });
    slack.flush();
    match done {
        Ok(answer) => Json(answer).into_response(),
        Err(code) => (StatusCode::BAD_REQUEST, code).into_response(),
    }
}

/// What a person does in their client.
fn person(slack: &Slack, what: &str, args: &Value) -> Result<Value, Code> {
    let mut world = slack.world();
    let need = |key: &'static str| text(args, key).ok_or(key);
    match what {
        "say" => world.say(need("user")?, args),
        "direct" => world.direct(need("user")?),
        "edit" => world.update(need("user")?, args),
        "delete" => world
            .delete(need("user")?, need("channel")?, need("ts")?)
            .map(|()| json!({})),
        "react" => {
            world.react(need("user")?, args)?;
            world.reacted(need("user")?, args);
            Ok(json!({}))
        }
        "command" => world
            .command(need("user")?, need("channel")?, need("line")?)
            .map(|()| json!({})),
        "click" => world
            .click(
                need("user")?,
                need("channel")?,
                need("ts")?,
                need("action")?,
            )
            .map(|()| json!({})),
        "shortcut" => world
            .shortcut(
                need("user")?,
                need("channel")?,
                need("ts")?,
                need("callback")?,
            )
            .map(|()| json!({})),
        "submit" => world
            .submit(need("view")?, &args["values"])
            .map(|()| json!({})),
        "event" => {
            world.event(&args["event"]);
            Ok(json!({}))
        }
        "user" => {
            world.add_user(
                need("id")?,
                need("name")?,
                text(args, "team").unwrap_or(super::world::TEAM),
            );
            Ok(json!({}))
        }
        "admit" => world
            .admit(need("channel")?, &[need("user")?.to_owned()])
            .map(|()| json!({})),
        "archive" => world
            .archive(need("channel")?, args["archived"] != false)
            .map(|()| json!({})),
        "remove" => world
            .remove(need("channel")?, need("user")?)
            .map(|()| json!({})),
        "organisation" => {
            world.organisation = args["teams"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|team| team.as_str())
                .map(str::to_owned)
                .collect();
            Ok(json!({}))
        }
        _ => Err("unknown"),
    }
}

/// What happens on the way between Slack and the app.
fn wire(slack: &Slack, what: &str, args: &Value) -> Result<Value, Code> {
    let mut wire = slack.wire();
    match what {
        "fault" => wire
            .faults
            .push(serde_json::from_value::<Fault>(args.clone()).map_err(|_| "no such fault")?),
        "hurry" => wire.hurry = args["factor"].as_f64().ok_or("factor")?,
        "limit" => wire.limit = args["millis"].as_i64(),
        "copies" => {
            wire.copies = args["count"]
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .ok_or("count")?;
        }
        "door" => {
            wire.door = Some(serde_json::from_value(args.clone()).map_err(|_| "no such door")?);
        }
        "scopes" => wire.scopes = text(args, "scopes").ok_or("scopes")?.to_owned(),
        "silent" => {
            wire.silent = args["connections"]
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .ok_or("connections")?;
        }
        "deaf" => {
            let count = args["connections"]
                .as_u64()
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(usize::MAX);
            wire.sockets
                .iter_mut()
                .take(count)
                .for_each(|socket| socket.deaf = true);
        }
        "freeze" => {
            let span = std::time::Duration::from_millis(args["millis"].as_u64().ok_or("millis")?);
            for socket in &wire.sockets {
                let _gone = socket.freeze.send(span);
            }
        }
        "endless" => wire.endless = args["endless"] != false,
        "revoke" => wire.revoked = args["revoked"] != false,
        // Dropping the sender ends the connection without a word.
        "cut" => wire.sockets.clear(),
        "disconnect" => {
            let reason = text(args, "reason").unwrap_or("refresh_requested");
            let frame = json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "double" } }).to_string();
            wire.sockets.retain(|socket| {
                socket
                    .out
                    .send(axum::extract::ws::Message::text(frame.clone()))
                    .is_ok()
            });
        }
        _ => return Err("unknown"),
    }
    Ok(json!({}))
}

async fn state(State(slack): On) -> Json<Value> {
    let world = slack.world();
    let channels: Vec<Value> = world
        .channels
        .values()
        .map(|channel| {
            json!({ "id": channel.id, "name": channel.name, "topic": channel.topic, "archived": channel.archived, "members": channel.members,
                "messages": channel.messages })
        })
        .collect();
    let ephemerals: Vec<Value> = world
        .ephemerals
        .iter()
        .map(|one| json!({ "ts": one.ts, "channel": one.channel, "user": one.user, "content": one.content }))
        .collect();
    let views: Vec<Value> = world
        .views
        .values()
        .map(|(user, view)| json!({ "user": user, "view": view }))
        .collect();
    let users: Vec<Value> = world
        .users
        .values()
        .map(|user| json!({ "id": user.id, "name": user.name, "team": user.team }))
        .collect();
    let files: Vec<Value> = world
        .files
        .iter()
        .map(|(id, file)| json!({ "file": file, "text": world.bytes.get(id).map(|bytes| String::from_utf8_lossy(bytes).into_owned()), "hash": world.bytes.get(id).map(|bytes| FileHash::of(bytes)) }))
        .collect();
    let wire = slack.wire();
    Json(json!({
        "channels": channels, "ephemerals": ephemerals, "views": views, "users": users, "files": files, "connections": wire.sockets.len(),
        "calls": wire.calls.iter().map(|(method, args)| json!({ "method": method, "args": args })).collect::<Vec<_>>(), "failed": wire.failed,
    }))
}
