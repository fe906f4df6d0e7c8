//! Translates interactions: presses, shortcuts and forms.

use serde_json::Value;
use vine_domain::chat::{Inbound, InboundKind, Location, chosen::NOT_READ};
use vine_grammar::line;

use crate::{
    card,
    envelope::EnvelopeEvent,
    ids::reference,
    inbound::{asked_for, author, in_room},
    modal::{self, Modal, ModalInput},
    session::AppIdentity,
};

/// What a press, a shortcut or a submitted form is about.
pub fn interaction(payload: &Value, us: &AppIdentity) -> Option<EnvelopeEvent> {
    let user = author(
        payload["user"]["id"].as_str()?,
        payload["user"]["team_id"].as_str(),
        us,
    );
    let trigger = payload["trigger_id"].as_str()?;
    let channel = payload["channel"]["id"].as_str().unwrap_or_default();
    match payload["type"].as_str()? {
        "block_actions" => pressed(payload, user, trigger, channel),
        "message_action" if payload["callback_id"] == card::SHORTCUT => {
            let ts = payload["message"]["ts"].as_str()?;
            Some(EnvelopeEvent::Write(
                trigger.into(),
                Modal::Answer(reference(channel, ts), asked(&payload["message"])),
            ))
        }
        "message_action" if payload["callback_id"] == card::TASK_SHORTCUT => {
            chosen(payload, user, trigger, channel).map(EnvelopeEvent::Person)
        }
        "view_submission" => submitted(&payload["view"], user),
        _ => None,
    }
}

/// A message that somebody chose to be a task. The payload has it without its thread, so both are fetched.
fn chosen(payload: &Value, user: String, trigger: &str, channel: &str) -> Option<Inbound> {
    let message = &payload["message"];
    let of = |key: &str| message[key].as_str().map(|ts| reference(channel, ts));
    let spot = Location::Theirs {
        room: channel.into(),
        thread: of("thread_ts"),
        reply_to: Some(of("ts")?),
    };
    let asked = asked_for(
        trigger.into(),
        user,
        spot,
        String::new(),
        InboundKind::Awaited,
    );
    Some(Inbound {
        left_out: Some(NOT_READ.into()),
        ..asked
    })
}

/// The text of our message without the mentions before it.
fn asked(message: &Value) -> String {
    let mut text = message["text"].as_str().unwrap_or_default();
    while let Some((_, rest)) = text
        .strip_prefix("<@")
        .and_then(|rest| rest.split_once('>'))
    {
        text = rest.trim_start();
    }
    text.to_owned()
}

fn pressed(payload: &Value, user: String, trigger: &str, channel: &str) -> Option<EnvelopeEvent> {
    let action = payload["actions"][0]["action_id"].as_str()?;
    let on = reference(channel, payload["container"]["message_ts"].as_str()?);
    if action == card::WRITE {
        let asked = asked(&payload["message"]);
        return Some(EnvelopeEvent::Write(
            trigger.into(),
            Modal::Answer(on, asked),
        ));
    }
    let index = action.strip_prefix(card::PICK)?.parse().ok()?;
    let spot = Location::Theirs {
        room: channel.into(),
        thread: None,
        reply_to: Some(on),
    };
    Some(EnvelopeEvent::Person(asked_for(
        trigger.into(),
        user,
        spot,
        String::new(),
        InboundKind::Pressed(index),
    )))
}

fn submitted(view: &Value, user: String) -> Option<EnvelopeEvent> {
    let under = |to: String| Location::Theirs {
        room: to.split(':').next().unwrap_or_default().to_owned(),
        thread: None,
        reply_to: Some(to),
    };
    let (spot, text, act) = match modal::written(view)? {
        ModalInput::Incomplete(fields) => return Some(EnvelopeEvent::Incomplete(fields)),
        ModalInput::Form { filled, to } => (under(to), String::new(), InboundKind::Filled(filled)),
        ModalInput::Answer { text, to } => (under(to), text, InboundKind::Said),
        ModalInput::Task {
            title,
            prompt,
            priority,
            channel,
        } => (
            in_room(&channel),
            line(
                &["task", "new", "--priority", &priority, "--", &title],
                &prompt,
            ),
            InboundKind::Said,
        ),
    };
    Some(EnvelopeEvent::Person(asked_for(
        view["id"].as_str()?.into(),
        user,
        spot,
        text,
        act,
    )))
}
