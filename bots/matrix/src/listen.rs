//! Reads the sync stream. Events are stored with the new position before anything else happens.
//! Gaps are filled first, so the position never passes unread events.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use matrix_sdk::{
    Client,
    config::{SyncSettings, SyncToken},
    ruma::{
        OwnedRoomId, UInt,
        api::client::{
            filter::{FilterDefinition, LazyLoadOptions, RoomEventFilter, RoomFilter},
            sync::sync_events::v3::Filter,
        },
        assign,
    },
    sync::SyncResponse,
};
use serde_json::Value;
use tokio::sync::Notify;
use vine_chat::Slot;
use vine_domain::{chat::InboundBatch, ports::EventSink};

use crate::{
    history, order,
    session::{self, SessionProblem},
    translate::{AccountIdentity, RoomEvent, came, translate},
};

/// How long the homeserver may wait for events before it answers.
const WAIT: Duration = Duration::from_secs(20);
/// How soon to retry while the homeserver does not respond.
const AGAIN: Duration = Duration::from_secs(1);
/// The most events of a room in one response; more are fetched.
const LIMIT: u32 = 50;

/// Listens until a problem occurs. `ready` receives the client after the first sync; `invited` is
/// notified of invitations.
pub async fn run(
    client: &Client,
    ear: &dyn EventSink,
    ready: &Slot<Client>,
    invited: &Notify,
) -> SessionProblem {
    match listen(client, ear, ready, invited).await {
        Ok(never) => match never {},
        Err(trouble) => trouble,
    }
}

async fn listen(
    client: &Client,
    ear: &dyn EventSink,
    ready: &Slot<Client>,
    invited: &Notify,
) -> Result<Infallible, SessionProblem> {
    let mut since = ear.cursor().await?;
    // A new device knows no rooms: it receives their full state, and reads what it missed from
    // their history.
    let mut whole = !session::has_position(client).await;
    let mut stamps = HashMap::new();
    loop {
        let wait = if ready.get().is_ok() {
            WAIT
        } else {
            Duration::ZERO
        };
        let settings = SyncSettings::new()
            .timeout(wait)
            .filter(filter())
            .token(SyncToken::ReusePrevious);
        let response = match client.sync_once(settings).await.map_err(|error| {
            let by_wire = matches!(error, matrix_sdk::Error::Http(_));
            (SessionProblem::from(error), by_wire)
        }) {
            Ok(response) => response,
            // Only a response that did not arrive can be requested again; otherwise the SDK may
            // already have advanced its position.
            Err((trouble @ SessionProblem::Connection(_), true)) => {
                ear.health(Err(trouble.to_string()));
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err((trouble, _)) => return Err(trouble),
        };
        // The SDK has advanced its position. After a failure we have to start again from our own
        // stored position.
        let ours = ear.rooms().await?;
        let batch = batch(
            client,
            since.as_deref(),
            whole,
            &response,
            &mut stamps,
            &ours,
        )
        .await?;
        whole = false;
        ear.ingest(batch).await?;
        since = Some(response.next_batch.clone());
        if !response.rooms.invited.is_empty() {
            invited.notify_one();
        }
        if !response.rooms.left.is_empty() || rules_changed(client, &response) {
            ear.rooms_changed();
        }
        if ready.get().is_err() {
            ready.fill(client.clone());
        }
        ear.health(Ok(client
            .user_id()
            .map(ToString::to_string)
            .unwrap_or_default()));
    }
}

/// Whether someone else has changed power levels or upgraded a room.
fn rules_changed(client: &Client, response: &SyncResponse) -> bool {
    let us = client.user_id().map(ToString::to_string);
    let rules = |event: &Value| {
        let kind = event["type"].as_str();
        matches!(kind, Some("m.room.power_levels" | "m.room.tombstone"))
            && event["sender"].as_str() != us.as_deref()
    };
    let events = response.rooms.joined.values();
    let mut events = events.flat_map(|update| &update.timeline.events);
    events.any(|event| {
        let event = event.raw().deserialize_as_unchecked::<Value>();
        event.is_ok_and(|event| rules(&event))
    })
}

fn filter() -> Filter {
    let timeline = assign!(RoomEventFilter::default(), { limit: Some(UInt::from(LIMIT)) });
    let state = assign!(RoomEventFilter::default(), {
        lazy_load_options: LazyLoadOptions::Enabled { include_redundant_members: false },
    });
    let mut definition = FilterDefinition::default();
    definition.room = assign!(RoomFilter::default(), { timeline, state });
    Filter::FilterDefinition(definition)
}

/// Converts a response. The first one of an account is skipped: it has only messages from before we
/// joined.
async fn batch(
    client: &Client,
    since: Option<&str>,
    whole: bool,
    response: &SyncResponse,
    stamps: &mut HashMap<OwnedRoomId, i64>,
    ours: &[String],
) -> Result<InboundBatch, SessionProblem> {
    let mut batch = InboundBatch {
        cursor: Some(response.next_batch.clone()),
        ..InboundBatch::default()
    };
    let Some(since) = since else { return Ok(batch) };
    let us = AccountIdentity {
        id: client
            .user_id()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    for (id, update) in &response.rooms.joined {
        let Some(room) = client.get_room(id) else {
            continue;
        };
        let read = if whole {
            history::after(&room, since).await?
        } else {
            history::whole(&room, &update.timeline, since).await?
        };
        let (events, all) = read;
        if !all {
            batch.missed.push(id.to_string());
        }
        let mut events: Vec<Value> = events
            .iter()
            .filter_map(|event| event.raw().deserialize_as_unchecked().ok())
            .collect();
        order::date(&mut events, &us, stamps.entry(id.to_owned()).or_default());
        // A room of no repository in which nobody else is: everything there is addressed to us.
        let direct = room.joined_members_count() == 2 && !ours.iter().any(|one| one == id.as_str());
        let first = batch.events.len();
        for event in &events[came(&events, &us)..] {
            take(&mut batch, translate(event, id.as_str(), &us));
        }
        for event in &mut batch.events[first..] {
            event.direct = direct;
            event.private |= direct;
        }
    }
    for (id, update) in &response.rooms.left {
        // Events before we were removed; we can no longer read further back.
        let events = update
            .timeline
            .events
            .iter()
            .filter_map(|event| event.raw().deserialize_as_unchecked::<Value>().ok());
        events.for_each(|event| take(&mut batch, translate(&event, id.as_str(), &us)));
    }
    Ok(batch)
}

fn take(batch: &mut InboundBatch, heard: Option<RoomEvent>) {
    match heard {
        Some(RoomEvent::Person(inbound)) => batch.events.push(inbound),
        Some(RoomEvent::Echo(echo)) => batch.echoes.push(echo),
        None => {}
    }
}
