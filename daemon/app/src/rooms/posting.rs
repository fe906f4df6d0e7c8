//! How one message is posted, and what follows if it cannot be.

use std::time::Duration;

use tokio::time::timeout;
use vine_domain::{
    chat::{
        MarkupLevel, MessagePlace, OutboundKind, OutboxItem, Posted,
        file::{FileContent, FileRef},
    },
    ports::{Chat, ChatError, StoreResult},
};

use crate::rooms::{Rooms, in_flight::TryOutcome, sync::is_fit};

/// A text of at most this many bytes fits into one message everywhere, with its markup; Discord
/// allows the least, 2,000 characters.
const ONE_PART: usize = 1_000;
/// How long to wait for a platform to report when a question was posted.
const DATED: Duration = Duration::from_secs(5);
/// The trouble is reported to people after more failures than this: before, it may be temporary.
const PASSES: u32 = 3;
/// A private reply is given up after this many failures, about nine minutes: nobody waits for it any
/// more.
const ASIDES: u32 = 9;

/// Adds when a question was posted: earlier messages in its thread cannot answer it.
pub(super) async fn dated(
    rooms: &Rooms,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
    posted: Posted,
) -> Posted {
    let (OutboundKind::Question { question }, Some(first)) =
        (dispatch.message.kind, posted.parts.first())
    else {
        return posted;
    };
    let told = timeout(DATED, chat.posted_at(&dispatch.room, first))
        .await
        .ok()
        .flatten();
    // If this is the first try, the message was posted after the try began.
    let begun = || {
        rooms
            .in_flight
            .since(chat.platform(), question)
            .filter(|_| !dispatch.again)
    };
    Posted {
        at: told.or_else(begun),
        ..posted
    }
}

/// Posts a message, unless the platform has already shown it to us, or it must be encrypted and the
/// platform cannot do that.
#[tracing::instrument(level = "debug", skip_all, fields(
    platform = chat.platform(), message.id = %dispatch.message.id, room = %dispatch.room,
))]
pub(super) async fn deliver(
    rooms: &Rooms,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
) -> Result<Posted, ChatError> {
    if let Some(reference) = &dispatch.already {
        rooms
            .metrics
            .delivered(chat.platform(), dispatch.message.kind, &Ok(()));
        return Ok(Posted::one(
            dispatch.thread.as_ref().unwrap_or(reference),
            reference,
        ));
    }
    is_fit(chat, dispatch.encrypted)?;
    let kind = dispatch.message.kind;
    rooms
        .in_flight
        .begin(chat.platform(), kind, rooms.clock.now());
    let done = match completed(rooms, chat, dispatch).await {
        Ok(None) => chat.deliver(dispatch).await,
        Ok(Some(complete)) => chat.deliver(&complete).await,
        Err(error) => Err(error),
    };
    rooms.metrics.delivered(chat.platform(), kind, &done);
    match &done {
        // A successful post is recorded later.
        Ok(_) | Err(ChatError::Retry { .. }) => {
            tried(rooms, chat.platform(), kind, TryOutcome::Unclear);
        }
        // Some of several parts may have been posted.
        Err(_) if dispatch.message.text.len() > ONE_PART => {
            tried(rooms, chat.platform(), kind, TryOutcome::Unclear);
        }
        Err(_) => tried(rooms, chat.platform(), kind, TryOutcome::Refused),
    }
    done
}

/// The message with the addresses and the file that it needs on its platform, if it needs any.
async fn completed(
    rooms: &Rooms,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
) -> Result<Option<OutboxItem>, ChatError> {
    let linked = rooms.linked(chat, dispatch).await?;
    let shows = match &dispatch.message.file {
        Some(file) => rooms.shown_file(file).await?,
        None => None,
    };
    if linked.is_none() && shows.is_none() {
        return Ok(None);
    }
    let mut complete = dispatch.clone();
    complete.shows = shows;
    if let Some(text) = linked {
        complete.message.text = text;
    }
    Ok(Some(complete))
}

impl Rooms {
    /// A file with its content; `None` if it was removed since it was shown.
    async fn shown_file(&self, file: &FileRef) -> Result<Option<FileContent>, ChatError> {
        let bytes = self.store.file(&file.hash).await;
        let bytes = bytes.map_err(|error| ChatError::Retry {
            why: error.to_string(),
            after: Duration::from_secs(1),
        })?;
        let file = file.clone();
        Ok(bytes.map(|bytes| FileContent { file, bytes }))
    }
}

/// Posts what the platform refused for its content in a plainer form, immediately; `repo room`
/// shows that.
pub(super) async fn plainer(
    rooms: &Rooms,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
    mut why: String,
) -> Result<Posted, ChatError> {
    let named = named(dispatch);
    for form in [MarkupLevel::Words, MarkupLevel::File] {
        // Some of its parts may have been posted.
        let plain = OutboxItem {
            form,
            again: true,
            ..dispatch.clone()
        };
        match deliver(rooms, chat, &plain).await {
            Err(ChatError::Unfit(again)) => why = again,
            Ok(posted) => {
                let note = format!("{named} was posted in a plainer form: {why}");
                rooms
                    .platforms
                    .refused(chat.platform(), &dispatch.room, note);
                return Ok(posted);
            }
            failed => return failed,
        }
    }
    Err(ChatError::Unfit(why))
}

/// How people call a message.
fn named(dispatch: &OutboxItem) -> String {
    match (dispatch.message.kind, dispatch.message.place.task()) {
        (OutboundKind::Question { question } | OutboundKind::Settled { question }, _) => {
            question.to_string()
        }
        (_, Some(task)) => format!("a message of {task}"),
        (_, None) => "a message".into(),
    }
}

pub(super) async fn postpone(
    rooms: &Rooms,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
    error: &ChatError,
) -> StoreResult<()> {
    let platform = chat.platform();
    let id = dispatch.message.id;
    tracing::warn!(platform, message = %id, room = %dispatch.room, "could not post: {error}");
    let after = match error {
        ChatError::Retry { after, .. }
        | ChatError::NotNow { after, .. }
        | ChatError::RoomBusy { after, .. } => *after,
        ChatError::Gone(_) | ChatError::ThreadGone(_) | ChatError::Unfit(_) => Duration::ZERO,
    };
    match (error, &dispatch.message.place) {
        // It would be refused again, and the messages after it must not wait for it.
        (ChatError::Unfit(why), _) => {
            let note = format!("{} could not be posted: {why}", named(dispatch));
            rooms.platforms.refused(platform, &dispatch.room, note);
            return rooms.store.give_up(id, platform).await;
        }
        (ChatError::ThreadGone(_), MessagePlace::Thread(task)) => {
            return rooms
                .store
                .restart_thread(platform, &dispatch.room, *task)
                .await;
        }
        _ => {}
    }
    // A failed private reply says nothing about the room.
    let aside = matches!(dispatch.message.place, MessagePlace::Aside(_));
    let lasts = matches!(error, ChatError::Gone(_)) || dispatch.attempts >= PASSES;
    if lasts && !aside {
        let why = Some(error.to_string());
        if rooms.platforms.posting(platform, &dispatch.room, why) {
            rooms.wakeups.page();
        }
    }
    if aside && dispatch.attempts >= ASIDES {
        return rooms.store.give_up(id, platform).await;
    }
    rooms
        .store
        .postpone(id, platform, after.max(pause(dispatch.attempts)), true)
        .await
}

/// A try to post a question has ended: words in its thread may have waited for that.
pub(super) fn tried(rooms: &Rooms, platform: &'static str, kind: OutboundKind, how: TryOutcome) {
    if let OutboundKind::Question { question } = kind
        && rooms.in_flight.end(platform, question, how)
    {
        rooms.wakeups.inbox();
    }
}

/// 1 s doubled for each failure, at most 5 min.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(9)).min(Duration::from_secs(300))
}
