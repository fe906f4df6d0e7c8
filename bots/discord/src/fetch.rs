//! Fetches attached files.

use serde_json::Value;
use serenity::all::Route;
use vine_domain::chat::{
    Fetched, Inbound, Location,
    attachment::{Content, unwanted},
    chosen::{CONTEXT, QuotedMessage},
};

use crate::{
    content::{content, files},
    ids::{channel, message},
    inbound::author_of,
    session::DiscordSession,
};

/// The event with its full text; `None` while that is not available. File URLs expire after a day,
/// so the message is read again.
pub async fn fetched(session: &DiscordSession, event: &Inbound) -> Option<Fetched> {
    // Somebody chose a message in a menu.
    if event.private && !event.direct {
        return chosen(session, event).await;
    }
    let (room, id) = event.event.split_once(':')?;
    let shown = read(session, room, id).await?;
    let content = whole(session, &shown).await?;
    Some(Fetched::with(event, content))
}

/// A chosen message, with the earlier messages of its thread.
async fn chosen(session: &DiscordSession, event: &Inbound) -> Option<Fetched> {
    let Location::Theirs {
        room,
        reply_to: Some(of),
        ..
    } = &event.spot
    else {
        return None;
    };
    let shown = read(session, room, of).await?;
    let content = whole(session, &shown).await?;
    let is_thread = is_thread(session, room).await?;
    let (parent, thread) = match is_thread {
        true => (session.parent(room).await, before(session, room, of).await?),
        false => (None, Vec::new()),
    };
    let before = thread.iter().map(|message| QuotedMessage {
        author: author_of(message, &session.us),
        text: crate::content::content(message, &session.us)
            .words
            .join("\n\n"),
    });
    // The room of a thread is the channel that it is in.
    let spot = Location::Theirs {
        room: parent.unwrap_or_else(|| room.clone()),
        thread: Some(room.clone()),
        reply_to: Some(of.clone()),
    };
    let event = Inbound {
        spot,
        ..event.clone()
    };
    let author = author_of(&shown, &session.us);
    Some(Fetched::chosen(&event, author, content, before.collect()))
}

async fn is_thread(session: &DiscordSession, room: &str) -> Option<bool> {
    let kind = session.kind(room).await;
    let kind = kind.inspect_err(|error| tracing::debug!(room, "could not read a channel: {error}"));
    Some(THREADS.contains(&kind.ok()?))
}

/// The messages of a thread before one of them, oldest first.
async fn before(session: &DiscordSession, room: &str, of: &str) -> Option<Vec<Value>> {
    let route = Route::ChannelMessages {
        channel_id: channel(room).ok()?,
    };
    // One more than is shown, so that a longer thread is known to be longer.
    let asked = [
        ("before", of.to_owned()),
        ("limit", (CONTEXT + 1).to_string()),
    ];
    let page = session.rest.get("reading a thread", route, &asked).await;
    let page = page.inspect_err(|error| tracing::debug!(room, "could not read a thread: {error}"));
    let mut all = page.ok()?.as_array().cloned().unwrap_or_default();
    all.reverse();
    Some(all)
}

/// Types of channels that are threads (reference, "Channel Types").
const THREADS: [u64; 3] = [10, 11, 12];

async fn read(session: &DiscordSession, room: &str, id: &str) -> Option<Value> {
    let route = Route::ChannelMessage {
        channel_id: channel(room).ok()?,
        message_id: message(id).ok()?,
    };
    let shown = session.rest.get("reading a message", route, &[]).await;
    shown
        .inspect_err(|error| tracing::debug!(room, id, "could not read a message: {error}"))
        .ok()
}

/// A message's content with that of its files.
async fn whole(session: &DiscordSession, shown: &Value) -> Option<Content> {
    let mut content = content(shown, &session.us);
    content.awaited.clear();
    for file in files(shown).filter(|file| is_wanted(file)) {
        let bytes = session.rest.download(file["url"].as_str()?).await;
        let bytes = bytes
            .inspect_err(|why| tracing::debug!("could not download a file: {why}"))
            .ok()?;
        content.add(file["filename"].as_str().unwrap_or("file"), bytes);
    }
    Some(content)
}

fn is_wanted(file: &Value) -> bool {
    let text = |key: &str| file[key].as_str().unwrap_or_default();
    let size = file["size"].as_u64().unwrap_or(0);
    unwanted(text("filename"), size).is_none()
}
