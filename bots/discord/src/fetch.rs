//! The content of text files that people attach.

use serde_json::Value;
use serenity::all::Route;
use vine_domain::chat::{Act, Inbound, attachment};

use crate::{Session, channel, message, translate::plain};

/// The event again with its words; `None` while they are not to be had. Addresses of files end
/// after a day: a fresh one is asked for.
pub async fn fetched(session: &Session, event: &Inbound) -> Option<Inbound> {
    let (room, id) = event.event.split_once(':')?;
    let route = Route::ChannelMessage {
        channel_id: channel(room).ok()?,
        message_id: message(id).ok()?,
    };
    let shown = session.rest.get("reading a message", route, &[]).await;
    let shown: Value = shown
        .inspect_err(|error| tracing::debug!(event = %event.event, "not fetched: {error}"))
        .ok()?;
    let mut texts = vec![plain(
        shown["content"].as_str().unwrap_or_default(),
        &session.us,
    )];
    for file in shown["attachments"].as_array().into_iter().flatten() {
        let name = attachment::shown(file["filename"].as_str().unwrap_or("file"));
        let bytes = session.rest.download(file["url"].as_str()?).await;
        let bytes = bytes
            .inspect_err(
                |why| tracing::debug!(event = %event.event, "a file was not downloaded: {why}"),
            )
            .ok()?;
        match attachment::in_words(&name, &bytes) {
            Ok(words) => texts.push(words),
            Err(why) => {
                return Some(Inbound {
                    act: Act::Unreadable,
                    text: why,
                    ..event.clone()
                });
            }
        }
    }
    texts.retain(|text| !text.is_empty());
    Some(Inbound {
        act: Act::Said,
        text: texts.join("\n\n"),
        ..event.clone()
    })
}
