//! The gateway: sessions that are identified, beat, resume, and are forgotten; each event goes to
//! every session that asked for its kind, and is kept for a while for those that have lost their
//! connection.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::json::merge;

use super::{
    Discord, TOKEN,
    world::{APP, BOT, Dispatch, GUILD, World},
};

/// Events kept for a session that may come back.
const KEPT: usize = 500;

/// Intents (reference, "Gateway Intents").
const GUILDS: u64 = 1;
const MESSAGES: u64 = 1 << 9;
const DIRECT_MESSAGES: u64 = 1 << 12;
const CONTENT: u64 = 1 << 15;

/// A session of the bot, connected or not.
pub struct Session {
    pub id: String,
    intents: u64,
    seq: u64,
    kept: VecDeque<(u64, String)>,
    /// Frames on their way; `None` while it is not connected.
    pub out: Option<mpsc::UnboundedSender<Message>>,
}

impl Session {
    /// Tells an event, or keeps it.
    pub fn tell(&mut self, dispatch: &Dispatch) {
        let Some(data) = meant(dispatch, self.intents) else {
            return;
        };
        self.seq += 1;
        let frame = json!({ "op": 0, "s": self.seq, "t": dispatch.kind, "d": data }).to_string();
        self.kept.push_back((self.seq, frame.clone()));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        if let Some(out) = &self.out {
            let _gone = out.send(Message::text(frame));
        }
    }
}

/// What a session with these intents is told of an event.
fn meant(dispatch: &Dispatch, intents: u64) -> Option<Value> {
    let needed = match dispatch.kind {
        "INTERACTION_CREATE" | "READY" | "RESUMED" => 0,
        kind if kind.starts_with("MESSAGE_") && dispatch.data["guild_id"].is_null() => {
            DIRECT_MESSAGES
        }
        kind if kind.starts_with("MESSAGE_") => MESSAGES,
        _ => GUILDS,
    };
    if intents & needed != needed {
        return None;
    }
    let mut data = dispatch.data.clone();
    let mentioned = data["content"]
        .as_str()
        .is_some_and(|text| text.contains(&format!("<@{BOT}>")));
    if dispatch.kind.starts_with("MESSAGE_")
        && intents & CONTENT == 0
        && data["author"]["id"] != BOT
        && !data["guild_id"].is_null()
        && !mentioned
    {
        merge(
            &mut data,
            &json!({ "content": "", "embeds": [], "attachments": [], "components": [] }),
        );
    }
    Some(data)
}

/// How a connection is to end.
pub enum End {
    Close(u16),
    Cut,
}

/// Serves one connection until either side ends it.
pub async fn serve(discord: Arc<Discord>, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (out, mut frames) = mpsc::unbounded_channel::<Message>();
    let hello = json!({ "op": 10, "s": null, "t": null, "d": { "heartbeat_interval": discord.beat(), "_trace": ["double"] } });
    let _gone = sink.send(Message::text(hello.to_string())).await;
    let mut session: Option<String> = None;
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(Message::Close(Some(frame))) if frame.code == 0 => break,
                Some(frame) => {
                    let last = matches!(frame, Message::Close(_));
                    if sink.send(frame).await.is_err() || last { break }
                }
                None => break,
            },
            heard = stream.next() => match heard {
                Some(Ok(Message::Text(text))) => {
                    let Ok(frame) = serde_json::from_str::<Value>(&text) else { continue };
                    match frame["op"].as_u64() {
                        Some(1) if !discord.is_mute() => drop(out.send(Message::text(json!({ "op": 11 }).to_string()))),
                        Some(2) => session = identify(&discord, &frame["d"], &out),
                        Some(6) => session = resume(&discord, &frame["d"], &out),
                        _ => {}
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    // With these the session is over; with others it may be taken up again.
                    if let (Some(id), Some(1000 | 1001)) = (&session, frame.map(|frame| frame.code)) {
                        discord.forget(id);
                    }
                    let _gone = sink.close().await;
                    break;
                }
                Some(Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    if let Some(id) = session {
        discord.disconnected(&id, &out);
    }
}

fn close(out: &mpsc::UnboundedSender<Message>, code: u16, why: &'static str) {
    let _gone = out.send(Message::Close(Some(CloseFrame {
        code,
        reason: why.into(),
    })));
}

fn identify(
    discord: &Arc<Discord>,
    data: &Value,
    out: &mpsc::UnboundedSender<Message>,
) -> Option<String> {
    let intents = data["intents"].as_u64().unwrap_or(0);
    if data["token"] != TOKEN {
        close(out, 4004, "Authentication failed.");
        return None;
    }
    if intents & CONTENT != 0 && !discord.grants_content() {
        close(out, 4014, "Disallowed intent(s).");
        return None;
    }
    let id = format!("session-{}", discord.next());
    let mut session = Session {
        id: id.clone(),
        intents,
        seq: 0,
        kept: VecDeque::new(),
        out: Some(out.clone()),
    };
    let world = discord.world();
    session.tell(&Dispatch {
        kind: "READY",
        data: ready(&world, &id, &discord.gateway_url()),
    });
    session.tell(&Dispatch {
        kind: "GUILD_CREATE",
        data: guild(&world),
    });
    drop(world);
    discord.add(session);
    Some(id)
}

fn resume(
    discord: &Arc<Discord>,
    data: &Value,
    out: &mpsc::UnboundedSender<Message>,
) -> Option<String> {
    let (id, seq) = (
        data["session_id"].as_str()?.to_owned(),
        data["seq"].as_u64().unwrap_or(0),
    );
    let taken_up = discord.with_session(&id, |session| {
        for (_, frame) in session.kept.iter().filter(|(number, _)| *number > seq) {
            let _gone = out.send(Message::text(frame.clone()));
        }
        session.out = Some(out.clone());
        session.tell(&Dispatch {
            kind: "RESUMED",
            data: json!({ "_trace": ["double"] }),
        });
    });
    if taken_up {
        return Some(id);
    }
    let _gone = out.send(Message::text(json!({ "op": 9, "d": false }).to_string()));
    None
}

fn ready(world: &World, session: &str, url: &str) -> Value {
    json!({ "v": 10, "user": { "id": BOT, "username": "vine", "discriminator": "0", "global_name": null, "avatar": null, "bot": true,
            "verified": true, "mfa_enabled": false, "email": null, "flags": 0 },
        "guilds": [{ "id": GUILD, "unavailable": true }], "session_id": session, "resume_gateway_url": url, "session_type": "normal",
        "private_channels": [], "relationships": [], "presences": [], "user_settings": {}, "geo_ordered_rtc_regions": [], "shard": [0, 1],
        "application": { "id": APP, "flags": 0 }, "_trace": [format!("{} users", world.users.len())] })
}

/// The guild with all that is in it.
pub fn guild(world: &World) -> Value {
    let (threads, channels): (Vec<_>, Vec<_>) = world
        .channels
        .values()
        .partition(|channel| channel.kind == 11);
    let shown = |all: Vec<&super::world::Channel>| {
        all.into_iter()
            .map(|one| world.shown(one))
            .collect::<Vec<_>>()
    };
    let members: Vec<_> = world.users.keys().map(|id| world.member(id)).collect();
    let mut guild = plain_guild(world);
    merge(
        &mut guild,
        &json!({
            "channels": shown(channels), "threads": shown(threads), "members": members, "joined_at": "2026-01-01T00:00:00.000000+00:00", "large": false,
            "unavailable": false, "member_count": world.users.len(), "voice_states": [], "presences": [], "stage_instances": [],
            "guild_scheduled_events": [], "soundboard_sounds": [],
        }),
    );
    guild
}

/// The guild as calls show it.
pub fn plain_guild(world: &World) -> Value {
    let role = |id: &str, name: &str, bits: u64| {
        json!({ "id": id, "name": name, "permissions": bits.to_string(), "color": 0, "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "hoist": false, "position": 0, "managed": false, "mentionable": false, "flags": 0, "icon": null, "unicode_emoji": null })
    };
    json!({
        "id": GUILD, "name": "Team", "icon": null, "splash": null, "discovery_splash": null, "owner_id": super::world::ANN, "afk_channel_id": null,
        "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0,
        "roles": [role(GUILD, "@everyone", world.permissions)], "emojis": [], "stickers": [], "features": [], "mfa_level": 0,
        "application_id": null, "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null, "vanity_url_code": null,
        "description": null, "banner": null, "premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
        "public_updates_channel_id": null, "nsfw_level": 0, "nsfw": false, "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null,
        "max_members": 500_000, "max_video_channel_users": 25, "region": "deprecated", "hub_type": null,
    })
}

/// How long a connection is refused.
pub fn until(now: i64, seconds: f64) -> i64 {
    now + i64::try_from(Duration::from_secs_f64(seconds).as_millis()).unwrap_or(0)
}
