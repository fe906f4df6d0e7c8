//! What was said while no connection stood. A session that is taken up brings it again, for some minutes; after that it is only to
//! be found where it stands.

use serde_json::Value;
use serenity::all::Route;
use vine_domain::{
    chat::{Batch, Inbound},
    ports::Ear,
};

use crate::{Session, channel, heard, rest::CallError};

/// Events do not come in order of ids: a little before the last one is read too. A minute of snowflakes.
const BEFORE: u64 = 60_000 << 22;

/// Reads all threads whose tasks are not over and all rooms, after what was seen last. What is known already is known.
pub async fn run(session: &Session, ear: &dyn Ear, seen: u64) {
    if seen == 0 {
        return;
    }
    let places = async {
        let threads = ear.threads().await?.into_iter().map(|(_, thread)| thread);
        Ok::<_, vine_domain::ports::StoreError>(threads.chain(ear.rooms().await?).collect::<Vec<_>>())
    };
    let places = match places.await {
        Ok(places) => places,
        Err(error) => return tracing::error!(%error, "where to look for what was said meanwhile cannot be read: {error}"),
    };
    for place in places {
        while let Err(CallError::Limited { after, .. }) = look_through(session, ear, &place, seen.saturating_sub(BEFORE)).await {
            tokio::time::sleep(after).await;
        }
    }
}

async fn look_through(session: &Session, ear: &dyn Ear, place: &str, mut after: u64) -> Result<(), CallError> {
    let Ok(id) = channel(place) else { return Ok(()) };
    loop {
        let params = [("after", after.to_string()), ("limit", "100".to_owned())];
        let page = session.rest.get("reading what was said meanwhile", Route::ChannelMessages { channel_id: id }, &params).await;
        let page = page.inspect_err(|error| tracing::debug!(channel = place, "{error}"))?;
        let mut messages: Vec<Value> = page.as_array().cloned().unwrap_or_default();
        messages.reverse();
        let events: Vec<Inbound> = messages.iter().filter_map(|message| heard("MESSAGE_CREATE", message, &session.us)).collect();
        if !events.is_empty()
            && let Err(error) = ear.hear(Batch { events, ..Batch::default() }).await
        {
            tracing::error!(%error, "what was found could not be stored: {error}");
        }
        let latest = messages.last().and_then(|message| message["id"].as_str()?.parse().ok());
        match latest {
            Some(latest) if messages.len() == 100 => after = latest,
            _ => return Ok(()),
        }
    }
}
