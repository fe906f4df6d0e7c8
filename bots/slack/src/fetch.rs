//! Fetches the content of files in messages, of which envelopes have only the names.

use serde_json::Value;
use vine_domain::chat::{Inbound, Location};

use crate::{
    content::{content, files, is_speech, name, told},
    ids::ts_of,
    session::SlackSession,
};

/// The event with its full text; `None` while that is not available.
pub async fn fetched(session: &SlackSession, event: &Inbound) -> Option<Inbound> {
    let message = message(session, event).await?;
    let mut content = content(&message, &session.us.user);
    content.awaited.clear();
    for file in files(&message).filter(|file| told(file).is_none()) {
        // Slack takes some seconds to transcribe speech.
        if is_speech(file) {
            return None;
        }
        let address = file["url_private_download"]
            .as_str()
            .or_else(|| file["url_private"].as_str())?;
        let bytes = session.api.download(address).await;
        let bytes = bytes
            .inspect_err(
                |why| tracing::debug!(event = %event.event, "could not download a file: {why}"),
            )
            .ok()?;
        content.add(&name(file), &bytes);
    }
    let (text, act, left_out) = content.read();
    Some(Inbound {
        act,
        text,
        left_out,
        ..event.clone()
    })
}

/// Reads the message from its channel.
async fn message(session: &SlackSession, event: &Inbound) -> Option<Value> {
    let Location::Theirs { room, thread, .. } = &event.spot else {
        return None;
    };
    let ts = ts_of(&event.event);
    let exactly = [
        ("channel", room.as_str()),
        ("oldest", ts),
        ("latest", ts),
        ("inclusive", "true"),
        ("limit", "2"),
    ];
    let page = match thread {
        Some(root) => {
            let args: Vec<_> = exactly.into_iter().chain([("ts", ts_of(root))]).collect();
            session.api.read("conversations.replies", &args).await
        }
        None => session.api.read("conversations.history", &exactly).await,
    };
    let page = page
        .inspect_err(|error| tracing::debug!(event = %event.event, "could not fetch: {error}"))
        .ok()?;
    page["messages"]
        .as_array()?
        .iter()
        .find(|message| message["ts"] == ts)
        .cloned()
}
