//! Translates interactions: commands, presses and forms.

use serde_json::Value;
use vine_domain::chat::{Fetched, Inbound, InboundKind, chosen::NOT_READ};
use vine_grammar::{is_command, line, words};

use crate::{
    card::{self, Press},
    content::content,
    inbound::{asked_for, author_of, spot},
    menu::{MAKE_TASK, USE_AS_ANSWER},
    modal::{self, ModalInput},
    session::BotIdentity,
};

/// An interaction, which has to be acknowledged within three seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The interaction's ID.
    pub id: String,
    /// The token for replies.
    pub token: String,
    /// What to do.
    pub then: FollowUp,
}

/// What to do for an interaction.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowUp {
    /// A message or a command; the outcome is a private reply.
    Say(Inbound),
    /// A button; the outcome is visible on the message.
    Press(Inbound),
    /// Ask for confirmation: (message, index of the button, its label).
    Confirm(String, usize, String),
    /// Open the modal for an answer: (message, its text).
    Write(String, String),
    /// Offer suggestions: (user, option, what was typed so far).
    Complete(String, String, String),
    /// Refuse, for this reason.
    Refuse(&'static str),
}

/// What a command, a press or a submitted form is about.
pub fn interaction(data: &Value, us: &BotIdentity) -> Option<Interaction> {
    let text = |key: &str| data[key].as_str();
    let id = text("id")?;
    let token = text("token")?;
    let channel = text("channel_id")?;
    let user = data["member"]["user"]["id"]
        .as_str()
        .or_else(|| data["user"]["id"].as_str())?;
    let then = match data["type"].as_u64()? {
        2 => command(id, channel, user, &data["data"], us)?,
        3 => pressed(id, channel, user, data)?,
        4 => complete(&data["data"], user)?,
        5 => submitted(id, channel, user, &data["data"])?,
        _ => return None,
    };
    Some(Interaction {
        id: id.into(),
        token: token.into(),
        then,
    })
}

fn command(
    id: &str,
    channel: &str,
    user: &str,
    data: &Value,
    us: &BotIdentity,
) -> Option<FollowUp> {
    if data["name"] == USE_AS_ANSWER {
        let message = &data["resolved"]["messages"][data["target_id"].as_str()?];
        let text = message["content"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned();
        // Another person may have written it, so it must not run as a command of this user.
        if is_command(&text) || text.starts_with("<@") {
            return Some(FollowUp::Refuse(
                "That message is a command, not an answer.",
            ));
        }
        return Some(FollowUp::Say(asked_for(
            id,
            user,
            spot(channel, None),
            text,
            InboundKind::Said,
        )));
    }
    if data["name"] == MAKE_TASK {
        let target = data["target_id"].as_str()?;
        let asked = Inbound {
            left_out: Some(NOT_READ.into()),
            ..asked_for(
                id,
                user,
                spot(channel, Some(target)),
                String::new(),
                InboundKind::Awaited,
            )
        };
        if us.reads {
            return Some(FollowUp::Say(asked));
        }
        // Where we read no messages, the menu hands over the one.
        let message = &data["resolved"]["messages"][target];
        let author = author_of(message, us);
        let chosen = Fetched::chosen(&asked, author, content(message, us), Vec::new());
        return Some(FollowUp::Say(chosen.event));
    }
    let (path, options) = picked(&data["options"]);
    let words = words(&path, &options);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(FollowUp::Say(asked_for(
        id,
        user,
        spot(channel, None),
        line(&words, ""),
        InboundKind::Said,
    )))
}

/// The path and the options of a command picked from the menu.
fn picked(options: &Value) -> (Vec<String>, Vec<(String, String)>) {
    let mut path = Vec::new();
    let mut given = Vec::new();
    let mut at = options;
    while let Some(down) = at[0]["name"]
        .as_str()
        .filter(|_| matches!(at[0]["type"].as_u64(), Some(1 | 2)))
    {
        path.push(down.to_owned());
        at = &at[0]["options"];
    }
    for option in at.as_array().into_iter().flatten() {
        let value = match &option["value"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        given.push((
            option["name"].as_str().unwrap_or_default().to_owned(),
            value,
        ));
    }
    (path, given)
}

fn complete(data: &Value, user: &str) -> Option<FollowUp> {
    let mut at = &data["options"];
    while matches!(at[0]["type"].as_u64(), Some(1 | 2)) {
        at = &at[0]["options"];
    }
    let focused = at
        .as_array()?
        .iter()
        .find(|option| option["focused"] == true)?;
    Some(FollowUp::Complete(
        user.into(),
        focused["name"].as_str()?.into(),
        focused["value"].as_str().unwrap_or_default().into(),
    ))
}

fn pressed(id: &str, channel: &str, user: &str, data: &Value) -> Option<FollowUp> {
    let message = data["message"]["id"].as_str()?;
    let act = |index, on: &str| {
        FollowUp::Press(asked_for(
            id,
            user,
            spot(channel, Some(on)),
            String::new(),
            InboundKind::Pressed(index),
        ))
    };
    Some(match card::pressed(&data["data"])? {
        Press::Pick(index) => act(index, message),
        Press::Sure(index, on) => act(index, &on),
        Press::Careful(index) => {
            FollowUp::Confirm(message.into(), index, label(&data["message"], index))
        }
        Press::Write => FollowUp::Write(
            message.into(),
            data["message"]["content"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ),
    })
}

fn label(message: &Value, index: usize) -> String {
    let rows = message["components"].as_array().into_iter().flatten();
    let mut all = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let shown = all.find(|one| {
        card::pressed(&serde_json::json!({ "custom_id": one["custom_id"] }))
            == Some(Press::Careful(index))
    });
    shown
        .and_then(|one| one["label"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn submitted(id: &str, channel: &str, user: &str, data: &Value) -> Option<FollowUp> {
    let (to, text, act) = match modal::written(data)? {
        ModalInput::Form(to, filled) => (to, String::new(), InboundKind::Filled(filled)),
        ModalInput::Words(_, text) if text.is_empty() => {
            return Some(FollowUp::Refuse("Please write something."));
        }
        ModalInput::Words(to, text) => (to, text, InboundKind::Said),
    };
    Some(FollowUp::Say(asked_for(
        id,
        user,
        spot(channel, Some(&to)),
        text,
        act,
    )))
}
