//! The content of files that people send with a message: envelopes bring only their names.

use serde_json::Value;
use vine_domain::chat::{Inbound, Location};

use crate::{
    SlackSession,
    content::{content, files, is_speech, name, told},
    ts_of,
};

/// The event again with its words; `None` while they are not to be had.
pub async fn fetched(session: &SlackSession, event: &Inbound) -> Option<Inbound> {
    let message = message(session, event).await?;
    let mut content = content(&message, &session.us.user);
    content.awaited.clear();
    for file in files(&message).filter(|file| told(file).is_none()) {
        // Slack writes down what somebody says within some seconds.
        if is_speech(file) {
            return None;
        }
        let address = file["url_private_download"]
            .as_str()
            .or_else(|| file["url_private"].as_str())?;
        let bytes = session.api.download(address).await;
        let bytes = bytes
            .inspect_err(
                |why| tracing::debug!(event = %event.event, "a file was not downloaded: {why}"),
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

/// The message as it stands in its channel.
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
        .inspect_err(|error| tracing::debug!(event = %event.event, "not fetched: {error}"))
        .ok()?;
    page["messages"]
        .as_array()?
        .iter()
        .find(|message| message["ts"] == ts)
        .cloned()
}
