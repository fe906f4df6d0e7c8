//! Fetches what an event does not contain: the keys of an encrypted message, the content of a file.

use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters},
    ruma::{OwnedEventId, OwnedRoomId, events::room::MediaSource},
};
use serde_json::Value;
use vine_domain::{
    Timestamp,
    chat::{Inbound, InboundKind, Location},
};

use crate::translate::{AccountIdentity, RoomEvent, is_sealed, translate, with_bytes};

/// The event with its full text; `None` while that is not available.
pub async fn fetched(client: &Client, event: &Inbound) -> Option<Inbound> {
    let Location::Theirs { room, .. } = &event.spot else {
        return None;
    };
    let raw = raw(client, room, &event.event).await?;
    if is_sealed(&raw) {
        return None;
    }
    let us = AccountIdentity {
        id: client.user_id()?.to_string(),
    };
    match translate(&raw, room, &us) {
        Some(RoomEvent::Person(file)) if file.act == InboundKind::Awaited => {
            download(client, file, &raw["content"]).await
        }
        Some(RoomEvent::Person(whole)) => Some(whole),
        // Not relevant any more: deleted, or of a kind that we do not read.
        Some(RoomEvent::Echo(_)) | None => Some(Inbound {
            act: InboundKind::Said,
            text: String::new(),
            ..event.clone()
        }),
    }
}

/// When the homeserver received an event.
pub async fn posted_at(client: &Client, room: &str, event: &str) -> Option<Timestamp> {
    raw(client, room, event).await?["origin_server_ts"]
        .as_i64()
        .map(Timestamp)
}

async fn raw(client: &Client, room: &str, event: &str) -> Option<Value> {
    let known = client.get_room(&OwnedRoomId::try_from(room).ok()?)?;
    let id = OwnedEventId::try_from(event).ok()?;
    let shown = known
        .event(&id, None)
        .await
        .inspect_err(|error| tracing::debug!(event = %id, "could not read an event: {error}"))
        .ok()?;
    shown.raw().deserialize_as_unchecked().ok()
}

async fn download(client: &Client, file: Inbound, content: &Value) -> Option<Inbound> {
    let source: MediaSource = serde_json::from_value(content.clone()).ok()?;
    let wanted = MediaRequestParameters {
        source,
        format: MediaFormat::File,
    };
    let bytes = client.media().get_media_content(&wanted, false).await;
    let bytes = bytes
        .inspect_err(|error| tracing::debug!(event = %file.event, "could not download: {error}"))
        .ok()?;
    let (text, act, left_out) = with_bytes(content, &bytes).read();
    Some(Inbound {
        text,
        act,
        left_out,
        ..file
    })
}
