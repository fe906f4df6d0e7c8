//! What an envelope brings, stored before Slack hears that we have it; the same over a socket and over HTTP.

use std::sync::{Arc, atomic::Ordering};

use serde_json::Value;
use vine_domain::{chat::Batch, ports::Ear};

use crate::{
    Session, backfill, modal,
    translate::{Heard, translate},
};

/// Takes an envelope in, and gives what Slack is to show in return; `None` when it could not be stored: it comes again then.
pub async fn take(session: &Session, ear: &Arc<dyn Ear>, kind: &str, payload: &Value) -> Option<Value> {
    match translate(kind, payload, &session.us) {
        Heard::Person(inbound) => {
            let on = payload["channel"]["id"].as_str().unwrap_or_default();
            let echoes = backfill::echo(session, on, &payload["message"]).into_iter().collect();
            // The position stays before what is still looked for.
            let whole = session.gap.whole.load(Ordering::SeqCst);
            let cursor = payload["event"]["ts"].as_str().filter(|_| whole).map(str::to_owned);
            let stored = ear.hear(Batch { events: vec![inbound], echoes, cursor, ..Batch::default() }).await;
            if let Err(error) = stored {
                tracing::error!(%error, "an envelope could not be stored and is not acknowledged: {error}");
                session.gap.stumbled.store(true, Ordering::SeqCst);
                return None;
            }
            if session.gap.stumbled.swap(false, Ordering::SeqCst) {
                session.look_back(ear);
            }
        }
        Heard::Write(trigger, modal) => {
            let api = Arc::clone(&session.api);
            tokio::spawn(async move { modal::open(&api, &trigger, &modal).await });
        }
        Heard::Empty(field) => return Some(modal::refused(field)),
        Heard::Moved => ear.moved(),
        Heard::Nothing => {}
    }
    Some(Value::Null)
}
