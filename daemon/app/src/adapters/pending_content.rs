//! Messages whose content is missing: files, and encrypted messages whose keys are late. Their
//! content is fetched through the adapter until it arrives; `inbox/hear.rs` decides when to give up.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vine_domain::{
    chat::{Fetched, Inbound, InboundBatch, InboundKind},
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
        for WaitingEvent { event, of_stranger } in &waiting {
            let whole = match of_stranger {
                true => Some(refused(event)),
                false => tokio::time::timeout(PATIENCE, chat.fetch_content(event))
                    .await
                    .ok()
                    .flatten(),
            };
            let Some(whole) = whole else { continue };
            if let Err(error) = stored(app, &events, whole).await {
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

/// Stores an event after the files that it names.
async fn stored(app: &App, events: &AdapterEvents, whole: Fetched) -> StoreResult<()> {
    for content in &whole.files {
        app.core.store.put_file(content).await?;
    }
    let batch = InboundBatch {
        events: vec![whole.event],
        ..InboundBatch::default()
    };
    events.ingest(batch).await
}

/// An event without its content.
struct WaitingEvent {
    event: Inbound,
    /// Nothing is downloaded for them.
    of_stranger: bool,
}

/// Events without their content. Strangers do not choose what we download; theirs are only among them if they are
/// told so at once.
async fn awaited(app: &App, platform: &str) -> StoreResult<Vec<WaitingEvent>> {
    let store = &app.core.store;
    let mut waiting = Vec::new();
    for event in store.awaited(platform).await? {
        let of_stranger = store.user(platform, &event.author).await?.is_none();
        if !of_stranger || (event.private && !event.direct) {
            waiting.push(WaitingEvent { event, of_stranger });
        }
    }
    Ok(waiting)
}

/// The same event, with nothing to read in it.
fn refused(event: &Inbound) -> Fetched {
    let refused = Inbound {
        act: InboundKind::Unreadable,
        ..event.clone()
    };
    refused.into()
}
