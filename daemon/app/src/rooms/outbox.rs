//! The outbox: posts stored messages, one loop for each platform, in order within each room.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
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
/// A room's round ends after this time: what was posted is recorded, and what is now most urgent
/// goes next.
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

/// Posts everything that is due for one platform, until the daemon stops. Rooms are served at the
/// same time, so that a slow one holds up no other; within a room, one message after the other.
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
    let poster = Poster {
        rooms,
        chat,
        since,
        unsettled: Mutex::default(),
    };
    let mut turns = FuturesUnordered::new();
    let mut busy: HashSet<String> = HashSet::new();
    // The platform takes nothing before then.
    let mut held = Instant::now();
    loop {
        let rest = held.saturating_duration_since(Instant::now());
        let pause = if !rest.is_zero() {
            rest
        } else if turns.len() >= chat.rooms_at_once() {
            TICK
        } else {
            let due = poster.due(&busy, chat.rooms_at_once() - turns.len()).await;
            let (due, pause) = due.unwrap_or_else(|error| {
                tracing::error!(platform = chat.platform(), %error, "could not read the outbox: {error}");
                (Vec::new(), TICK)
            });
            for (room, due) in due {
                busy.insert(room.clone());
                turns.push(poster.post_in(room, due));
            }
            pause
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some((room, ended)) = turns.next() => {
                busy.remove(&room);
                match ended {
                    Ok(None) => {}
                    Ok(Some(after)) => held = Instant::now() + after,
                    Err(error) => {
                        tracing::error!(platform = chat.platform(), %room, %error, "could not record what was posted: {error}");
                        held = Instant::now() + TICK;
                    }
                }
            }
            _ = woken.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    // What is being posted is recorded.
    while turns.next().await.is_some() {}
}

/// Posts in the rooms of one platform.
struct Poster<'a> {
    rooms: &'a Rooms,
    chat: &'a dyn Chat,
    since: Timestamp,
    /// What was posted and not yet recorded.
    unsettled: Mutex<HashSet<MessageId>>,
}

impl Poster<'_> {
    fn unsettled(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due now in at most so many rooms, the most urgent first, except in `busy` ones; and
    /// how long until something else may be.
    async fn due(
        &self,
        busy: &HashSet<String>,
        most: usize,
    ) -> StoreResult<(Vec<(String, Vec<OutboxItem>)>, Duration)> {
        let platform = self.chat.platform();
        let except: Vec<String> = busy.iter().cloned().collect();
        let due = self.rooms.store.due(platform, &except, BATCH).await?;
        if due.is_empty() {
            let next = self.rooms.store.next_due_in(platform).await?;
            return Ok((Vec::new(), next.unwrap_or(TICK).min(TICK)));
        }
        let mut by_room: Vec<(String, Vec<OutboxItem>)> = Vec::new();
        for mut dispatch in due {
            dispatch.mentions = self.rooms.mentions(&dispatch);
            dispatch.again |=
                dispatch.at < self.since || self.unsettled().contains(&dispatch.message.id);
            let known = by_room.iter().position(|(room, _)| *room == dispatch.room);
            match known {
                Some(at) => by_room[at].1.push(dispatch),
                None if by_room.len() < most => {
                    by_room.push((dispatch.room.clone(), vec![dispatch]));
                }
                None => {}
            }
        }
        Ok((by_room, TICK))
    }

    /// Posts what is due in one room, for one round. Returns the room, and how long the platform
    /// takes nothing.
    ///
    /// Where a message was posted is recorded soon after, for several at a time if posting is quick:
    /// the message's id is the platform's idempotency key, so a crash in between costs at most a
    /// second call that shows nothing twice.
    async fn post_in(
        &self,
        room: String,
        due: Vec<OutboxItem>,
    ) -> (String, StoreResult<Option<Duration>>) {
        let mut posted = Vec::new();
        let ended = self.post(&room, &due, &mut posted).await;
        let recorded = self.record(&posted).await;
        (room, recorded.and(ended))
    }

    /// Posts one message after the other. Returns how long the platform takes nothing.
    async fn post<'b>(
        &self,
        room: &str,
        due: &'b [OutboxItem],
        posted: &mut Vec<(&'b OutboxItem, Posted)>,
    ) -> StoreResult<Option<Duration>> {
        let (rooms, chat) = (self.rooms, self.chat);
        let begun = Instant::now();
        for dispatch in due {
            let done = match deliver(rooms, chat, dispatch).await {
                Err(ChatError::Unfit(why)) => plainer(rooms, chat, dispatch, why).await,
                done => done,
            };
            match done {
                Ok(place) => {
                    rooms.platforms.posting(chat.platform(), room, None);
                    self.unsettled().insert(dispatch.message.id);
                    posted.push((dispatch, dated(rooms, chat, dispatch, place).await));
                }
                Err(ChatError::NotNow { after, .. }) => return Ok(Some(after)),
                Err(ChatError::RoomBusy { after, .. }) => {
                    let platform = chat.platform();
                    rooms.store.defer_room(platform, room, after).await?;
                    break;
                }
                Err(error) => postpone(rooms, chat, dispatch, &error).await?,
            }
            if begun.elapsed() >= ROUND {
                break;
            }
        }
        Ok(None)
    }

    async fn record(&self, posted: &[(&OutboxItem, Posted)]) -> StoreResult<()> {
        if posted.is_empty() {
            return Ok(());
        }
        self.rooms.store.mark_posted(posted).await?;
        for (dispatch, _) in posted {
            self.unsettled().remove(&dispatch.message.id);
            let kind = dispatch.message.kind;
            tried(self.rooms, self.chat.platform(), kind, TryOutcome::Posted);
        }
        Ok(())
    }
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
