//! The outbox: posts stored messages, one loop for each platform, in order within each thread.

use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use vine_domain::{
    MessageId, Timestamp,
    chat::{MarkupLevel, MessagePlace, OutboundKind, OutboxItem, Posted},
    ports::{Chat, ChatError, StoreResult},
};

use crate::rooms::{Rooms, in_flight::TryOutcome, sync::is_fit};

/// Checks for messages at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(2);
const BATCH: u32 = 100;
/// A round ends after this time: what was posted is recorded, and what is now most urgent goes
/// next.
const ROUND: Duration = Duration::from_millis(20);
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

/// Posts everything that is due for one platform, until the daemon stops.
///
/// An earlier process may have started to post what was stored before `since`.
pub(crate) async fn run(
    rooms: &Rooms,
    stop: &CancellationToken,
    chat: &dyn Chat,
    since: Timestamp,
) {
    let mut woken = rooms.wakeups.on_outbox();
    rooms.metrics.speaks_on(chat.platform());
    let mut unsettled = HashSet::new();
    loop {
        let pause = match round(rooms, chat, since, &mut unsettled).await {
            Ok(NextRound::More) => continue,
            Ok(NextRound::Nothing(pause)) => pause,
            Ok(NextRound::Pause(after)) => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(after) => continue,
                }
            }
            Err(error) => {
                tracing::error!(platform = chat.platform(), %error, "could not read the outbox: {error}");
                TICK
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What to do after a round.
enum NextRound {
    /// There may be more.
    More,
    /// Everything due was posted; something may be due after this long.
    Nothing(Duration),
    /// The platform takes nothing for this long; after that, the most urgent message goes first.
    Pause(Duration),
}

/// Posts what is due now.
///
/// Where a message was posted is recorded soon after, for several at a time if posting is quick:
/// the message's id is the platform's idempotency key, so a crash in between costs at most a
/// second call that shows nothing twice. What was posted and not yet recorded is `unsettled`.
async fn round(
    rooms: &Rooms,
    chat: &dyn Chat,
    since: Timestamp,
    unsettled: &mut HashSet<MessageId>,
) -> StoreResult<NextRound> {
    let mut due = rooms.store.due(chat.platform(), BATCH).await?;
    if due.is_empty() {
        let pause = rooms
            .store
            .next_due_in(chat.platform())
            .await?
            .unwrap_or(TICK)
            .min(TICK);
        return Ok(NextRound::Nothing(pause));
    }
    for dispatch in &mut due {
        dispatch.mentions = rooms.mentions(dispatch);
        dispatch.again |= dispatch.at < since || unsettled.contains(&dispatch.message.id);
    }
    let mut next = NextRound::More;
    let mut posted = Vec::new();
    let begun = Instant::now();
    for dispatch in &due {
        let done = match deliver(rooms, chat, dispatch).await {
            Err(ChatError::Unfit(why)) => plainer(rooms, chat, dispatch, why).await,
            done => done,
        };
        match done {
            Ok(place) => {
                rooms
                    .platforms
                    .posting(chat.platform(), &dispatch.room, None);
                unsettled.insert(dispatch.message.id);
                posted.push((dispatch, dated(rooms, chat, dispatch, place).await));
            }
            Err(ChatError::NotNow { after, .. }) => {
                next = NextRound::Pause(after);
                break;
            }
            Err(ChatError::RoomBusy { after, .. }) => {
                rooms
                    .store
                    .defer_room(chat.platform(), &dispatch.room, after)
                    .await?;
                break;
            }
            Err(error) => postpone(rooms, chat, dispatch, &error).await?,
        }
        if begun.elapsed() >= ROUND {
            break;
        }
    }
    if !posted.is_empty() {
        rooms.store.mark_posted(&posted).await?;
        for (dispatch, _) in &posted {
            unsettled.remove(&dispatch.message.id);
            tried(
                rooms,
                chat.platform(),
                dispatch.message.kind,
                TryOutcome::Posted,
            );
        }
    }
    Ok(next)
}

/// Adds when a question was posted: earlier messages in its thread cannot answer it.
async fn dated(rooms: &Rooms, chat: &dyn Chat, dispatch: &OutboxItem, posted: Posted) -> Posted {
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
async fn deliver(
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
    let done = chat.deliver(dispatch).await;
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

/// Posts what the platform refused for its content in a plainer form, immediately; `repo room`
/// shows that.
async fn plainer(
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

async fn postpone(
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
fn tried(rooms: &Rooms, platform: &'static str, kind: OutboundKind, how: TryOutcome) {
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
