//! The outbox: posts stored messages, one loop for each platform, in order within each room.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vine_domain::{
    MessageId, Timestamp,
    chat::{OutboundKind, OutboxItem, Posted},
    ports::{Chat, ChatError, StoreError, StoreResult},
};

use crate::rooms::{
    Rooms,
    in_flight::TryOutcome,
    posting::{dated, deliver, plainer, postpone, tried},
    progress::{self, ShownProgress},
};

/// Checks for messages at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(2);
const BATCH: u32 = 100;
/// A room's round ends after this time: what was posted is recorded, and what is now most urgent
/// goes next.
const ROUND: Duration = Duration::from_millis(20);

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
        unrecorded: Mutex::default(),
        progress: ShownProgress::new(chat.progress_pace()),
    };
    let mut turns = FuturesUnordered::new();
    let mut ended: Vec<(String, Duration)> = Vec::new();
    let mut busy: HashSet<String> = HashSet::new();
    // The platform takes nothing before then.
    let mut paused_until = Instant::now();
    loop {
        for (room, rest) in ended.drain(..) {
            paused_until = paused_until.max(Instant::now() + rest);
            busy.remove(&room);
        }
        let mut pause = paused_until.saturating_duration_since(Instant::now());
        if pause.is_zero() {
            let free_turns = chat.rooms_at_once().saturating_sub(turns.len());
            let due = beside(&mut turns, &mut ended, poster.due(&busy, free_turns)).await;
            let (due, next) = due.unwrap_or_else(|error| {
                tracing::error!(platform = chat.platform(), %error, "could not read the outbox: {error}");
                (Vec::new(), TICK)
            });
            let is_quiet = due.is_empty();
            for (room, due) in due {
                busy.insert(room.clone());
                turns.push(poster.turn(room, RoomTurn::Post(due)));
            }
            pause = next;
            // Messages come first.
            if is_quiet && free_turns > 0 {
                let card = beside(&mut turns, &mut ended, poster.progress(&busy)).await;
                if let Some(card) = card {
                    busy.insert(card.room.clone());
                    turns.push(poster.turn(card.room.clone(), RoomTurn::Show(Box::new(card))));
                }
                pause = pause.min(poster.progress.pause());
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = std::future::ready(()), if !ended.is_empty() => {}
            Some(over) = turns.next() => ended.push(over),
            _ = woken.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    // What is being posted is recorded.
    while turns.next().await.is_some() {}
}

/// Awaits something while turns continue, and collects those that end: one may hold what it waits
/// for.
async fn beside<T, F: Future>(
    turns: &mut FuturesUnordered<F>,
    ended: &mut Vec<F::Output>,
    awaited: impl Future<Output = T>,
) -> T {
    tokio::pin!(awaited);
    loop {
        tokio::select! {
            done = &mut awaited => return done,
            Some(over) = turns.next() => ended.push(over),
        }
    }
}

/// What is done in one room at a time.
enum RoomTurn {
    /// Messages are posted, one after the other.
    Post(Vec<OutboxItem>),
    /// A card shows what an agent is at.
    Show(Box<OutboxItem>),
}

/// Posts in the rooms of one platform.
struct Poster<'a> {
    rooms: &'a Rooms,
    chat: &'a dyn Chat,
    since: Timestamp,
    /// What was posted and not yet recorded.
    unrecorded: Mutex<HashSet<MessageId>>,
    progress: ShownProgress,
}

impl Poster<'_> {
    fn unrecorded(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.unrecorded
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
        if most == 0 {
            return Ok((Vec::new(), TICK));
        }
        let platform = self.chat.platform();
        let except: Vec<String> = busy.iter().cloned().collect();
        let due = self.rooms.store.due(platform, &except, BATCH).await?;
        if due.is_empty() {
            let next = self.rooms.store.next_due_in(platform).await?;
            return Ok((Vec::new(), next.unwrap_or(TICK).min(TICK)));
        }
        // One room may have filled it.
        let next = if due.len() < BATCH as usize {
            TICK
        } else {
            Duration::ZERO
        };
        let mut by_room: Vec<(String, Vec<OutboxItem>)> = Vec::new();
        for mut item in due {
            item.mentions = self.rooms.mentions(&item);
            item.again |= item.at < self.since || self.unrecorded().contains(&item.message.id);
            let known = by_room.iter().position(|(room, _)| *room == item.room);
            match known {
                Some(at) => by_room[at].1.push(item),
                None if by_room.len() < most => {
                    by_room.push((item.room.clone(), vec![item]));
                }
                None => {}
            }
        }
        Ok((by_room, next))
    }

    /// The card that shows progress next, if one may do so now.
    async fn progress(&self, busy: &HashSet<String>) -> Option<OutboxItem> {
        if !self.progress.pause().is_zero() {
            return None;
        }
        let platform = self.chat.platform();
        let next = self.progress.next(self.rooms, platform, busy).await;
        next.unwrap_or_else(|error| {
            tracing::error!(platform, %error, "could not read what agents are at: {error}");
            None
        })
    }

    async fn turn(&self, room: String, turn: RoomTurn) -> (String, Duration) {
        match turn {
            RoomTurn::Post(due) => self.post_in(room, due).await,
            RoomTurn::Show(card) => {
                let rest = self.show(&room, &card).await;
                (room, rest)
            }
        }
    }

    /// Shows progress. Returns how long the platform takes nothing.
    async fn show(&self, room: &str, card: &OutboxItem) -> Duration {
        let platform = self.chat.platform();
        match progress::show(self.chat, card).await {
            Ok(()) => Duration::ZERO,
            Err(ChatError::NotNow { after, .. }) => after,
            Err(ChatError::RoomBusy { after, .. }) => {
                let deferred = self.rooms.store.defer_room(platform, room, after).await;
                self.progress.leave_alone(room, after);
                deferred.map_or(TICK, |()| Duration::ZERO)
            }
            Err(error) => {
                tracing::debug!(platform, room, "progress was not shown: {error}");
                Duration::ZERO
            }
        }
    }

    /// Posts what is due in one room, for one round. Returns the room, and how long to post nothing
    /// anywhere.
    ///
    /// Where a message was posted is recorded soon after, for several at a time if posting is quick:
    /// the message's id is the platform's idempotency key, so a crash in between costs at most a
    /// second call that shows nothing twice.
    async fn post_in(&self, room: String, due: Vec<OutboxItem>) -> (String, Duration) {
        let mut posted = Vec::new();
        let ended = self.post(&room, &due, &mut posted).await;
        let recorded = self.record(&posted).await;
        let failed = |error: StoreError| {
            tracing::error!(platform = self.chat.platform(), %room, %error, "could not record what was posted: {error}");
            TICK
        };
        let rest = ended.map_or_else(failed, Option::unwrap_or_default);
        let rest = rest.max(recorded.map_or_else(failed, |()| Duration::ZERO));
        (room, rest)
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
        for item in due {
            let done = match deliver(rooms, chat, item).await {
                Err(ChatError::Unfit(why)) => plainer(rooms, chat, item, why).await,
                done => done,
            };
            match done {
                Ok(place) => {
                    rooms.platforms.posting(chat.platform(), room, None);
                    self.unrecorded().insert(item.message.id);
                    if let (OutboundKind::Card, Some(task)) =
                        (item.message.kind, item.message.place.task())
                    {
                        self.progress.forget(task);
                    }
                    posted.push((item, dated(rooms, chat, item, place).await));
                }
                Err(ChatError::NotNow { after, .. }) => return Ok(Some(after)),
                Err(ChatError::RoomBusy { after, .. }) => {
                    let platform = chat.platform();
                    rooms.store.defer_room(platform, room, after).await?;
                    break;
                }
                Err(error) => postpone(rooms, chat, item, &error).await?,
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
        for (item, _) in posted {
            self.unrecorded().remove(&item.message.id);
            let kind = item.message.kind;
            tried(self.rooms, self.chat.platform(), kind, TryOutcome::Posted);
        }
        Ok(())
    }
}
