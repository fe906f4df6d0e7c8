//! Translates envelopes to our types. Pure: JSON in, value out.

use crate::envelope::EnvelopeEvent;

use serde_json::Value;
use vine_domain::{
    Timestamp,
    chat::{Inbound, InboundKind, Location, attachment::MediaKind},
};

use crate::{
    content::content,
    ids::reference,
    inbound::{asked_for, author, in_room, inbound, team},
    interaction::interaction,
    modal::Modal,
    mrkdwn::plain,
    session::AppIdentity,
};

/// Translates an envelope's payload.
pub fn translate(kind: &str, payload: &Value, us: &AppIdentity) -> EnvelopeEvent {
    let heard = match kind {
        "events_api" => event(&payload["event"], us),
        "slash_commands" => command(payload, us),
        "interactive" => interaction(payload, us),
        _ => None,
    };
    heard.unwrap_or(EnvelopeEvent::Nothing)
}

fn event(event: &Value, us: &AppIdentity) -> Option<EnvelopeEvent> {
    match event["type"].as_str()? {
        "message" => message(event, us).map(EnvelopeEvent::Person),
        "reaction_added" => reaction(event, us).map(EnvelopeEvent::Person),
        "tokens_revoked" | "app_uninstalled" => Some(EnvelopeEvent::Ended),
        "channel_id_changed" => Some(EnvelopeEvent::Renamed(
            event["old_channel_id"].as_str()?.into(),
            event["new_channel_id"].as_str()?.into(),
        )),
        "member_joined_channel" | "member_left_channel" => {
            (event["user"] == us.user.as_str()).then_some(EnvelopeEvent::Moved)
        }
        kind if kind.starts_with("channel_") || kind.starts_with("group_") => {
            Some(EnvelopeEvent::Moved)
        }
        _ => None,
    }
}

/// The character of a digit, which selects a choice; other emoji keep Slack's name.
fn character(sign: &str) -> String {
    const DIGITS: [&str; 9] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    match DIGITS.iter().position(|digit| *digit == sign) {
        Some(place) => format!("{}\u{fe0f}\u{20e3}", place + 1),
        None => format!(":{sign}:"),
    }
}

/// A message in a channel. `app_mention` would only repeat it.
fn message(event: &Value, us: &AppIdentity) -> Option<Inbound> {
    let channel = event["channel"].as_str()?;
    match event["subtype"].as_str() {
        None | Some("thread_broadcast" | "file_share" | "me_message") => said(event, channel, us),
        Some("message_changed") => edited(&event["message"], channel, us),
        Some("message_deleted") => deleted(event, channel, us),
        Some(kind) if is_notice(kind) => None,
        // A kind of message that was unknown when this was written.
        Some(_) => Some(Inbound {
            text: MediaKind::Unknown.left_out(),
            act: InboundKind::Unreadable,
            ..said(event, channel, us)?
        }),
    }
}

/// Whether it is a system message of Slack (reference, "message" and its subtypes).
fn is_notice(subtype: &str) -> bool {
    const KINDS: [&str; 12] = [
        "assistant_",
        "bot_",
        "channel_",
        "document_",
        "ekm_",
        "file_",
        "group_",
        "huddle_",
        "im_",
        "reminder_",
        "sh_room_",
        "thread_",
    ];
    const NAMES: [&str; 8] = [
        "app_conversation_join",
        "joiner_notification",
        "joiner_notification_for_inviter",
        "message_replied",
        "pinned_item",
        "slackbot_response",
        "tombstone",
        "unpinned_item",
    ];
    KINDS.iter().any(|kind| subtype.starts_with(kind)) || NAMES.contains(&subtype)
}

/// A reaction to a message; removed reactions are ignored. The event ID does not have the form of a
/// message ID.
fn reaction(event: &Value, us: &AppIdentity) -> Option<Inbound> {
    let item = &event["item"];
    let text = |key: &str| event[key].as_str();
    let on = reference(item["channel"].as_str()?, item["ts"].as_str()?);
    let user = text("user")?;
    let sign = text("reaction")?;
    let at = text("event_ts")?;
    let room = item["channel"].as_str()?.to_owned();
    let spot = Location::Theirs {
        room,
        thread: None,
        reply_to: Some(on),
    };
    let mut reacted = inbound(
        format!("reaction-{user}-{sign}-{at}"),
        author(user, team(event), us),
        spot,
        character(sign),
        InboundKind::Reacted,
    );
    reacted.said = moment(at);
    (user != us.user).then_some(reacted)
}

/// The person who wrote a message; `None` for bots.
fn writer<'a>(message: &'a Value, us: &AppIdentity) -> Option<&'a str> {
    let user = message["user"].as_str()?;
    (message["bot_id"].is_null() && user != us.user).then_some(user)
}

fn said(event: &Value, channel: &str, us: &AppIdentity) -> Option<Inbound> {
    let user = writer(event, us)?;
    let ts = event["ts"].as_str()?;
    let thread = event["thread_ts"]
        .as_str()
        .map(|root| reference(channel, root));
    let spot = Location::Theirs {
        room: channel.into(),
        thread,
        reply_to: None,
    };
    let (text, act, left_out) = content(event, &us.user).read();
    let said = inbound(
        reference(channel, ts),
        author(user, team(event), us),
        spot,
        text,
        act,
    );
    let direct = is_direct(channel);
    Some(Inbound {
        said: moment(ts),
        left_out,
        private: direct,
        direct,
        ..said
    })
}

/// Whether a channel is a conversation of one person with us.
pub fn is_direct(channel: &str) -> bool {
    channel.starts_with('D')
}

/// When a message was posted. `ts` is the time since 1970 in seconds with six decimals, and orders
/// the messages of a channel.
pub fn moment(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = micros.parse().ok()?;
    Some(Timestamp(seconds * 1000 + micros / 1000))
}

/// Slack also reports a change when it adds a link preview; only a real edit has a time.
fn edited(message: &Value, channel: &str, us: &AppIdentity) -> Option<Inbound> {
    let (user, ts, at) = (
        writer(message, us)?,
        message["ts"].as_str()?,
        message["edited"]["ts"].as_str()?,
    );
    let spot = Location::Theirs {
        room: channel.into(),
        thread: None,
        reply_to: None,
    };
    let text = content(message, &us.user).words.join("\n\n");
    let event = format!("{}:edited:{at}", reference(channel, ts));
    let act = InboundKind::Edited(reference(channel, ts));
    let edited = inbound(event, author(user, team(message), us), spot, text, act);
    Some(Inbound {
        said: moment(at),
        ..edited
    })
}

/// Slack does not report who deleted it, so the author is given.
fn deleted(event: &Value, channel: &str, us: &AppIdentity) -> Option<Inbound> {
    let before = &event["previous_message"];
    let ts = event["deleted_ts"].as_str()?;
    let user = writer(before, us)?;
    let spot = Location::Theirs {
        room: channel.into(),
        thread: None,
        reply_to: None,
    };
    let event = format!("{}:deleted", reference(channel, ts));
    Some(inbound(
        event,
        author(user, team(before), us),
        spot,
        String::new(),
        InboundKind::Deleted(reference(channel, ts)),
    ))
}

/// A slash command, identified by its trigger. Slack has none in threads. `task new` without
/// arguments opens a modal.
fn command(payload: &Value, us: &AppIdentity) -> Option<EnvelopeEvent> {
    let text = |key: &str| payload[key].as_str();
    let trigger = text("trigger_id")?;
    let room = text("channel_id")?;
    let words = plain(text("text").unwrap_or_default(), &us.user);
    if words.split_whitespace().eq(["task", "new"]) {
        return Some(EnvelopeEvent::Write(
            trigger.into(),
            Modal::Task(room.into()),
        ));
    }
    let author = author(text("user_id")?, text("team_id"), us);
    Some(EnvelopeEvent::Person(asked_for(
        trigger.into(),
        author,
        in_room(room),
        format!("/vine {words}"),
        InboundKind::Said,
    )))
}

/// What a person did, if this envelope reports something relevant.
pub fn heard(kind: &str, payload: &Value, us: &AppIdentity) -> Option<Inbound> {
    match translate(kind, payload, us) {
        EnvelopeEvent::Person(inbound) => Some(inbound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn us() -> AppIdentity {
        AppIdentity {
            teams: vec!["T1".into(), "T3".into()],
            user: "U0BOT".into(),
        }
    }

    fn person(kind: &str, payload: &Value) -> Option<Inbound> {
        match translate(kind, payload, &us()) {
            EnvelopeEvent::Person(inbound) => Some(inbound),
            _ => None,
        }
    }

    fn message(more: &Value) -> Option<Inbound> {
        let mut event = json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "5.000001", "text": "blue" });
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        person("events_api", &json!({ "event": event }))
    }

    #[test]
    fn replies_in_threads_and_whose_they_are() {
        let reply = message(&json!({ "thread_ts": "1.000000" })).expect("read");
        assert_eq!(
            reply.spot,
            Location::Theirs {
                room: "C1".into(),
                thread: Some("C1:1.000000".into()),
                reply_to: None
            }
        );
        assert_eq!(
            (reply.event.as_str(), reply.author.as_str(), reply.said),
            ("C1:5.000001", "U1", Some(Timestamp(5_000)))
        );
        assert_eq!(
            message(&json!({ "user_team": "T2" })).expect("read").author,
            "T2:U1",
            "a foreign workspace"
        );
        assert_eq!(
            message(&json!({ "user_team": "T3" })).expect("read").author,
            "U1",
            "another one of our organisation"
        );
        assert_eq!(
            message(&json!({ "text": "<@U0BOT> status" }))
                .expect("read")
                .text,
            "@vine status"
        );
    }

    #[test]
    fn phrases_of_assent_and_refusal_come_as_they_were_said() {
        for phrase in vine_domain::reading::phrases() {
            // Slack escapes these three (reference, "Escaping text").
            let sent = phrase
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let heard = message(&json!({ "text": sent, "thread_ts": "1.000000" })).expect("read");
            assert_eq!(heard.text, phrase);
        }
    }

    #[test]
    fn programs_and_our_own_words_are_nothing() {
        for more in [
            json!({ "bot_id": "B1" }),
            json!({ "user": "U0BOT" }),
            json!({ "subtype": "channel_join" }),
        ] {
            assert_eq!(message(&more), None, "{more}");
        }
    }

    #[test]
    fn edits_deletions_and_files() {
        let changed = json!({ "user": "U1", "ts": "5.000001", "text": "red", "edited": { "ts": "9.000000" } });
        let edit =
            message(&json!({ "subtype": "message_changed", "message": changed })).expect("read");
        assert_eq!(
            (edit.act, edit.text.as_str()),
            (InboundKind::Edited("C1:5.000001".into()), "red")
        );
        let unfolded = json!({ "user": "U1", "ts": "5.000001", "text": "red" });
        assert_eq!(
            message(&json!({ "subtype": "message_changed", "message": unfolded })),
            None,
            "a link preview is not an edit"
        );
        let deleted = message(
            &json!({ "subtype": "message_deleted", "deleted_ts": "5.000001", "previous_message": { "user": "U1" } }),
        );
        assert_eq!(
            deleted.expect("read").act,
            InboundKind::Deleted("C1:5.000001".into())
        );
        let file = |kind: &str| {
            message(&json!({ "text": "", "subtype": "file_share", "files": [{ "name": "a.log", "mimetype": kind }] })).expect("read").act
        };
        assert_eq!(
            (file("text/plain"), file("image/png")),
            (InboundKind::Awaited, InboundKind::Awaited)
        );
    }

    #[test]
    fn presses_carry_a_place_and_no_words() {
        let press = |action: &str| {
            json!({ "type": "block_actions", "trigger_id": "t1", "user": { "id": "U1", "team_id": "T1" }, "channel": { "id": "C1" },
            "container": { "message_ts": "7.000000" }, "message": { "text": "<@U1> *Claude asks:* Which? (Q-1)" }, "actions": [{ "action_id": action, "value": "rm -rf" }] })
        };
        let pick = person("interactive", &press("vine_pick_1")).expect("read");
        assert_eq!(
            (pick.act, pick.text.as_str()),
            (InboundKind::Pressed(1), "")
        );
        assert_eq!(
            translate("interactive", &press("vine_write"), &us()),
            EnvelopeEvent::Write(
                "t1".into(),
                Modal::Answer("C1:7.000000".into(), "*Claude asks:* Which? (Q-1)".into())
            )
        );
        assert_eq!(
            translate("interactive", &press("other_app"), &us()),
            EnvelopeEvent::Nothing
        );
    }

    #[test]
    fn modals_and_commands() {
        let view = |text: &str| {
            json!({ "type": "view_submission", "trigger_id": "t", "user": { "id": "U1", "team_id": "T1" }, "view": {
            "id": "V1", "callback_id": "vine_answer", "private_metadata": "C1:7.000000", "state": { "values": { "answer": { "text": { "value": text } } } } } })
        };
        let written = person("interactive", &view(" green ")).expect("read");
        assert_eq!(
            (written.text.as_str(), written.spot),
            (
                "green",
                Location::Theirs {
                    room: "C1".into(),
                    thread: None,
                    reply_to: Some("C1:7.000000".into())
                }
            )
        );
        assert_eq!(
            translate("interactive", &view("  "), &us()),
            EnvelopeEvent::Incomplete(vec![("answer".into(), "Please write something.")])
        );
        let command = |text: &str| json!({ "channel_id": "C1", "user_id": "U1", "team_id": "T1", "command": "/vine", "text": text, "trigger_id": "t2" });
        assert_eq!(
            person("slash_commands", &command("task list"))
                .expect("read")
                .text,
            "/vine task list"
        );
        let form = EnvelopeEvent::Write("t2".into(), Modal::Task("C1".into()));
        assert_eq!(
            translate("slash_commands", &command(" task  new "), &us()),
            form
        );
    }

    #[test]
    fn a_task_from_the_form_is_a_command_of_its_room_whatever_its_title_looks_like() {
        let values = json!({ "title": { "text": { "value": "--repo \"other\" don't" } }, "prompt": { "text": { "value": "Do it.\n--now" } },
            "priority": { "text": { "selected_option": { "value": "high" } } } });
        let payload = json!({ "type": "view_submission", "trigger_id": "t", "user": { "id": "U1", "team_id": "T1" }, "view": {
            "id": "V1", "callback_id": "vine_task", "private_metadata": "C1", "state": { "values": values } } });
        let said = person("interactive", &payload).expect("read");
        let command = vine_grammar::parse(&said.text, &vine_grammar::CommandContext::default());
        let Ok(vine_grammar::Command::Task(vine_grammar::TaskVerb::New {
            title,
            prompt,
            repo,
            ..
        })) = command
        else {
            panic!("{command:?}")
        };
        assert_eq!(
            (title.join(" ").as_str(), prompt.as_deref(), repo),
            ("--repo \"other\" don't", Some("Do it.\n--now"), None)
        );
    }

    #[test]
    fn channels_that_come_and_go_are_noticed() {
        for kind in ["channel_archive", "member_left_channel", "group_left"] {
            assert_eq!(
                translate(
                    "events_api",
                    &json!({ "event": { "type": kind, "user": "U0BOT" } }),
                    &us()
                ),
                EnvelopeEvent::Moved,
                "{kind}"
            );
        }
        let somebody = json!({ "event": { "type": "member_joined_channel", "user": "U1" } });
        assert_eq!(
            translate("events_api", &somebody, &us()),
            EnvelopeEvent::Nothing
        );
    }
}
