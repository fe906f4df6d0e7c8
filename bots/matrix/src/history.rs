//! What was said in a room between two positions of the stream.

use matrix_sdk::{Room, deserialized_responses::TimelineEvent, room::MessagesOptions, ruma::UInt, sync::Timeline};

use crate::session::Trouble;

/// What came after `since`, up to now, oldest first.
pub async fn after(room: &Room, since: &str) -> Result<Vec<TimelineEvent>, Trouble> {
    pages(room, MessagesOptions::forward(), since.to_owned()).await
}

/// What a response shows of a room, and before it what lies between that and `since`; oldest first.
pub async fn whole(room: &Room, timeline: &Timeline, since: &str) -> Result<Vec<TimelineEvent>, Trouble> {
    let mut events = Vec::new();
    if let Some(from) = timeline.prev_batch.clone().filter(|_| timeline.limited) {
        let mut options = MessagesOptions::backward();
        options.to = Some(since.to_owned());
        events = pages(room, options, from).await?;
        events.reverse();
    }
    events.extend(timeline.events.iter().cloned());
    Ok(events)
}

async fn pages(room: &Room, way: MessagesOptions, from: String) -> Result<Vec<TimelineEvent>, Trouble> {
    let (mut events, mut from) = (Vec::new(), Some(from));
    while let Some(token) = from {
        let mut options = MessagesOptions::new(way.dir).from(token.as_str());
        options.to.clone_from(&way.to);
        options.limit = UInt::from(100u32);
        let page = room.messages(options).await?;
        let more = !page.chunk.is_empty();
        events.extend(page.chunk);
        from = page.end.filter(|end| more && *end != token);
    }
    Ok(events)
}
