//! Parts of what people do: who did it, and where.

use serde_json::Value;
use vine_domain::{
    Timestamp,
    chat::{Inbound, InboundKind, Location},
};

use crate::{
    ids::{PLATFORM, moment},
    session::BotIdentity,
};

/// A thread is a channel of its own, so the channel is given as both room and thread.
pub fn spot(channel: &str, reply_to: Option<&str>) -> Location {
    Location::Theirs {
        room: channel.into(),
        thread: Some(channel.into()),
        reply_to: reply_to.map(Into::into),
    }
}

pub fn inbound(
    event: String,
    author: &str,
    spot: Location,
    text: String,
    act: InboundKind,
    said: Option<Timestamp>,
) -> Inbound {
    Inbound {
        event,
        platform: PLATFORM.into(),
        author: author.into(),
        spot,
        text,
        act,
        said,
        left_out: None,
        private: false,
        direct: false,
    }
}

/// The same for events that allow a private reply.
pub fn asked_for(
    id: &str,
    author: &str,
    spot: Location,
    text: String,
    act: InboundKind,
) -> Inbound {
    Inbound {
        private: true,
        ..inbound(id.into(), author, spot, text, act, moment(id))
    }
}

/// The author of a message; empty if it is ourselves.
pub fn author_of(message: &Value, us: &BotIdentity) -> String {
    match message["author"]["id"].as_str() {
        Some(id) if id == us.id => String::new(),
        id => id.unwrap_or("?").into(),
    }
}
