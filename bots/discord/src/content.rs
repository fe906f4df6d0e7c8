//! The content of a message: its text, forwarded text, files, and media without text.

use serde_json::Value;
use vine_domain::chat::attachment::{Content, MediaKind, forwarded};

use crate::session::BotIdentity;

/// A voice message (reference, "Message Flags").
const VOICE: u64 = 1 << 13;
/// The reference type of a forwarded message (reference, "Message Reference Types").
const FORWARD: u64 = 1;

/// What agents receive of a message, and which of its files must still be fetched.
pub fn content(message: &Value, us: &BotIdentity) -> Content {
    let mut content = Content {
        words: vec![words(message, us)],
        ..Content::default()
    };
    add(&mut content, message);
    for passed in snapshots(message) {
        let words = words(passed, us);
        if !words.is_empty() {
            content.words.push(forwarded(None, &words));
        }
        add(&mut content, passed);
    }
    content
}

fn of(one: &Value) -> std::slice::Iter<'_, Value> {
    one["attachments"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
}

/// Files of a message and of the messages that it forwards.
pub fn files(message: &Value) -> impl Iterator<Item = &Value> {
    of(message)
        .chain(snapshots(message).flat_map(of))
        .filter(|_| !is_voice(message))
}

/// The message that this one replies to. A forward is not a reply.
pub fn reply_to(message: &Value) -> Option<&str> {
    let reference = &message["message_reference"];
    let id = reference["message_id"].as_str()?;
    (reference["type"].as_u64() != Some(FORWARD)).then_some(id)
}

/// `false` for what a person wrote (a plain message, a reply), `true` for system messages, `None`
/// for types that were unknown when this was written (reference, "Message Types").
pub fn is_notice(message: &Value) -> Option<bool> {
    match message["type"].as_u64()? {
        0 | 19 => Some(false),
        1..=18 | 20..=32 | 36..=39 | 44 | 46 | 63 => Some(true),
        _ => None,
    }
}

/// The text with our leading mention as `@vine` and other mentions as names.
pub fn plain(message: &Value, text: &str, us: &BotIdentity) -> String {
    let text = text.trim();
    let heads = [format!("<@{}>", us.id), format!("<@!{}>", us.id)];
    let called = heads
        .iter()
        .find_map(|head| text.strip_prefix(head.as_str()));
    match called {
        None => typed(message, text),
        Some(rest) if rest.starts_with(char::is_whitespace) => {
            format!("@vine{}", typed(message, rest))
        }
        Some(rest) => format!("@vine {}", typed(message, rest)),
    }
}

fn words(message: &Value, us: &BotIdentity) -> String {
    plain(message, message["content"].as_str().unwrap_or_default(), us)
}

fn snapshots(message: &Value) -> impl Iterator<Item = &Value> {
    let all = message["message_snapshots"]
        .as_array()
        .into_iter()
        .flatten();
    all.map(|one| &one["message"])
}

fn is_voice(message: &Value) -> bool {
    message["flags"].as_u64().unwrap_or(0) & VOICE != 0
}

fn add(content: &mut Content, message: &Value) {
    let has = |key: &str| message[key].as_array().is_some_and(|all| !all.is_empty());
    if has("sticker_items") || has("stickers") {
        content.left_out.push(MediaKind::Sticker.left_out());
    }
    if message["poll"].is_object() {
        content.left_out.push(MediaKind::Poll.left_out());
    }
    if is_voice(message) {
        content.left_out.push(MediaKind::Voice.left_out());
        return;
    }
    for file in message["attachments"].as_array().into_iter().flatten() {
        let text = |key: &str| file[key].as_str();
        content.announce(
            text("filename").unwrap_or("file"),
            file["size"].as_u64().unwrap_or(0),
        );
    }
}

/// Replaces Discord's tokens with what the person typed (reference, "Message Formatting"). A token
/// whose name is unknown stays.
fn typed(message: &Value, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let named = after
            .split_once('>')
            .and_then(|(token, tail)| Some((name(message, token)?, tail)));
        match named {
            Some((name, tail)) => {
                out.push_str(&name);
                rest = tail;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out + rest
}

fn name(message: &Value, token: &str) -> Option<String> {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let listed = |key: &str, id: &str, name: &str| {
        let all = message[key].as_array()?;
        let one = all.iter().find(|one| one["id"] == id)?;
        one[name].as_str().map(str::to_owned)
    };
    if let Some(id) = token.strip_prefix("@!").or_else(|| token.strip_prefix('@')) {
        // A user who happens to be called `vine` is not us.
        let name = listed("mentions", id, "username");
        let name = name.filter(|name| !name.eq_ignore_ascii_case("vine"));
        return name.map(|name| format!("@{name}"));
    }
    if let Some(id) = token.strip_prefix('#') {
        return listed("mention_channels", id, "name").map(|name| format!("#{name}"));
    }
    if let Some((command, id)) = token
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit_once(':'))
    {
        return is_id(id).then(|| format!("/{command}"));
    }
    let emoji = token
        .strip_prefix("a:")
        .or_else(|| token.strip_prefix(':'))?;
    let (name, id) = emoji.split_once(':')?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && is_id(id)).then(|| format!(":{name}:"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vine_domain::chat::InboundKind;

    use super::*;

    fn us() -> BotIdentity {
        BotIdentity {
            id: "9".into(),
            app: "9".into(),
            reads: true,
        }
    }

    fn read(message: &Value) -> (String, InboundKind, Option<String>) {
        content(message, &us()).read()
    }

    #[test]
    fn what_is_forwarded_counts_with_its_label_and_is_no_reply() {
        let message = json!({ "content": "", "message_reference": { "type": 1, "message_id": "5" }, "message_snapshots": [{ "message": { "content": "Blue" } }] });
        assert_eq!(
            read(&message),
            ("Forwarded:\nBlue".into(), InboundKind::Said, None)
        );
        assert_eq!(reply_to(&message), None);
        assert_eq!(
            reply_to(&json!({ "message_reference": { "message_id": "5" } })),
            Some("5")
        );
    }

    #[test]
    fn what_has_no_words_is_named() {
        for (message, what) in [
            (
                json!({ "content": "", "sticker_items": [{ "id": "1" }] }),
                "sticker",
            ),
            (json!({ "content": "", "poll": { "question": {} } }), "poll"),
            (
                json!({ "content": "", "flags": 8192, "attachments": [{ "filename": "voice.ogg", "content_type": "audio/ogg" }] }),
                "voice",
            ),
            (json!({ "content": "" }), "empty"),
        ] {
            let (why, act, _) = read(&message);
            assert!(
                act == InboundKind::Unreadable && why.contains(what),
                "{why}"
            );
        }
        let beside = json!({ "content": "Blue", "attachments": [{ "filename": "a.mp4", "content_type": "video/mp4", "size": 20_000_000 }] });
        let (words, act, left_out) = read(&beside);
        assert_eq!((words.as_str(), act), ("Blue", InboundKind::Said));
        assert!(left_out.expect("told").contains("a.mp4"));
    }

    #[test]
    fn tokens_are_what_was_typed() {
        let message = json!({ "mentions": [{ "id": "11", "username": "ann" }] });
        for (sent, typed) in [
            ("ask <@11> or <@!11>", "ask @ann or @ann"),
            ("<@9> status", "@vine status"),
            ("<@9>status", "@vine status"),
            ("<:shipit:5> <a:party_parrot:6>", ":shipit: :party_parrot:"),
            ("</task new:77>", "/task new"),
            ("Vec<u8> < 3 <@12> <x:1>", "Vec<u8> < 3 <@12> <x:1>"),
        ] {
            assert_eq!(plain(&message, sent, &us()), typed, "{sent}");
        }
    }
}
