//! Reads messages that were posted while we were not connected. A resumed session replays events
//! for some minutes; after that we have to read the channels.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use serenity::all::Route;
use vine_domain::{
    chat::{Inbound, InboundBatch, InboundKind},
    ports::EventSink,
};

use crate::{ids::channel, rest::DiscordCallError, session::DiscordSession, translate::heard};

/// How far before the last seen message to start, since events do not arrive in order of their IDs:
/// one minute of snowflakes.
const BEFORE: u64 = 60_000 << 22;
const SOON: Duration = Duration::from_secs(1);

/// Starts a background backfill of messages after `seen`; it replaces a running one.
pub fn start(session: &Arc<DiscordSession>, ear: &Arc<dyn EventSink>, seen: u64) {
    session.whole.store(false, Ordering::SeqCst);
    let known = Arc::clone(session);
    let ear = Arc::clone(ear);
    let task = tokio::spawn(async move {
        run(&known, &*ear, seen).await;
        known.whole.store(true, Ordering::SeqCst);
    });
    let mut looking = session
        .looking
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(old) = looking.replace(task.abort_handle()) {
        old.abort();
    }
}

/// Reads all rooms and the threads of all unfinished tasks from the last seen message on. Known
/// messages are ignored when they are stored.
pub async fn run(session: &DiscordSession, ear: &dyn EventSink, seen: u64) {
    // Nothing was seen so far, so there is no gap to fill.
    if seen == 0 {
        return;
    }
    for place in places(ear).await {
        let mut pause = SOON;
        while let Err(after) = look_through(session, ear, &place, seen.saturating_sub(BEFORE)).await
        {
            tokio::time::sleep(after.unwrap_or(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }
}

async fn places(ear: &dyn EventSink) -> Vec<String> {
    loop {
        match (ear.threads().await, ear.rooms().await) {
            (Ok(threads), Ok(rooms)) => {
                return threads
                    .into_iter()
                    .map(|(_, thread)| thread)
                    .chain(rooms)
                    .collect();
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "could not load the backfill targets: {error}");
                tokio::time::sleep(SOON).await;
            }
        }
    }
}

/// An error means "retry", after the given pause if there is one.
async fn look_through(
    session: &DiscordSession,
    ear: &dyn EventSink,
    place: &str,
    mut after: u64,
) -> Result<(), Option<Duration>> {
    let Ok(id) = channel(place) else {
        return Ok(());
    };
    loop {
        let params = [("after", after.to_string()), ("limit", "100".to_owned())];
        let page = session
            .rest
            .get(
                "reading missed messages",
                Route::ChannelMessages { channel_id: id },
                &params,
            )
            .await;
        let page = match page {
            Ok(page) => page,
            Err(DiscordCallError::Limited { after, .. }) => return Err(Some(after)),
            Err(DiscordCallError::Unclear { .. }) => return Err(None),
            // The channel was deleted or is closed to us; health reports that.
            Err(DiscordCallError::Refused { .. }) => return Ok(()),
        };
        let mut messages: Vec<Value> = page.as_array().cloned().unwrap_or_default();
        messages.reverse();
        let events: Vec<Inbound> = messages
            .iter()
            .filter_map(|message| heard("MESSAGE_CREATE", message, &session.us))
            .filter(|one| session.us.reads || one.act != InboundKind::Unreadable)
            .collect();
        if !events.is_empty()
            && let Err(error) = ear
                .ingest(InboundBatch {
                    events,
                    ..InboundBatch::default()
                })
                .await
        {
            tracing::error!(%error, "could not store missed messages: {error}");
            return Err(None);
        }
        let latest = messages
            .last()
            .and_then(|message| message["id"].as_str()?.parse().ok());
        match latest {
            Some(latest) if messages.len() == 100 => after = latest,
            _ => return Ok(()),
        }
    }
}
