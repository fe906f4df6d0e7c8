//! Duplicates of a post. Slack may complete a call after we gave up on it and searched for its
//! post. The duplicate loses its buttons, so that only one card can be pressed.

use std::{sync::PoisonError, time::Duration};

use serde_json::{Value, json};
use vine_domain::chat::OutboxItem;

use crate::{api::WebApi, errors::SlackCallError, ids::ts_of, session::SlackSession};

/// Pauses between the searches. Slack completes no call later (measured: 36 s).
const LOOKS: [Duration; 3] = [
    Duration::from_secs(10),
    Duration::from_secs(35),
    Duration::from_secs(75),
];

/// Searches for duplicates of a message in the background. `kept` is the part with buttons of the copy
/// that counts.
pub fn disarm_later(session: &SlackSession, dispatch: &OutboxItem, kept: String) {
    let watch = session.clone();
    let dispatch = dispatch.clone();
    let message = dispatch.message.id;
    let looking = tokio::spawn(async move {
        for pause in LOOKS {
            tokio::time::sleep(pause).await;
            disarm(&watch, &dispatch, &kept).await;
        }
    });
    let mut all = session
        .disarming
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, looking| !looking.is_finished());
    // Two tasks that keep different copies would disarm both.
    if let Some(before) = all.insert(message, looking.abort_handle()) {
        before.abort();
    }
}

async fn disarm(session: &SlackSession, dispatch: &OutboxItem, kept: &str) {
    let thread = dispatch.thread.as_deref().map(ts_of);
    let known = match session.api.messages(&dispatch.room, thread).await {
        Ok(known) => known,
        Err(error) => return tracing::debug!("could not search for duplicates of a post: {error}"),
    };
    let id = dispatch.message.id.to_string();
    for ts in known.iter().filter_map(|message| armed(message, &id, kept)) {
        let text = "This question was posted twice. Answer the other copy.";
        let args = json!({ "channel": dispatch.room, "ts": ts, "text": text, "blocks": [] });
        if let Err(error) = session.api.call("chat.update", &args).await {
            tracing::debug!("could not remove a duplicate's buttons: {error}");
        }
    }
}

/// Removes the buttons of the last part of a message, whose outcome is shown in the first one.
pub async fn disarm_part(
    api: &WebApi,
    dispatch: &OutboxItem,
    part: &str,
) -> Result<(), SlackCallError> {
    let thread = dispatch.thread.as_deref().map(ts_of);
    let known = api.messages(&dispatch.room, thread).await?;
    let Some(shown) = known.iter().find(|message| message["ts"] == ts_of(part)) else {
        return Ok(());
    };
    let blocks = shown["blocks"].as_array().into_iter().flatten();
    let words: Vec<&Value> = blocks.filter(|block| block["type"] != "actions").collect();
    let args = json!({ "channel": dispatch.room, "ts": ts_of(part), "text": shown["text"], "blocks": words });
    match api.call("chat.update", &args).await {
        // The message was deleted, or can no longer be edited.
        Err(error) if error.code().is_some() => Ok(()),
        other => other.map(drop),
    }
}

/// The `ts` of a message, if it is a duplicate with buttons.
fn armed<'a>(message: &'a Value, id: &str, kept: &str) -> Option<&'a str> {
    let payload = &message["metadata"]["event_payload"];
    let buttons = message["blocks"]
        .as_array()?
        .iter()
        .any(|block| block["type"] == "actions");
    let ts = message["ts"].as_str()?;
    (buttons && payload["key"] == id && ts != kept).then_some(ts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_copy_of_the_same_message_is_found() {
        let message = |key: &str, ts: &str, kind: &str| json!({ "ts": ts, "blocks": [{ "type": kind }], "metadata": { "event_payload": { "key": key, "part": "0" } } });
        assert_eq!(
            armed(&message("k", "2.0", "actions"), "k", "1.0"),
            Some("2.0")
        );
        assert_eq!(armed(&message("k", "1.0", "actions"), "k", "1.0"), None);
        assert_eq!(armed(&message("other", "2.0", "actions"), "k", "1.0"), None);
        assert_eq!(armed(&message("k", "2.0", "section"), "k", "1.0"), None);
    }
}
