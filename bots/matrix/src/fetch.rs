//! What is missing of an event when the stream brings it: the keys of an encrypted message, the content of a file.

use std::{convert::Infallible, time::Duration};

use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters},
    ruma::{OwnedEventId, OwnedRoomId, events::room::MediaSource},
};
use serde_json::Value;
use tokio::sync::Notify;
use vine_domain::{
    chat::{Act, Batch, Inbound, Spot},
    ports::Ear,
};

use crate::translate::{Heard, Us, in_words, is_sealed, translate};

/// How soon to try again what did not come.
const AGAIN: Duration = Duration::from_secs(2);

/// One event must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fetches what is awaited, for ever. Keys come by the stream or from the backup; who gives up, and when, is decided
/// elsewhere.
pub async fn run(client: &Client, ear: &dyn Ear, awaited: &Notify) -> Infallible {
    loop {
        let waiting = ear.awaited().await.unwrap_or_else(|error| {
            tracing::error!(%error, "what is awaited cannot be read: {error}");
            Vec::new()
        });
        for event in &waiting {
            // The SDK lets a download take for ever.
            let whole = tokio::time::timeout(PATIENCE, fetched(client, event)).await.ok().flatten();
            if let Some(whole) = whole
                && let Err(error) = ear.hear(Batch { events: vec![whole], ..Batch::default() }).await
            {
                tracing::error!(event = %event.event, %error, "fetched and not stored: {error}");
            }
        }
        if waiting.is_empty() {
            awaited.notified().await;
        } else {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// The event again with its words; `None` while they are not to be had.
async fn fetched(client: &Client, event: &Inbound) -> Option<Inbound> {
    let Spot::Theirs { room, .. } = &event.spot else { return None };
    let known = client.get_room(&OwnedRoomId::try_from(room.as_str()).ok()?)?;
    let id = OwnedEventId::try_from(event.event.as_str()).ok()?;
    let shown = known.event(&id, None).await.inspect_err(|error| tracing::debug!(event = %id, "not fetched: {error}")).ok()?;
    let raw: Value = shown.raw().deserialize_as_unchecked().ok()?;
    if is_sealed(&raw) {
        return None;
    }
    let us = Us { id: client.user_id()?.to_string() };
    match translate(&raw, room, &us) {
        Some(Heard::Person(file)) if file.act == Act::Awaited => download(client, file, &raw["content"]).await,
        Some(Heard::Person(whole)) => Some(whole),
        // It has become nothing to us: deleted, or of a kind that we do not read.
        Some(Heard::Echo(_)) | None => Some(Inbound { act: Act::Said, text: String::new(), ..event.clone() }),
    }
}

async fn download(client: &Client, file: Inbound, content: &Value) -> Option<Inbound> {
    let source: MediaSource = serde_json::from_value(content.clone()).ok()?;
    let wanted = MediaRequestParameters { source, format: MediaFormat::File };
    let bytes = client.media().get_media_content(&wanted, false).await;
    let bytes = bytes.inspect_err(|error| tracing::debug!(event = %file.event, "not downloaded: {error}")).ok()?;
    Some(match in_words(content, &bytes) {
        Ok(text) => Inbound { act: Act::Said, text, ..file },
        Err(why) => Inbound { act: Act::Unreadable, text: why, ..file },
    })
}
