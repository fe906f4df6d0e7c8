//! The content of files that people send with a message: envelopes bring only their names.

use serde_json::Value;
use vine_domain::chat::{Act, Inbound, Spot, attachment};

use crate::{Session, mrkdwn::plain, ts_of};

/// The event again with its words; `None` while they are not to be had.
pub async fn fetched(session: &Session, event: &Inbound) -> Option<Inbound> {
    let message = message(session, event).await?;
    let mut texts = vec![plain(
        message["text"].as_str().unwrap_or_default(),
        &session.us.user,
    )];
    for file in message["files"].as_array().into_iter().flatten() {
        let name = attachment::shown(file["name"].as_str().unwrap_or("file"));
        let address = file["url_private_download"]
            .as_str()
            .or_else(|| file["url_private"].as_str())?;
        let bytes = session.api.download(address).await;
        let bytes = bytes
            .inspect_err(
                |why| tracing::debug!(event = %event.event, "a file was not downloaded: {why}"),
            )
            .ok()?;
        match attachment::in_words(&name, &bytes) {
            Ok(words) => texts.push(words),
            Err(why) => {
                return Some(Inbound {
                    act: Act::Unreadable,
                    text: why,
                    ..event.clone()
                });
            }
        }
    }
    texts.retain(|text| !text.is_empty());
    Some(Inbound {
        act: Act::Said,
        text: texts.join("\n\n"),
        ..event.clone()
    })
}

/// The message as it stands in its channel.
async fn message(session: &Session, event: &Inbound) -> Option<Value> {
    let Spot::Theirs { room, thread, .. } = &event.spot else {
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
