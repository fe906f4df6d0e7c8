//! Messages whose content is missing: files, and encrypted messages whose keys are late. Their
//! content is fetched through the adapter until it arrives; `inbound.rs` decides when to give up.

use std::{sync::Arc, time::Duration};

use vine_domain::{
    chat::{Inbound, InboundBatch, InboundKind},
    ports::{Chat, EventSink, StoreResult},
};

use crate::{App, platforms::AdapterEvents};

/// How soon to try again if content did not arrive.
const AGAIN: Duration = Duration::from_secs(2);
/// Checks at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(20);
/// One event must not hold up the others: a download may take forever.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fetches the missing content of one platform until the daemon stops.
pub async fn run(app: App, chat: Arc<dyn Chat>) {
    let (mut woken, ear) = (
        app.wakes.on_awaited(),
        AdapterEvents::new(app.clone(), chat.platform()),
    );
    loop {
        let waiting = app.awaited(chat.platform()).await.unwrap_or_else(|error| {
            tracing::error!(platform = chat.platform(), %error, "could not read the pending events: \
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
                tracing::error!(event = %event.event, %error, "could not store fetched content: {error}");
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

/// Whether content of a batch must be fetched.
pub(crate) fn is_incomplete(batch: &InboundBatch) -> bool {
    batch
        .events
        .iter()
        .any(|event| event.act == InboundKind::Awaited)
}

impl App {
    /// Events without their content, of known people: strangers do not choose what we download.
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
