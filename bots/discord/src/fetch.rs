//! Fetches the content of attached text files.

use serde_json::Value;
use serenity::all::Route;
use vine_domain::chat::{Inbound, attachment::unwanted};

use crate::{
    content::{content, files},
    ids::{channel, message},
    session::DiscordSession,
};

/// The event with its full text; `None` while that is not available. File URLs expire after a day,
/// so the message is read again.
pub async fn fetched(session: &DiscordSession, event: &Inbound) -> Option<Inbound> {
    let (room, id) = event.event.split_once(':')?;
    let route = Route::ChannelMessage {
        channel_id: channel(room).ok()?,
        message_id: message(id).ok()?,
    };
    let shown = session.rest.get("reading a message", route, &[]).await;
    let shown: Value = shown
        .inspect_err(
            |error| tracing::debug!(event = %event.event, "could not read a message: {error}"),
        )
        .ok()?;
    let mut content = content(&shown, &session.us);
    content.awaited.clear();
    for file in files(&shown).filter(|file| is_wanted(file)) {
        let bytes = session.rest.download(file["url"].as_str()?).await;
        let bytes = bytes
            .inspect_err(
                |why| tracing::debug!(event = %event.event, "could not download a file: {why}"),
            )
            .ok()?;
        content.add(file["filename"].as_str().unwrap_or("file"), &bytes);
    }
    let (text, act, left_out) = content.read();
    Some(Inbound {
        act,
        text,
        left_out,
        ..event.clone()
    })
}

fn is_wanted(file: &Value) -> bool {
    let text = |key: &str| file[key].as_str().unwrap_or_default();
    let size = file["size"].as_u64().unwrap_or(0);
    unwanted(text("filename"), text("content_type"), size).is_none()
}
