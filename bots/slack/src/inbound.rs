//! Parts of what people do: who did it, and where.

use serde_json::Value;
use vine_domain::chat::{Inbound, InboundKind, Location};

use crate::{ids::PLATFORM, session::AppIdentity};

/// What a person did at a place.
pub fn inbound(
    event: String,
    author: String,
    spot: Location,
    text: String,
    act: InboundKind,
) -> Inbound {
    Inbound {
        event,
        platform: PLATFORM.into(),
        author,
        spot,
        text,
        act,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    }
}

/// The same for events that allow a private reply.
pub fn asked_for(
    event: String,
    author: String,
    spot: Location,
    text: String,
    act: InboundKind,
) -> Inbound {
    Inbound {
        private: true,
        ..inbound(event, author, spot, text, act)
    }
}

/// The author of a message, also if that is a program; empty if it is ourselves.
pub fn author_of(message: &Value, us: &AppIdentity) -> String {
    match message["user"].as_str() {
        Some(user) if user != us.user => author(user, team(message), us),
        Some(_) => String::new(),
        None => message["username"].as_str().unwrap_or("?").into(),
    }
}

/// The ID of a person; those from other workspaces are prefixed with their workspace.
pub fn author(user: &str, team: Option<&str>, us: &AppIdentity) -> String {
    match team {
        Some(team) if !us.teams.iter().any(|ours| ours == team) => format!("{team}:{user}"),
        _ => user.to_owned(),
    }
}

/// The workspace of a message's author, if Slack reports it.
pub fn team(message: &Value) -> Option<&str> {
    let team = |key: &str| message[key].as_str();
    team("user_team").or_else(|| team("source_team"))
}

/// A place in a channel, outside of threads.
pub fn in_room(room: &str) -> Location {
    Location::Theirs {
        room: room.into(),
        thread: None,
        reply_to: None,
    }
}
