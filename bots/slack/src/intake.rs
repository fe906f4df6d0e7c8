//! What an envelope brings, stored before Slack hears that we have it; the same over a socket and
//! over HTTP.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use serde_json::Value;
use vine_domain::{
    chat::{InboundBatch, OurPost},
    ports::EventSink,
};

use crate::{
    SlackSession, backfill, modal,
    translate::{EnvelopeEvent, translate},
};

/// Takes an envelope in, and gives what Slack is to show in return; `None` when it could not be
/// stored: it comes again then.
pub async fn take(
    session: &SlackSession,
    ear: &Arc<dyn EventSink>,
    kind: &str,
    payload: &Value,
) -> Option<Value> {
    match translate(kind, payload, &session.us) {
        EnvelopeEvent::Person(inbound) => {
            if let Some(address) = payload["response_url"].as_str() {
                session.waiting.add(&inbound.event, address);
            }
            let echoes = echo(session, payload);
            // The position stays before what is still looked for.
            let whole = session.gap.whole.load(Ordering::SeqCst);
            let cursor = payload["event"]["ts"]
                .as_str()
                .filter(|_| whole)
                .map(str::to_owned);
            let stored = ear
                .ingest(InboundBatch {
                    events: vec![inbound],
                    echoes,
                    cursor,
                    ..InboundBatch::default()
                })
                .await;
            if let Err(error) = stored {
                tracing::error!(%error, "an envelope could not be stored and is not acknowledged: \
                 {error}");
                session.gap.stumbled.store(true, Ordering::SeqCst);
                return None;
            }
            if session.gap.stumbled.swap(false, Ordering::SeqCst) {
                session.look_back(ear);
            }
        }
        EnvelopeEvent::Write(trigger, modal) => {
            let (api, ear, echoes) = (
                Arc::clone(&session.api),
                Arc::clone(ear),
                echo(session, payload),
            );
            // What is written there belongs to the message under whose button it was opened.
            tokio::spawn(async move {
                if let Err(error) = ear
                    .ingest(InboundBatch {
                        echoes,
                        ..InboundBatch::default()
                    })
                    .await
                {
                    tracing::warn!(%error, "what a form was opened for could not be stored: {error}");
                }
                modal::open(&api, &trigger, &modal).await;
            });
        }
        EnvelopeEvent::Empty(field) => return Some(modal::refused(field)),
        EnvelopeEvent::Moved => ear.rooms_changed(),
        EnvelopeEvent::Renamed(old, new) => {
            session
                .renamed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(old, new);
            ear.rooms_changed();
        }
        EnvelopeEvent::Ended => session.ended.notify_one(),
        EnvelopeEvent::Nothing => {}
    }
    Some(Value::Null)
}

/// The message of ours whose button was pressed: it may have been posted without our hearing of it.
fn echo(session: &SlackSession, payload: &Value) -> Vec<OurPost> {
    let on = payload["channel"]["id"].as_str().unwrap_or_default();
    backfill::echo(session, on, &payload["message"])
        .into_iter()
        .collect()
}
