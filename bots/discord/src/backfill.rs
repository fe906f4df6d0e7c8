//! What was said while no connection stood. A session that is taken up brings it again, for some
//! minutes; after that it is only to be found where it stands.

use std::time::Duration;

use serde_json::Value;
use serenity::all::Route;
use vine_domain::{
    chat::{Inbound, InboundBatch, InboundKind},
    ports::EventSink,
};

use crate::{DiscordSession, channel, heard, rest::DiscordCallError};

/// Events do not come in order of ids: a little before the last one is read too. A minute of
/// snowflakes.
const BEFORE: u64 = 60_000 << 22;
const SOON: Duration = Duration::from_secs(1);

/// Reads all threads whose tasks are not over and all rooms, after what was seen last. What is
/// known already is known.
pub async fn run(session: &DiscordSession, ear: &dyn EventSink, seen: u64) {
    // What was said before we came was not to us; the first message that we post or hear begins it.
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
                tracing::error!(%error, "where to look for what was said meanwhile cannot be read: \
                 {error}");
                tokio::time::sleep(SOON).await;
            }
        }
    }
}

/// An error says that it is to be tried again, and may say when.
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
                "reading what was said meanwhile",
                Route::ChannelMessages { channel_id: id },
                &params,
            )
            .await;
        let page = match page {
            Ok(page) => page,
            Err(DiscordCallError::Limited { after, .. }) => return Err(Some(after)),
            Err(DiscordCallError::Unclear { .. }) => return Err(None),
            // The channel is gone or closed to us; that is said elsewhere.
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
            tracing::error!(%error, "what was found could not be stored: {error}");
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
