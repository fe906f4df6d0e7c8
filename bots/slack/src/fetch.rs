//! Fetches the content of files in messages, of which envelopes have only the names.

use serde_json::Value;
use vine_domain::chat::{
    Fetched, Inbound, Location,
    attachment::Content,
    chosen::{CONTEXT, QuotedMessage},
};

use crate::{
    content::{content, files, is_speech, name, told},
    ids::ts_of,
    inbound::author_of,
    session::SlackSession,
};

/// The event with its full text; `None` while that is not available.
pub async fn fetched(session: &SlackSession, event: &Inbound) -> Option<Fetched> {
    // Somebody chose a message in a menu.
    if event.private && !event.direct {
        return chosen(session, event).await;
    }
    let ts = ts_of(&event.event);
    let message = message(session, event, ts).await?;
    let content = whole(session, event, &message).await?;
    Some(Fetched::with(event, content))
}

/// A chosen message, with the earlier messages of its thread.
async fn chosen(session: &SlackSession, event: &Inbound) -> Option<Fetched> {
    let Location::Theirs {
        room,
        thread,
        reply_to: Some(of),
    } = &event.spot
    else {
        return None;
    };
    let ts = ts_of(of);
    let chosen = message(session, event, ts).await?;
    let content = whole(session, event, &chosen).await?;
    let thread = match thread {
        Some(root) => {
            let all = session.api.messages(room, Some(ts_of(root))).await;
            all.inspect_err(|error| {
                tracing::debug!(event = %event.event, "could not read a thread: {error}");
            })
            .ok()?
        }
        None => Vec::new(),
    };
    let earlier = thread
        .iter()
        .filter(|one| one["ts"].as_str().is_some_and(|at| at < ts));
    let quote = |message: &Value| QuotedMessage {
        author: author_of(message, &session.us),
        text: crate::content::content(message, &session.us.user)
            .words
            .join("\n\n"),
    };
    let before: Vec<QuotedMessage> = earlier.map(quote).collect();
    // One more than is shown, so that a longer thread is known to be longer.
    let latest = before.len().saturating_sub(CONTEXT + 1);
    let author = author_of(&chosen, &session.us);
    Some(Fetched::chosen(
        event,
        author,
        content,
        before[latest..].to_vec(),
    ))
}

/// A message's content with that of its files.
async fn whole(session: &SlackSession, event: &Inbound, message: &Value) -> Option<Content> {
    let mut content = content(message, &session.us.user);
    content.awaited.clear();
    for file in files(message).filter(|file| told(file).is_none()) {
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
        content.add(&name(file), bytes);
    }
    Some(content)
}

/// Reads a message from the channel of an event.
async fn message(session: &SlackSession, event: &Inbound, ts: &str) -> Option<Value> {
    let Location::Theirs { room, thread, .. } = &event.spot else {
        return None;
    };
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
