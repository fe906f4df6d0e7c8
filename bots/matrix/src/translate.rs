//! Translates room events to our types. Pure: JSON in, value out.

mod file;
mod reply;

use self::file::forwarded_by;
use serde_json::Value;
use vine_domain::{
    MessageId, Timestamp,
    chat::{
        Inbound, InboundKind, Location, OurPost,
        attachment::{Content, MediaKind},
        chosen::NOT_READ,
    },
};

use crate::settings::PLATFORM;

pub use file::with_bytes;

/// Our key in the content of our posts. Servers keep unknown keys, and they are encrypted with the
/// rest.
pub const KEY: &str = "org.agentvine.message";

/// What an event means to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// A person did something.
    Person(Inbound),
    /// A message of ours was posted.
    Echo(OurPost),
}

/// The bot's account.
#[derive(Debug, Clone)]
pub struct AccountIdentity {
    /// `@vine:example.org`
    pub id: String,
}

/// Translates an event of `room`; `None` if it is not relevant. Notices are ignored, since bots use
/// them.
pub fn translate(event: &Value, room: &str, us: &AccountIdentity) -> Option<RoomEvent> {
    let sender = event["sender"].as_str()?;
    let id = event["event_id"].as_str()?;
    if sender == us.id {
        return echo(&event["content"], id).map(RoomEvent::Echo);
    }
    let content = &event["content"];
    let parts = match event["type"].as_str()? {
        "m.room.message" => message(content, us)?,
        "m.reaction" => reaction(content)?,
        "m.room.encrypted" => sealed(content),
        "m.room.redaction" => {
            EventParts::new("", InboundKind::Deleted(redacted(event)?.to_owned()))
        }
        "m.sticker" => EventParts::hint(content, MediaKind::Sticker),
        kind if kind.ends_with("poll.start") => EventParts::hint(content, MediaKind::Poll),
        kind if event["state_key"].is_null() && !is_machinery(kind) => {
            EventParts::hint(content, MediaKind::Unknown)
        }
        _ => return None,
    };
    let spot = Location::Theirs {
        room: room.to_owned(),
        thread: parts.thread,
        reply_to: parts.reply_to,
    };
    let said = event["origin_server_ts"].as_i64().map(Timestamp);
    Some(RoomEvent::Person(Inbound {
        event: id.to_owned(),
        platform: PLATFORM.into(),
        author: sender.to_owned(),
        spot,
        text: parts.text,
        act: parts.act,
        said,
        left_out: parts.left_out,
        private: false,
        direct: false,
    }))
}

/// The content of an event and its place in the room.
struct EventParts {
    text: String,
    left_out: Option<String>,
    thread: Option<String>,
    reply_to: Option<String>,
    act: InboundKind,
}

impl EventParts {
    fn new(text: &str, act: InboundKind) -> Self {
        Self {
            text: text.to_owned(),
            left_out: None,
            thread: None,
            reply_to: None,
            act,
        }
    }

    /// Content that agents do not receive.
    fn hint(content: &Value, thing: MediaKind) -> Self {
        Self::new(&thing.left_out(), InboundKind::Unreadable).placed(content)
    }

    /// Adds the thread and the reply. A fallback reply in a thread is not made by a person: it
    /// serves clients without threads.
    fn placed(self, content: &Value) -> Self {
        let relation = &content["m.relates_to"];
        let thread = relation["event_id"]
            .as_str()
            .filter(|_| relation["rel_type"] == "m.thread")
            .map(str::to_owned);
        let made = thread.is_none() || relation["is_falling_back"] != true;
        let reply_to = relation["m.in_reply_to"]["event_id"]
            .as_str()
            .filter(|_| made)
            .map(str::to_owned);
        Self {
            thread,
            reply_to,
            ..self
        }
    }
}

/// Technical events between clients, such as calls, keys and poll responses.
fn is_machinery(kind: &str) -> bool {
    const KINDS: [&str; 7] = [
        "m.call.",
        "m.key.",
        "m.room.",
        "m.rtc.",
        "m.beacon",
        "org.matrix.msc",
        "io.element.",
    ];
    KINDS.iter().any(|one| kind.starts_with(one))
        || kind.ends_with("poll.response")
        || kind.ends_with("poll.end")
        || kind == KEY
}

fn message(content: &Value, us: &AccountIdentity) -> Option<EventParts> {
    let relation = &content["m.relates_to"];
    let kind = relation["rel_type"].as_str();
    let of = relation["event_id"].as_str();
    if let (Some("m.replace"), Some(of)) = (kind, of) {
        let new = &content["m.new_content"];
        let text = plain(new, reply::words(new, new["body"].as_str()?), us);
        return Some(EventParts::new(&text, InboundKind::Edited(of.to_owned())));
    }
    // A redacted message has no body.
    let kind = content["msgtype"].as_str()?;
    let read = match kind {
        // Bots use notices, and clients verify each other with messages.
        "m.notice" | "m.server_notice" | "m.key.verification.request" => return None,
        "m.text" | "m.emote" => {
            let words = plain(
                content,
                reply::words(content, content["body"].as_str()?),
                us,
            );
            Content {
                words: vec![forwarded_by(content, &words)],
                ..Content::default()
            }
        }
        "m.location" => Content {
            left_out: vec![MediaKind::Location.left_out()],
            ..Content::default()
        },
        "m.file" | "m.image" | "m.video" | "m.audio" => file::content(content),
        _ => Content {
            left_out: vec![MediaKind::Unknown.left_out()],
            ..Content::default()
        },
    };
    let (text, act, left_out) = read.read();
    let replies = !relation["m.in_reply_to"].is_null();
    if replies && kind == "m.text" && chooses(&text) {
        let left_out = Some(NOT_READ.to_owned());
        let asked = EventParts::new(&text, InboundKind::Awaited);
        return Some(EventParts { left_out, ..asked }.placed(content));
    }
    let parts = EventParts {
        left_out,
        ..EventParts::new(&text, act)
    };
    Some(parts.placed(content))
}

/// The command that makes a task of the message that it replies to; what follows are words of its author.
const CHOOSE: &str = "!vine task";

/// Whether a reply makes a task of the message that it replies to.
pub fn chooses(text: &str) -> bool {
    text.lines()
        .next()
        .is_some_and(|line| line.trim() == CHOOSE)
}

/// The index at which we joined the room, or 0. Earlier messages were not for us.
pub fn came(events: &[Value], us: &AccountIdentity) -> usize {
    let ours =
        |event: &&Value| event["type"] == "m.room.member" && event["state_key"] == us.id.as_str();
    let comes = |event: &Value| {
        event["content"]["membership"] == "join"
            && event["unsigned"]["prev_content"]["membership"] != "join"
    };
    events
        .iter()
        .rposition(|event| ours(&event) && comes(event))
        .unwrap_or(0)
}

/// Whether an event is still encrypted because its keys are missing.
pub fn is_sealed(event: &Value) -> bool {
    event["type"] == "m.room.encrypted"
}

/// An encrypted message. Its relations are not encrypted, so that servers can show threads.
fn sealed(content: &Value) -> EventParts {
    let relation = &content["m.relates_to"];
    let is_thread = relation["rel_type"] == "m.thread";
    let edited = relation["event_id"].as_str().filter(|_| !is_thread);
    let why = "This message could not be decrypted, since its keys did not arrive within a minute; \
               send it again";
    let placed = EventParts::new("", InboundKind::Awaited).placed(content);
    EventParts {
        left_out: Some(why.into()),
        reply_to: placed.reply_to.or_else(|| edited.map(str::to_owned)),
        ..placed
    }
}

fn reaction(content: &Value) -> Option<EventParts> {
    let relation = &content["m.relates_to"];
    let of = relation["event_id"].as_str()?;
    let key = relation["key"].as_str()?;
    Some(EventParts {
        reply_to: Some(of.to_owned()),
        ..EventParts::new(key, InboundKind::Reacted)
    })
}

/// The redacted event; its place depends on the room version.
fn redacted(event: &Value) -> Option<&str> {
    event["redacts"]
        .as_str()
        .or_else(|| event["content"]["redacts"].as_str())
}

fn echo(content: &Value, id: &str) -> Option<OurPost> {
    let key = &content[KEY];
    let message = MessageId(key["id"].as_str()?.parse().ok()?);
    Some(OurPost {
        message,
        reference: id.to_owned(),
        part: u32::try_from(key["part"].as_u64()?).ok()?,
        last: key["last"] == true,
    })
}

/// The text, with a mention of us at its start replaced by `@vine`: our account's name, or the name
/// that a link to our account shows.
fn plain(content: &Value, text: &str, us: &AccountIdentity) -> String {
    let text = text.trim();
    let local = us
        .id
        .trim_start_matches('@')
        .split(':')
        .next()
        .unwrap_or_default();
    let heads = [us.id.clone(), format!("@{local}"), format!("{local}:")];
    let shown = linked_name(content, us);
    let called = heads.into_iter().chain(shown).find_map(|head| {
        let rest = text
            .get(..head.len())
            .filter(|start| start.eq_ignore_ascii_case(&head))
            .map(|_| &text[head.len()..])?;
        let rest = rest.strip_prefix([':', ',']).unwrap_or(rest);
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
    });
    called.map_or_else(|| text.to_owned(), |rest| format!("@vine{rest}"))
}

/// The name in a link to our account with which a message begins, as clients write mentions
/// (specification, "User, room and event mentions").
fn linked_name(content: &Value, us: &AccountIdentity) -> Option<String> {
    let html = content["formatted_body"].as_str()?.trim_start();
    let html = html.rsplit_once("</mx-reply>").map_or(html, |(_, own)| own);
    let html = html.strip_prefix("<p>").unwrap_or(html);
    let (address, rest) = html
        .strip_prefix("<a href=\"https://matrix.to/#/")?
        .split_once("\">")?;
    let name = rest.split_once("</a>")?.0;
    let is_us = address == us.id || address.replace("%40", "@").replace("%3A", ":") == us.id;
    (is_us && !name.is_empty() && !name.contains(['<', '&'])).then(|| name.to_owned())
}

/// What a person did, if this room event reports something relevant.
pub fn heard(event: &Value, room: &str, us: &str) -> Option<Inbound> {
    match translate(event, room, &AccountIdentity { id: us.to_owned() })? {
        RoomEvent::Person(inbound) => Some(inbound),
        RoomEvent::Echo(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn us() -> AccountIdentity {
        AccountIdentity {
            id: "@vinebot:x".into(),
        }
    }

    fn read(kind: &str, content: &Value) -> Option<Inbound> {
        let event =
            json!({ "type": kind, "sender": "@ann:x", "event_id": "$e", "content": content });
        match translate(&event, "!r", &us())? {
            RoomEvent::Person(inbound) => Some(inbound),
            RoomEvent::Echo(_) => None,
        }
    }

    fn spot(thread: Option<&str>, reply_to: Option<&str>) -> Location {
        Location::Theirs {
            room: "!r".into(),
            thread: thread.map(Into::into),
            reply_to: reply_to.map(Into::into),
        }
    }

    #[test]
    fn replies_of_both_kinds_of_clients() {
        let threaded = json!({ "msgtype": "m.text", "body": "blue", "m.relates_to":
            { "rel_type": "m.thread", "event_id": "$root", "is_falling_back": true, "m.in_reply_to": { "event_id": "$last" } } });
        assert_eq!(
            read("m.room.message", &threaded).expect("read").spot,
            spot(Some("$root"), None)
        );
        let real = json!({ "msgtype": "m.text", "body": "blue", "m.relates_to":
            { "rel_type": "m.thread", "event_id": "$root", "is_falling_back": false, "m.in_reply_to": { "event_id": "$q" } } });
        assert_eq!(
            read("m.room.message", &real).expect("read").spot,
            spot(Some("$root"), Some("$q"))
        );
        let rich = json!({ "msgtype": "m.text", "body": "> <@vine:x> Which?\n> 1. Red\n\nblue", "m.relates_to": { "m.in_reply_to": { "event_id": "$q" } } });
        let rich = read("m.room.message", &rich).expect("read");
        assert_eq!(
            (rich.spot, rich.text.as_str()),
            (spot(None, Some("$q")), "blue")
        );
    }

    #[test]
    fn edits_redactions_and_reactions() {
        let edit = json!({ "msgtype": "m.text", "body": "* red", "m.new_content": { "body": "red" }, "m.relates_to": { "rel_type": "m.replace", "event_id": "$a" } });
        let edit = read("m.room.message", &edit).expect("read");
        assert_eq!(
            (edit.act, edit.text.as_str()),
            (InboundKind::Edited("$a".into()), "red")
        );
        let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$q", "key": "2️⃣" } });
        let reaction = read("m.reaction", &reaction).expect("read");
        assert_eq!(
            (reaction.act, reaction.spot, reaction.text.as_str()),
            (InboundKind::Reacted, spot(None, Some("$q")), "2️⃣")
        );
        assert_eq!(
            read("m.room.redaction", &json!({ "redacts": "$a" }))
                .expect("read")
                .act,
            InboundKind::Deleted("$a".into())
        );
    }

    #[test]
    fn phrases_of_assent_and_refusal_come_as_they_were_said() {
        for phrase in vine_domain::reading::phrases() {
            let content = json!({ "msgtype": "m.text", "body": phrase });
            assert_eq!(read("m.room.message", &content).expect("read").text, phrase);
        }
    }

    #[test]
    fn commands_by_our_name_and_words_that_are_not_for_us() {
        let text = |body: &str| {
            read(
                "m.room.message",
                &json!({ "msgtype": "m.text", "body": body }),
            )
            .expect("read")
            .text
        };
        for body in [
            "@vinebot:x status",
            "vinebot: status",
            "@vinebot status",
            "@vinebot:x: status",
        ] {
            assert_eq!(text(body), "@vine status", "{body}");
        }
        assert_eq!(text("vinebots are nice"), "vinebots are nice");
        let linked = |id: &str, body: &str| {
            let html = format!("<a href=\"https://matrix.to/#/{id}\">Agent Vine</a> paint it");
            let content = json!({ "msgtype": "m.text", "body": body, "formatted_body": html });
            read("m.room.message", &content).expect("read").text
        };
        assert_eq!(
            linked("@vinebot:x", "Agent Vine paint it"),
            "@vine paint it"
        );
        assert_eq!(
            linked("%40vinebot%3Ax", "Agent Vine: paint it"),
            "@vine paint it"
        );
        assert_eq!(
            linked("@ann:x", "Agent Vine paint it"),
            "Agent Vine paint it"
        );
        assert_eq!(
            read(
                "m.room.message",
                &json!({ "msgtype": "m.notice", "body": "I am a program" })
            ),
            None
        );
        assert_eq!(
            read("m.room.member", &json!({ "membership": "join" })),
            None
        );
        let file = |kind| {
            read(
                "m.room.message",
                &json!({ "msgtype": kind, "body": "a.log" }),
            )
            .expect("read")
            .act
        };
        assert_eq!(
            (file("m.file"), file("m.image")),
            (InboundKind::Awaited, InboundKind::Awaited)
        );
    }

    #[test]
    fn what_cannot_be_decrypted_yet_is_awaited_where_it_was_said() {
        let content = |relation: Value| json!({ "ciphertext": "…", "m.relates_to": relation });
        let threaded = content(json!({ "rel_type": "m.thread", "event_id": "$root" }));
        let threaded = read("m.room.encrypted", &threaded).expect("read");
        assert_eq!(
            (threaded.act, threaded.spot),
            (InboundKind::Awaited, spot(Some("$root"), None))
        );
        let reply = content(json!({ "m.in_reply_to": { "event_id": "$q" } }));
        assert_eq!(
            read("m.room.encrypted", &reply).expect("read").spot,
            spot(None, Some("$q"))
        );
        let edit = content(json!({ "rel_type": "m.replace", "event_id": "$a" }));
        assert_eq!(
            read("m.room.encrypted", &edit).expect("read").spot,
            spot(None, Some("$a"))
        );
    }

    #[test]
    fn what_was_said_before_we_came_is_not_to_us() {
        let join = |before: &str| {
            json!({ "type": "m.room.member", "state_key": "@vinebot:x", "content": { "membership": "join" },
            "unsigned": { "prev_content": { "membership": before } } })
        };
        let word = json!({ "type": "m.room.message" });
        assert_eq!(
            came(&[word.clone(), join("invite"), word.clone()], &us()),
            1
        );
        assert_eq!(
            came(&[word.clone(), join("join"), word], &us()),
            0,
            "a new name is not a join"
        );
    }

    #[test]
    fn our_own_messages_tell_where_they_are() {
        let id = "0192f3a4-0000-7000-8000-000000000001";
        let event = json!({ "type": "m.room.message", "sender": "@vinebot:x", "event_id": "$e", "content": { "body": "x", KEY: { "id": id, "part": 1, "last": true } } });
        let echo = OurPost {
            message: MessageId(id.parse().expect("a uuid")),
            reference: "$e".into(),
            part: 1,
            last: true,
        };
        assert_eq!(translate(&event, "!r", &us()), Some(RoomEvent::Echo(echo)));
    }
}
