//! Translates gateway events to our types. Pure: JSON in, value out. Fields are read by key, since
//! the crate's types reject a whole event for one field (measured).

use serde_json::Value;
use vine_domain::chat::{Inbound, InboundKind, OurPost, attachment::MediaKind};

use crate::{
    content::{content, is_notice, plain, reply_to},
    ids::moment,
    inbound::{inbound, spot},
    interaction::{FollowUp, Interaction, interaction},
    nonce,
    session::BotIdentity,
};

/// The prefix of reaction event IDs.
pub const REACTION: &str = "reaction-";

/// What an event means to us.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayEvent {
    /// A person did something.
    Person(Inbound),
    /// A message of ours was posted.
    Echo(OurPost),
    /// A person started an interaction that waits for a reply.
    Interaction(Interaction),
    /// A channel was created or deleted, or our permissions changed; `None` for all channels.
    Moved(Option<String>),
    /// We were removed from the server.
    Ended,
    /// Not relevant.
    Nothing,
}

/// Translates an event.
pub fn translate(kind: &str, data: &Value, us: &BotIdentity) -> GatewayEvent {
    let heard = match kind {
        "MESSAGE_CREATE" if data["author"]["id"] == us.id.as_str() => {
            echo(data).map(GatewayEvent::Echo)
        }
        "MESSAGE_CREATE" => said(data, us).map(GatewayEvent::Person),
        "MESSAGE_UPDATE" => edited(data, us).map(GatewayEvent::Person),
        "MESSAGE_DELETE" => deleted(data).map(GatewayEvent::Person),
        "MESSAGE_REACTION_ADD" => reaction(data, us).map(GatewayEvent::Person),
        "INTERACTION_CREATE" => interaction(data, us).map(GatewayEvent::Interaction),
        "CHANNEL_UPDATE" | "CHANNEL_DELETE" => {
            Some(GatewayEvent::Moved(data["id"].as_str().map(str::to_owned)))
        }
        // `unavailable` marks an outage of the server; otherwise we were removed from it.
        "GUILD_DELETE" if data["unavailable"] != true => Some(GatewayEvent::Ended),
        "CHANNEL_CREATE" | "GUILD_CREATE" | "GUILD_DELETE" | "GUILD_ROLE_UPDATE"
        | "GUILD_ROLE_DELETE" => Some(GatewayEvent::Moved(None)),
        _ => None,
    };
    heard.unwrap_or(GatewayEvent::Nothing)
}

/// AgentVine's ID of a person's message.
pub fn event_id(channel: &str, message: &str) -> String {
    format!("{channel}:{message}")
}

/// The person who wrote a message; `None` for bots and webhooks.
fn writer(message: &Value) -> Option<&str> {
    let human = message["author"]["bot"] != true && message["webhook_id"].is_null();
    message["author"]["id"].as_str().filter(|_| human)
}

/// Identifies our own message by its nonce, which does not tell whether more parts follow.
fn echo(message: &Value) -> Option<OurPost> {
    let (id, part) = nonce::read(message["nonce"].as_str()?)?;
    Some(OurPost {
        message: id,
        reference: message["id"].as_str()?.to_owned(),
        part,
        last: false,
    })
}

fn said(message: &Value, us: &BotIdentity) -> Option<Inbound> {
    let author = writer(message)?;
    let id = message["id"].as_str()?;
    let channel = message["channel_id"].as_str()?;
    let (text, act, left_out) = match is_notice(message) {
        Some(true) => return None,
        Some(false) => content(message, us).read(),
        None => (MediaKind::Unknown.left_out(), InboundKind::Unreadable, None),
    };
    let hidden = !us.reads && act == InboundKind::Unreadable;
    let text = if hidden { UNREAD.into() } else { text };
    let said = inbound(
        event_id(channel, id),
        author,
        spot(channel, reply_to(message)),
        text,
        act,
        moment(id),
    );
    Some(Inbound { left_out, ..said })
}

const UNREAD: &str = "AgentVine cannot read messages here: press a button, or use \"Answer…\", `/vine question answer`, or \"Use as answer\" in \
                      the menu of your message.";

/// A reaction to a message; removed reactions are ignored. The event ID does not have the form of a
/// message ID.
fn reaction(data: &Value, us: &BotIdentity) -> Option<Inbound> {
    let text = |key: &str| data[key].as_str();
    let user = text("user_id")?;
    let channel = text("channel_id")?;
    let on = text("message_id")?;
    let sign = data["emoji"]["name"].as_str()?;
    if user == us.id || data["member"]["user"]["bot"] == true || !data["emoji"]["id"].is_null() {
        return None;
    }
    Some(inbound(
        format!("{REACTION}{user}-{on}-{sign}"),
        user,
        spot(channel, Some(on)),
        sign.into(),
        InboundKind::Reacted,
        None,
    ))
}

/// Discord also reports an update when it adds a link preview; only a real edit has a time.
fn edited(message: &Value, us: &BotIdentity) -> Option<Inbound> {
    let author = writer(message)?;
    let id = message["id"].as_str()?;
    let channel = message["channel_id"].as_str()?;
    let at = message["edited_timestamp"].as_str()?;
    let text = plain(message, message["content"].as_str()?, us);
    let of = event_id(channel, id);
    Some(inbound(
        format!("{of}:edited:{at}"),
        author,
        spot(channel, None),
        text,
        InboundKind::Edited(of),
        None,
    ))
}

/// Discord reports neither the author nor who deleted it; the author is looked up later.
fn deleted(data: &Value) -> Option<Inbound> {
    let id = data["id"].as_str()?;
    let channel = data["channel_id"].as_str()?;
    let of = event_id(channel, id);
    Some(inbound(
        format!("{of}:deleted"),
        "",
        spot(channel, None),
        String::new(),
        InboundKind::Deleted(of),
        None,
    ))
}

/// What a person did, if this gateway event reports something relevant.
pub fn heard(kind: &str, data: &Value, us: &BotIdentity) -> Option<Inbound> {
    match translate(kind, data, us) {
        GatewayEvent::Person(inbound) => Some(inbound),
        GatewayEvent::Interaction(interaction) => match interaction.then {
            FollowUp::Say(inbound) | FollowUp::Press(inbound) => Some(inbound),
            _ => None,
        },
        GatewayEvent::Echo(_)
        | GatewayEvent::Moved(_)
        | GatewayEvent::Ended
        | GatewayEvent::Nothing => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use vine_domain::{Timestamp, chat::Location};

    use crate::ids::EPOCH;

    use super::*;

    fn us() -> BotIdentity {
        BotIdentity {
            id: "9".into(),
            app: "9".into(),
            reads: true,
        }
    }

    fn message(more: &Value) -> GatewayEvent {
        let mut data = json!({ "id": "4194304000", "channel_id": "7", "type": 0, "content": "blue", "author": { "id": "1" }, "attachments": [] });
        for (key, value) in more.as_object().into_iter().flatten() {
            data[key] = value.clone();
        }
        translate("MESSAGE_CREATE", &data, &us())
    }

    fn person(heard: GatewayEvent) -> Inbound {
        match heard {
            GatewayEvent::Person(inbound) => inbound,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_replies_and_whose_they_are() {
        let plain = person(message(&json!({})));
        assert_eq!(
            (plain.event.as_str(), plain.author.as_str(), plain.said),
            ("7:4194304000", "1", Some(Timestamp(EPOCH + 1000)))
        );
        let reply = person(message(
            &json!({ "type": 19, "message_reference": { "message_id": "5" } }),
        ));
        assert_eq!(
            reply.spot,
            Location::Theirs {
                room: "7".into(),
                thread: Some("7".into()),
                reply_to: Some("5".into())
            }
        );
        assert_eq!(
            person(message(&json!({ "content": "<@9> status" }))).text,
            "@vine status"
        );
        for more in [
            json!({ "author": { "id": "1", "bot": true } }),
            json!({ "webhook_id": "3" }),
            json!({ "type": 18 }),
        ] {
            assert_eq!(message(&more), GatewayEvent::Nothing, "{more}");
        }
    }

    #[test]
    fn phrases_of_assent_and_refusal_come_as_they_were_said() {
        for phrase in vine_domain::reading::phrases() {
            assert_eq!(person(message(&json!({ "content": phrase }))).text, phrase);
        }
    }

    #[test]
    fn words_that_we_may_not_read_are_said_to_be_so_and_files_are_waited_for() {
        let blind = translate(
            "MESSAGE_CREATE",
            &json!({ "id": "1", "channel_id": "7", "type": 0, "content": "", "author": { "id": "1" } }),
            &BotIdentity {
                reads: false,
                ..us()
            },
        );
        assert_eq!(person(blind).act, InboundKind::Unreadable);
        let file = |kind: &str| {
            person(message(&json!({ "content": "", "attachments": [{ "filename": "a.log", "content_type": kind, "size": 5 }] }))).act
        };
        assert_eq!(
            (file("text/plain"), file("image/png")),
            (InboundKind::Awaited, InboundKind::Awaited)
        );
    }

    #[test]
    fn edits_are_those_with_a_time() {
        let change = |at: Value| json!({ "id": "1", "channel_id": "7", "content": "red", "author": { "id": "1" }, "edited_timestamp": at });
        assert_eq!(
            person(translate("MESSAGE_UPDATE", &change(json!("2026")), &us())).act,
            InboundKind::Edited("7:1".into())
        );
        assert_eq!(
            translate("MESSAGE_UPDATE", &change(Value::Null), &us()),
            GatewayEvent::Nothing,
            "a link preview is not an edit"
        );
    }

    fn used(kind: u8, data: &Value) -> FollowUp {
        let event = json!({ "id": "8", "token": "t", "type": kind, "channel_id": "7", "member": { "user": { "id": "1" } }, "data": data, "message": { "id": "6", "content": "Which?" } });
        match translate("INTERACTION_CREATE", &event, &us()) {
            GatewayEvent::Interaction(interaction) => interaction.then,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_picked_from_the_menu_is_a_command() {
        let options = json!([{ "name": "task", "type": 2, "options": [{ "name": "new", "type": 1, "options": [
            { "name": "title", "type": 3, "value": "--x \"y\"" }, { "name": "priority", "type": 3, "value": "high" }] }] }]);
        let FollowUp::Say(said) = used(2, &json!({ "name": "vine", "options": options })) else {
            panic!()
        };
        let command = vine_grammar::parse(&said.text, &vine_grammar::CommandContext::default())
            .expect("readable");
        let vine_grammar::Command::Task(vine_grammar::TaskVerb::New { title, .. }) = command else {
            panic!("{command:?}")
        };
        assert_eq!(title, ["--x \"y\""]);
        let typing = json!([{ "name": "task", "type": 2, "options": [{ "name": "show", "type": 1, "options": [{ "name": "task", "value": "T-", "focused": true }] }] }]);
        assert_eq!(
            used(4, &json!({ "name": "vine", "options": typing })),
            FollowUp::Complete("1".into(), "task".into(), "T-".into())
        );
    }

    #[test]
    fn presses_carry_a_place_and_never_words() {
        let FollowUp::Press(press) = used(3, &json!({ "custom_id": "v1:pick:1" })) else {
            panic!()
        };
        assert_eq!(
            (press.act, press.text.as_str()),
            (InboundKind::Pressed(1), "")
        );
        assert_eq!(
            used(3, &json!({ "custom_id": "v1:write" })),
            FollowUp::Write("6".into(), "Which?".into())
        );
        let FollowUp::Press(sure) = used(3, &json!({ "custom_id": "v1:sure:2:55" })) else {
            panic!()
        };
        assert_eq!(
            sure.spot,
            Location::Theirs {
                room: "7".into(),
                thread: Some("7".into()),
                reply_to: Some("55".into())
            }
        );
        let event = json!({ "id": "8", "token": "t", "type": 3, "channel_id": "7", "member": { "user": { "id": "1" } }, "data": { "custom_id": "other" }, "message": { "id": "6" } });
        assert_eq!(
            translate("INTERACTION_CREATE", &event, &us()),
            GatewayEvent::Nothing
        );
    }
}
