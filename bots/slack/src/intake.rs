//! Stores what an envelope brings before acknowledging it, over a socket or HTTP alike.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use serde_json::Value;
use vine_domain::{
    chat::{InboundBatch, OurPost},
    ports::EventSink,
};

use crate::{
    backfill,
    envelope::EnvelopeEvent,
    modal::{self, Modal},
    session::SlackSession,
    translate::translate,
};

/// Stores an envelope and returns what Slack should show; `None` if it could not be stored, so that
/// Slack sends it again.
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
            // During a backfill the position must not advance.
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
                tracing::error!(%error, "could not store an envelope, not acknowledging it: {error}");
                session.gap.stumbled.store(true, Ordering::SeqCst);
                return None;
            }
            if session.gap.stumbled.swap(false, Ordering::SeqCst) {
                backfill::start(session, ear);
            }
        }
        EnvelopeEvent::Write(trigger, modal) => {
            let api = Arc::clone(&session.api);
            let ear = Arc::clone(ear);
            let echoes = echo(session, payload);
            // The answer in the modal belongs to the message with the button.
            tokio::spawn(async move {
                if let Err(error) = ear
                    .ingest(InboundBatch {
                        echoes,
                        ..InboundBatch::default()
                    })
                    .await
                {
                    tracing::warn!(%error, "could not store the message behind a modal: {error}");
                }
                let form = match &modal {
                    Modal::Answer(to, _) => ear.form(to).await,
                    Modal::Task(_) => Ok(None),
                };
                // Words in a box of another kind could mean something else.
                let form = match form {
                    Ok(form) => form,
                    Err(error) => {
                        return tracing::warn!(%error, "could not read the form of a question: {error}");
                    }
                };
                modal::open(&api, &trigger, &modal, form.as_ref()).await;
            });
        }
        EnvelopeEvent::Incomplete(fields) => return Some(modal::refused(&fields)),
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

/// The message of ours whose button was pressed; we may not know yet that it was posted.
fn echo(session: &SlackSession, payload: &Value) -> Vec<OurPost> {
    let on = payload["channel"]["id"].as_str().unwrap_or_default();
    backfill::echo(session, on, &payload["message"])
        .into_iter()
        .collect()
}
