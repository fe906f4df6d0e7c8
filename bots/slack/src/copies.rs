//! Second copies of a post. Slack may serve a call after we gave it up, and after we looked for what
//! it posted: the copy that is not ours loses its buttons, so that people press one card.

use std::{sync::PoisonError, time::Duration};

use serde_json::{Value, json};
use vine_domain::chat::OutboxItem;

use crate::SlackSession;

/// When to look, each so long after the one before. Slack serves no call later (measured: 36 s).
const LOOKS: [Duration; 3] = [
    Duration::from_secs(10),
    Duration::from_secs(35),
    Duration::from_secs(75),
];

/// Looks for other copies of a message, now and then, beside everything else. `kept` is the one that
/// counts from now on.
pub fn disarm_later(session: &SlackSession, dispatch: &OutboxItem, kept: String) {
    let (watch, dispatch) = (session.clone(), dispatch.clone());
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
    // Two that keep different copies would leave none.
    if let Some(before) = all.insert(message, looking.abort_handle()) {
        before.abort();
    }
}

async fn disarm(session: &SlackSession, dispatch: &OutboxItem, kept: &str) {
    let thread = dispatch.thread.as_deref().map(crate::ts_of);
    let known = match session.api.messages(&dispatch.room, thread).await {
        Ok(known) => known,
        Err(error) => return tracing::debug!("copies of a post are not looked for: {error}"),
    };
    let id = dispatch.message.id.to_string();
    for ts in known.iter().filter_map(|message| armed(message, &id, kept)) {
        let text = "This question stands here twice: answer the other copy.";
        let args = json!({ "channel": dispatch.room, "ts": ts, "text": text, "blocks": [] });
        if let Err(error) = session.api.call("chat.update", &args).await {
            tracing::debug!("a copy keeps its buttons: {error}");
        }
    }
}

/// The name of another copy with buttons.
fn armed<'a>(message: &'a Value, id: &str, kept: &str) -> Option<&'a str> {
    let payload = &message["metadata"]["event_payload"];
    let buttons = message["blocks"]
        .as_array()?
        .iter()
        .any(|block| block["type"] == "actions");
    let ts = message["ts"].as_str()?;
    (buttons && payload["key"] == id && payload["part"] == "0" && ts != kept).then_some(ts)
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
