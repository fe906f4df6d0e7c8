//! What was said in our threads while no connection was open. Slack brings events again for some six minutes; after that they are
//! only to be found where they stand.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use vine_domain::{chat::Batch, ports::Ear};

use crate::{
    Session,
    api::CallError,
    translate::{Heard, translate},
    ts_of,
};

/// Slack lets an app read fifty threads a minute (reference, tier 3).
const PACE: Duration = Duration::from_millis(1_250);

/// Reads all threads whose tasks are not over. What is known already is known.
pub async fn run(session: &Session, ear: &Arc<dyn Ear>) {
    let threads = match ear.threads().await {
        Ok(threads) => threads,
        Err(error) => return tracing::error!(%error, "the threads to look through cannot be read: {error}"),
    };
    for (channel, thread) in threads {
        while let Err(CallError::Limited(_, after)) = look_through(session, ear, &channel, ts_of(&thread)).await {
            tokio::time::sleep(after).await;
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn look_through(session: &Session, ear: &Arc<dyn Ear>, channel: &str, root: &str) -> Result<(), CallError> {
    let mut cursor = String::new();
    loop {
        let page =
            session.api.read("conversations.replies", &[("channel", channel), ("ts", root), ("limit", "100"), ("cursor", &cursor)]).await;
        let page = page.inspect_err(|error| tracing::warn!(channel, "a thread could not be looked through: {error}"))?;
        let events: Vec<_> =
            page["messages"].as_array().into_iter().flatten().filter_map(|message| said(session, channel, message)).collect();
        if let Err(error) = ear.hear(Batch { events, ..Batch::default() }).await {
            tracing::error!(%error, "what was found could not be stored: {error}");
        }
        match page["response_metadata"]["next_cursor"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut cursor),
            _ => return Ok(()),
        }
    }
}

/// The same as if it came over a connection.
fn said(session: &Session, channel: &str, message: &Value) -> Option<vine_domain::chat::Inbound> {
    let mut event = message.clone();
    event["channel"] = json!(channel);
    match translate("events_api", &json!({ "event": event }), &session.us) {
        Heard::Person(inbound) => Some(inbound),
        Heard::Write(..) | Heard::Empty | Heard::Nothing => None,
    }
}
