//! Reads a room's history between two positions of the stream.

use std::{collections::HashSet, time::Duration};

use matrix_sdk::{
    Room,
    deserialized_responses::TimelineEvent,
    room::{Messages, MessagesOptions},
    ruma::{UInt, api::error::ErrorKind},
    sync::Timeline,
};

use crate::session::SessionProblem;

/// Attempts to read a page. After that the rest is skipped, so that no room can block the others.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum consecutive empty pages: servers may send some before one with events.
const EMPTY: u32 = 20;
/// The most pages to read, each with a hundred events.
const MOST: usize = 1_000;

/// Events, oldest first, and whether they are complete.
pub type HistoryPage = (Vec<TimelineEvent>, bool);

/// Events after `since`, up to now.
pub async fn after(room: &Room, since: &str) -> Result<HistoryPage, SessionProblem> {
    pages(room, MessagesOptions::forward(), since.to_owned()).await
}

/// The events of a sync response, preceded by those between `since` and the response.
pub async fn whole(
    room: &Room,
    timeline: &Timeline,
    since: &str,
) -> Result<HistoryPage, SessionProblem> {
    let mut events = Vec::new();
    let mut all = true;
    if let Some(from) = timeline.prev_batch.clone().filter(|_| timeline.limited) {
        let mut options = MessagesOptions::backward();
        options.to = Some(since.to_owned());
        (events, all) = pages(room, options, from).await?;
        events.reverse();
    }
    events.extend(timeline.events.iter().cloned());
    Ok((events, all))
}

async fn pages(
    room: &Room,
    way: MessagesOptions,
    from: String,
) -> Result<HistoryPage, SessionProblem> {
    let mut events = Vec::new();
    let mut from = Some(from);
    let mut empty = 0;
    let mut read = HashSet::new();
    while let Some(token) = from {
        if !read.insert(token.clone()) || read.len() > MOST {
            tracing::warn!(room = %room.room_id(), "the homeserver repeats a page of {}; the rest of the history is not read", room.room_id());
            return Ok((events, false));
        }
        let Some(page) = page(room, &way, &token).await? else {
            return Ok((events, false));
        };
        empty = if page.chunk.is_empty() { empty + 1 } else { 0 };
        events.extend(page.chunk);
        from = page.end.filter(|end| *end != token && empty < EMPTY);
    }
    Ok((events, true))
}

/// The page at `token`; `None` if the homeserver keeps refusing it.
async fn page(
    room: &Room,
    way: &MessagesOptions,
    token: &str,
) -> Result<Option<Messages>, SessionProblem> {
    for _ in 0..TRIES {
        let mut options = MessagesOptions::new(way.dir).from(token);
        options.to.clone_from(&way.to);
        options.limit = UInt::from(100u32);
        let error = match room.messages(options).await {
            Ok(page) => return Ok(Some(page)),
            Err(error) => error,
        };
        // Only an error about this room means that other rooms may succeed.
        if matches!(
            error.client_api_error_kind(),
            None | Some(ErrorKind::UnknownToken(_) | ErrorKind::LimitExceeded(_))
        ) {
            return Err(error.into());
        }
        tracing::warn!(room = %room.room_id(), "could not read the history of {}: {error}", room.room_id());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}
