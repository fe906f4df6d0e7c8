//! The calls of the REST API that bots use, each from arguments to an answer.

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{
    Discord, gateway, nothing,
    world::{APP, BOT, GUILD, NOT_FOUND, Refusal, World},
};

/// One call.
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub args: &'a Value,
}

impl Call<'_> {
    fn param(&self, name: &str) -> Option<u64> {
        self.query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }
}

type Files = Vec<(String, Vec<u8>)>;

/// Serves one call.
pub fn answer(discord: &Discord, call: &Call<'_>, files: Files) -> Result<Value, Refusal> {
    let parts: Vec<&str> = call.path.split('/').collect();
    let url = discord.gateway_url();
    let mut world = discord.world();
    if world.expelled && parts.first() == Some(&"guilds") {
        return Err(Refusal(404, 10004, "Unknown Guild"));
    }
    match (call.method, parts.as_slice()) {
        ("GET", ["gateway"]) => Ok(json!({ "url": url })),
        ("GET", ["gateway", "bot"]) => Ok(json!({ "url": url, "shards": 1,
            "session_start_limit": { "total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1 } })),
        ("GET", ["users", "@me"]) => Ok(world.user(BOT)),
        ("GET", ["users", id]) => Ok(world.user(id)),
        ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => {
            Ok(application(&world, discord.grants_content()))
        }
        ("GET", ["guilds", GUILD]) => Ok(gateway::plain_guild(&world)),
        ("GET", ["guilds", GUILD, "roles"]) => Ok(gateway::plain_guild(&world)["roles"].clone()),
        ("GET", ["guilds", GUILD, "channels"]) => {
            let channels = world
                .channels
                .values()
                .filter(|channel| channel.kind != 11)
                .map(|channel| world.shown(channel));
            Ok(channels.collect())
        }
        ("POST", ["guilds", GUILD, "channels"]) => world.make(call.args),
        ("GET", ["guilds", GUILD, "members", "@me"]) => Ok(world.member(BOT)),
        ("GET", ["guilds", GUILD, "members", id]) if world.users.contains_key(*id) => {
            Ok(world.member(id))
        }
        ("GET", ["guilds", GUILD, "threads", "active"]) => Ok(world.active()),
        (_, ["guilds", ..]) => Err(Refusal(404, 10004, "Unknown Guild")),
        (_, ["channels", ..]) if world.expelled => Err(super::world::NO_ACCESS),
        (_, ["channels", channel, rest @ ..]) => in_channel(&mut world, call, channel, rest, files),
        ("GET", ["applications", APP, "commands"]) => Ok(json!([])),
        ("GET", ["applications", APP, "guilds", GUILD, "commands"]) => Ok(json!(world.commands)),
        (
            "PUT",
            ["applications", APP, "guilds", GUILD, "commands"] | ["applications", APP, "commands"],
        ) => Ok(world.register(call.args)),
        ("POST", ["interactions", id, token, "callback"]) => {
            let done = world.callback(id, token, call.args)?;
            let described = || json!({ "interaction": { "id": id, "type": call.args["type"], "response_message_ephemeral": true } });
            Ok(if call.query.contains("with_response=") {
                described()
            } else {
                done
            })
        }
        ("PATCH", ["webhooks", APP, token, "messages", "@original"]) => {
            world.amend(token, call.args)
        }
        ("POST", ["webhooks", APP, token]) => world.follow_up(token, call.args),
        _ => nothing(),
    }
}

fn in_channel(
    world: &mut World,
    call: &Call<'_>,
    channel: &str,
    rest: &[&str],
    files: Files,
) -> Result<Value, Refusal> {
    match (call.method, rest) {
        ("GET", []) => world.seen(channel).map(|known| world.shown(known)),
        ("PATCH", []) => world.change(channel, call.args),
        ("PUT", ["permissions", who]) => world.overwrite(channel, who, call.args),
        ("POST", ["typing"]) => world.seen(channel).map(|_| Value::Null),
        ("GET", ["messages"]) => {
            let limit = call
                .param("limit")
                .and_then(|limit| usize::try_from(limit).ok())
                .unwrap_or(50)
                .min(100);
            world.history(channel, call.param("after"), call.param("before"), limit)
        }
        ("POST", ["messages"]) => world.create(channel, call.args, files),
        ("GET", ["messages", id]) => world
            .seen(channel)
            .and_then(|_| world.message(channel, id).cloned()),
        ("PATCH", ["messages", id]) => world.edit(channel, id, call.args),
        ("DELETE", ["messages", id]) => world.delete(channel, id),
        ("POST", ["messages", id, "threads"]) => world.thread(channel, id, call.args),
        ("POST", ["threads"]) => world.forum_post(channel, call.args),
        ("PUT", ["messages", id, "reactions", sign, "@me"]) => {
            world.react(channel, id, &percent_decoded(sign))
        }
        ("PUT" | "DELETE", ["thread-members", "@me"]) => Ok(Value::Null),
        _ => Err(NOT_FOUND),
    }
}

/// Flags: 1 << 18 is the intent for message content (reference, "Application Flags").
fn application(world: &World, content: bool) -> Value {
    let flags = if content { 1 << 18 } else { 0 };
    json!({ "id": APP, "name": "vine", "description": "", "icon": null, "bot_public": false, "bot_require_code_grant": false, "verify_key": "00",
        "flags": flags, "owner": world.user(super::world::ANN), "team": null, "summary": "", "hook": true, "bot": world.user(BOT),
        "rpc_origins": [], "tags": [], "approximate_guild_count": 1, "interactions_endpoint_url": null, "redirect_uris": [] })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a request says: JSON, or a form with JSON in `payload_json` and files.
pub fn arguments(headers: &HeaderMap, body: &[u8]) -> (Value, Files) {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !kind.starts_with("multipart/") {
        return (serde_json::from_slice(body).unwrap_or_default(), Vec::new());
    }
    let boundary = kind
        .split("boundary=")
        .nth(1)
        .unwrap_or_default()
        .trim_matches('"');
    let (mut args, mut files) = (Value::Null, Vec::new());
    for (head, content) in parts(body, format!("--{boundary}").as_bytes()) {
        match head
            .split("filename=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
        {
            Some(name) => files.push((name.to_owned(), content.to_vec())),
            None if head.contains("payload_json") => {
                args = serde_json::from_slice(content).unwrap_or_default();
            }
            None => {}
        }
    }
    (args, files)
}

/// The parts of a form: head and content.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<(String, &'a [u8])> {
    let find = |pattern: &[u8], from: usize| {
        body.get(from..)?
            .windows(pattern.len())
            .position(|window| window == pattern)
            .map(|at| at + from)
    };
    let mut found = Vec::new();
    let mut at = find(boundary, 0);
    while let Some(begin) = at.map(|at| at + boundary.len()) {
        let next = find(boundary, begin);
        if let (Some(content), Some(end)) = (find(b"\r\n\r\n", begin), next)
            && content + 4 <= end.saturating_sub(2)
        {
            found.push((
                String::from_utf8_lossy(&body[begin..content]).into_owned(),
                &body[content + 4..end - 2],
            ));
        }
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_json_and_files() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            "multipart/form-data; boundary=xx"
                .parse()
                .expect("a header"),
        );
        let body = "--xx\r\nContent-Disposition: form-data; \
         name=\"payload_json\"\r\n\r\n{\"content\":\"a\"}\r\n--xx\r\nContent-Disposition: \
         form-data; name=\"files[0]\"; filename=\"a.md\"\r\n\r\nall\r\n--xx--\r\n";
        let (args, files) = arguments(&headers, body.as_bytes());
        assert_eq!(
            (&args["content"], files),
            (&json!("a"), vec![("a.md".to_owned(), b"all".to_vec())])
        );
        assert_eq!(percent_decoded("%E2%9C%85"), "✅");
    }
}
