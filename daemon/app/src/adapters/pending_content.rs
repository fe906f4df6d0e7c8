//! Messages whose content is missing: files, and encrypted messages whose keys are late. Their
//! content is fetched through the adapter until it arrives; `inbox/hear.rs` decides when to give up.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vine_domain::{
    chat::{Inbound, InboundBatch},
    ports::{Chat, EventSink, StoreResult},
};

use crate::{App, adapters::events::AdapterEvents};

/// How soon to try again if content did not arrive.
const AGAIN: Duration = Duration::from_secs(2);
/// Checks at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(20);
/// One event must not hold up the others: a download may take forever.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fetches the missing content of one platform until the daemon stops.
pub async fn run(app: &App, stop: &CancellationToken, chat: &dyn Chat) {
    let mut woken = app.core.wakeups.on_awaited();
    let events = AdapterEvents::new(app.clone(), chat.platform());
    loop {
        let waiting = awaited(app, chat.platform()).await.unwrap_or_else(|error| {
            tracing::error!(platform = chat.platform(), %error, "could not read the pending events: \
             {error}");
            Vec::new()
        });
        for event in &waiting {
            let whole = tokio::time::timeout(PATIENCE, chat.fetch_content(event))
                .await
                .ok()
                .flatten();
            let Some(whole) = whole else { continue };
            let batch = InboundBatch {
                events: vec![whole],
                ..InboundBatch::default()
            };
            if let Err(error) = EventSink::ingest(&*events, batch).await {
                tracing::error!(event = %event.event, %error, "could not store fetched content: {error}");
            }
        }
        let pause = if waiting.is_empty() { TICK } else { AGAIN };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken.changed(), if waiting.is_empty() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Events without their content, of known people: strangers do not choose what we download.
async fn awaited(app: &App, platform: &str) -> StoreResult<Vec<Inbound>> {
    let store = &app.core.store;
    let mut known = Vec::new();
    for event in store.awaited(platform).await? {
        if store.user(platform, &event.author).await?.is_some() {
            known.push(event);
        }
    }
    Ok(known)
}
