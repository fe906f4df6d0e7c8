//! The content of text files that people attach.

use std::{convert::Infallible, time::Duration};

use serde_json::Value;
use serenity::all::Route;
use vine_domain::{
    chat::{Act, Batch, Inbound, attachment},
    ports::Ear,
};

use crate::{Session, channel, message, translate::plain};

/// How soon to try again what did not come.
const AGAIN: Duration = Duration::from_secs(2);

/// Fetches what is awaited, for ever. Who gives up, and when, is decided elsewhere.
pub async fn run(session: &Session, ear: &dyn Ear) -> Infallible {
    loop {
        let waiting = ear.awaited().await.unwrap_or_else(|error| {
            tracing::error!(%error, "what is awaited cannot be read: {error}");
            Vec::new()
        });
        for event in &waiting {
            if let Some(whole) = fetched(session, event).await
                && let Err(error) = ear.hear(Batch { events: vec![whole], ..Batch::default() }).await
            {
                tracing::error!(event = %event.event, %error, "fetched and not stored: {error}");
            }
        }
        if waiting.is_empty() {
            session.awaited.notified().await;
        } else {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// The event again with its words; `None` while they are not to be had. Addresses of files end after a day: a fresh one is asked for.
async fn fetched(session: &Session, event: &Inbound) -> Option<Inbound> {
    let (room, id) = event.event.split_once(':')?;
    let route = Route::ChannelMessage { channel_id: channel(room).ok()?, message_id: message(id).ok()? };
    let shown = session.rest.get("reading a message", route, &[]).await;
    let shown: Value = shown.inspect_err(|error| tracing::debug!(event = %event.event, "not fetched: {error}")).ok()?;
    let mut texts = vec![plain(shown["content"].as_str().unwrap_or_default(), &session.us)];
    for file in shown["attachments"].as_array().into_iter().flatten() {
        let name = attachment::shown(file["filename"].as_str().unwrap_or("file"));
        let bytes = session.rest.download(file["url"].as_str()?).await;
        let bytes = bytes.inspect_err(|why| tracing::debug!(event = %event.event, "a file was not downloaded: {why}")).ok()?;
        match attachment::in_words(&name, &bytes) {
            Ok(words) => texts.push(words),
            Err(why) => return Some(Inbound { act: Act::Unreadable, text: why, ..event.clone() }),
        }
    }
    texts.retain(|text| !text.is_empty());
    Some(Inbound { act: Act::Said, text: texts.join("\n\n"), ..event.clone() })
}
