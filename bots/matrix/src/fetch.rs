//! Fetches what an event does not contain: the keys of an encrypted message, the content of a file.

use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters},
    room::{IncludeRelations, RelationsOptions},
    ruma::{
        OwnedEventId, OwnedRoomId, UInt,
        events::{relation::RelationType, room::MediaSource},
    },
};
use serde_json::Value;
use vine_domain::{
    Timestamp,
    chat::{
        Fetched, Inbound, InboundKind, Location,
        attachment::Content,
        chosen::{CONTEXT, QuotedMessage},
    },
};

use crate::translate::{AccountIdentity, RoomEvent, chooses, is_sealed, translate, with_bytes};

/// The event with its full text; `None` while that is not available.
pub async fn fetched(client: &Client, event: &Inbound) -> Option<Fetched> {
    let mut fetched = read_again(client, event).await?;
    fetched.event.direct = event.direct;
    fetched.event.private = event.private;
    Some(fetched)
}

async fn read_again(client: &Client, event: &Inbound) -> Option<Fetched> {
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
        Some(RoomEvent::Person(asked)) if chooses(&asked.text) => {
            chosen(client, room, &asked).await
        }
        Some(RoomEvent::Person(file)) if file.act == InboundKind::Awaited => {
            download(client, file, &raw["content"]).await
        }
        Some(RoomEvent::Person(whole)) => Some(whole.into()),
        // Not relevant any more: deleted, or of a kind that we do not read.
        Some(RoomEvent::Echo(_)) | None => {
            let nothing = Inbound {
                act: InboundKind::Said,
                text: String::new(),
                ..event.clone()
            };
            Some(nothing.into())
        }
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

/// A chosen message, with the earlier messages of its thread.
async fn chosen(client: &Client, room: &str, asked: &Inbound) -> Option<Fetched> {
    let us = client.user_id()?.to_string();
    let Location::Theirs {
        reply_to: Some(of), ..
    } = &asked.spot
    else {
        return None;
    };
    let shown = raw(client, room, of).await?;
    let id = AccountIdentity { id: us.clone() };
    let content = match translate(&shown, room, &id) {
        Some(RoomEvent::Person(file)) if file.act == InboundKind::Awaited => {
            with_bytes(&shown["content"], media(client, &shown["content"]).await?)
        }
        Some(RoomEvent::Person(other)) if other.act == InboundKind::Unreadable => Content {
            left_out: vec![other.text],
            ..Content::default()
        },
        Some(RoomEvent::Person(said)) => Content {
            words: vec![said.text],
            left_out: said.left_out.into_iter().collect(),
            ..Content::default()
        },
        Some(RoomEvent::Echo(_)) | None => Content {
            words: vec![text_of(&shown)],
            ..Content::default()
        },
    };
    let author = |event: &Value| match event["sender"].as_str() {
        Some(sender) if sender != us => sender.to_owned(),
        _ => String::new(),
    };
    let thread = before(client, room, &shown).await?;
    let before = thread.iter().map(|event| QuotedMessage {
        author: author(event),
        text: text_of(event),
    });
    let words = asked.text.split_once('\n').map_or("", |(_, words)| words);
    let asked = Inbound {
        text: words.trim().to_owned(),
        ..asked.clone()
    };
    Some(Fetched::chosen(
        &asked,
        author(&shown),
        content,
        before.collect(),
    ))
}

/// The messages of a thread before one of them, oldest first; none outside of threads.
async fn before(client: &Client, room: &str, of: &Value) -> Option<Vec<Value>> {
    let relation = &of["content"]["m.relates_to"];
    let Some(root) = relation["event_id"]
        .as_str()
        .filter(|_| relation["rel_type"] == "m.thread")
    else {
        return Some(Vec::new());
    };
    let known = client.get_room(&OwnedRoomId::try_from(room).ok()?)?;
    let options = RelationsOptions {
        include_relations: IncludeRelations::RelationsOfType(RelationType::Thread),
        limit: Some(UInt::from(100_u32)),
        ..RelationsOptions::default()
    };
    let found = known
        .relations(OwnedEventId::try_from(root).ok()?, options)
        .await;
    let found = found
        .inspect_err(|error| tracing::debug!(root, "could not read a thread: {error}"))
        .ok()?;
    let at = |event: &Value| event["origin_server_ts"].as_i64();
    let all = found
        .chunk
        .iter()
        .filter_map(|event| event.raw().deserialize_as_unchecked::<Value>().ok());
    let mut earlier: Vec<Value> = all
        .filter(|one| at(one) < at(of) && one["event_id"] != of["event_id"])
        .collect();
    earlier.truncate(CONTEXT + 1);
    earlier.extend(raw(client, room, root).await);
    earlier.reverse();
    Some(earlier)
}

fn text_of(event: &Value) -> String {
    event["content"]["body"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn download(client: &Client, file: Inbound, content: &Value) -> Option<Fetched> {
    let bytes = media(client, content).await?;
    Some(Fetched::with(&file, with_bytes(content, bytes)))
}

/// The bytes of a file, decrypted.
async fn media(client: &Client, content: &Value) -> Option<Vec<u8>> {
    let source: MediaSource = serde_json::from_value(content.clone()).ok()?;
    let wanted = MediaRequestParameters {
        source,
        format: MediaFormat::File,
    };
    let bytes = client.media().get_media_content(&wanted, false).await;
    bytes
        .inspect_err(|error| tracing::debug!("could not download: {error}"))
        .ok()
}
