//! What was said without words that we have: files, and encrypted messages whose keys are late.
//! Each is fetched through its adapter until it comes; who gives up, and when, is decided where
//! events are read.

use std::{sync::Arc, time::Duration};

use vine_domain::{
    chat::{Inbound, InboundBatch, InboundKind},
    ports::{Chat, EventSink, StoreResult},
};

use crate::{App, platforms::AdapterEvents};

/// How soon to try again what did not come.
const AGAIN: Duration = Duration::from_secs(2);
/// Looks at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(20);
/// One event must not hold up the others: platforms let a download take for ever.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fetches what one platform awaits, until the daemon stops.
pub async fn run(app: App, chat: Arc<dyn Chat>) {
    let (mut woken, ear) = (
        app.wakes.on_awaited(),
        AdapterEvents::new(app.clone(), chat.platform()),
    );
    loop {
        let waiting = app.awaited(chat.platform()).await.unwrap_or_else(|error| {
            tracing::error!(platform = chat.platform(), %error, "what is awaited cannot be read: \
             {error}");
            Vec::new()
        });
        for event in &waiting {
            let whole = tokio::time::timeout(PATIENCE, chat.fetch_content(event))
                .await
                .ok()
                .flatten();
            if let Some(whole) = whole
                && let Err(error) = ear
                    .ingest(InboundBatch {
                        events: vec![whole],
                        ..InboundBatch::default()
                    })
                    .await
            {
                tracing::error!(event = %event.event, %error, "fetched and not stored: {error}");
            }
        }
        let pause = if waiting.is_empty() { TICK } else { AGAIN };
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = woken.changed(), if waiting.is_empty() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether something is to be fetched for a batch.
pub(crate) fn is_incomplete(batch: &InboundBatch) -> bool {
    batch
        .events
        .iter()
        .any(|event| event.act == InboundKind::Awaited)
}

impl App {
    /// Events without their words, of people that we know: strangers do not choose what we
    /// download.
    async fn awaited(&self, platform: &str) -> StoreResult<Vec<Inbound>> {
        let mut known = Vec::new();
        for event in self.store.awaited(platform).await? {
            if self.store.user(platform, &event.author).await?.is_some() {
                known.push(event);
            }
        }
        Ok(known)
    }
}
