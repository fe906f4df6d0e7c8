//! The outbox: posts stored messages, one loop for each platform, in order within each thread.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use vine_domain::{
    MessageId, Timestamp,
    chat::{MarkupLevel, MessagePlace, OutboundKind, OutboxItem, Posted},
    ports::{Chat, ChatError, StoreResult},
};

use crate::{App, platforms::is_fit, visibility::TryOutcome};

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

/// After at most this many failures the trouble may be temporary, and is not reported to people.
const PASSES: u32 = 3;
/// A private reply is given up after this many failures, about ten minutes: nobody waits for it any
/// more.
const ASIDES: u32 = 9;

/// Posts everything that is due for one platform, until the daemon stops.
///
/// An earlier process may have started to post what was stored before `since`.
pub async fn run(app: App, chat: Arc<dyn Chat>, since: Timestamp) {
    let mut woken = app.wakes.on_outbox();
    app.meter.speaks_on(chat.platform());
    let mut unsettled = HashSet::new();
    loop {
        let pause = match round(&app, &*chat, since, &mut unsettled).await {
            Ok(NextRound::More) => continue,
            Ok(NextRound::Nothing(pause)) => pause,
            Ok(NextRound::Pause(after)) => {
                tokio::select! {
                    () = app.stop.cancelled() => return,
                    () = tokio::time::sleep(after) => continue,
                }
            }
            Err(error) => {
                tracing::error!(platform = chat.platform(), %error, "could not read the outbox: {error}");
                TICK
            }
        };
        tokio::select! {
            () = app.stop.cancelled() => return,
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
    /// The platform takes nothing for this long. Then the most urgent goes first.
    Pause(Duration),
}

/// Posts what is due now.
///
/// Where a message was posted is recorded soon after, for several at a time if posting is quick:
/// the message's id is the platform's idempotency key, so a crash in between costs at most a
/// repetition that shows nothing twice. What was posted and not yet recorded is `unsettled`.
async fn round(
    app: &App,
    chat: &dyn Chat,
    since: Timestamp,
    unsettled: &mut HashSet<MessageId>,
) -> StoreResult<NextRound> {
    let mut due = app.store.due(chat.platform(), BATCH).await?;
    if due.is_empty() {
        let pause = app
            .store
            .next_due_in(chat.platform())
            .await?
            .unwrap_or(TICK)
            .min(TICK);
        return Ok(NextRound::Nothing(pause));
    }
    for dispatch in &mut due {
        dispatch.mentions = app.mentions(dispatch);
        dispatch.again |= dispatch.at < since || unsettled.contains(&dispatch.message.id);
    }
    let mut next = NextRound::More;
    let mut posted = Vec::new();
    let begun = Instant::now();
    for dispatch in &due {
        let done = match deliver(app, chat, dispatch).await {
            Err(ChatError::Unfit(why)) => plainer(app, chat, dispatch, why).await,
            done => done,
        };
        match done {
            Ok(place) => {
                app.platforms.posting(chat.platform(), &dispatch.room, None);
                unsettled.insert(dispatch.message.id);
                posted.push((dispatch, dated(app, chat, dispatch, place).await));
            }
            Err(ChatError::NotNow { after, .. }) => {
                next = NextRound::Pause(after);
                break;
            }
            Err(ChatError::RoomBusy { after, .. }) => {
                app.store
                    .defer_room(chat.platform(), &dispatch.room, after)
                    .await?;
                break;
            }
            Err(error) => postpone(app, chat, dispatch, &error).await?,
        }
        if begun.elapsed() >= ROUND {
            break;
        }
    }
    if !posted.is_empty() {
        app.store.mark_posted(&posted).await?;
        for (dispatch, _) in &posted {
            unsettled.remove(&dispatch.message.id);
            app.tried(chat.platform(), dispatch.message.kind, TryOutcome::Posted);
        }
    }
    Ok(next)
}

/// Adds when a question was posted: earlier messages in its thread cannot answer it.
async fn dated(app: &App, chat: &dyn Chat, dispatch: &OutboxItem, posted: Posted) -> Posted {
    let (OutboundKind::Question { question }, Some(first)) =
        (dispatch.message.kind, posted.parts.first())
    else {
        return posted;
    };
    let told = timeout(DATED, chat.posted_at(&dispatch.room, first))
        .await
        .ok()
        .flatten();
    // If it was posted, then by this try: not before it began.
    let begun = || {
        app.on_the_way
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
async fn deliver(app: &App, chat: &dyn Chat, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
    if let Some(reference) = &dispatch.already {
        app.meter
            .delivered(chat.platform(), dispatch.message.kind, &Ok(()));
        return Ok(Posted::one(
            dispatch.thread.as_ref().unwrap_or(reference),
            reference,
        ));
    }
    is_fit(chat, dispatch.encrypted)?;
    let kind = dispatch.message.kind;
    app.on_the_way.begin(chat.platform(), kind, app.clock.now());
    let done = chat.deliver(dispatch).await;
    app.meter.delivered(chat.platform(), kind, &done);
    match &done {
        // A successful post is recorded later.
        Ok(_) | Err(ChatError::Retry { .. }) => {
            app.tried(chat.platform(), kind, TryOutcome::Unclear);
        }
        // Some of several parts may have been posted.
        Err(_) if dispatch.message.text.len() > ONE_PART => {
            app.tried(chat.platform(), kind, TryOutcome::Unclear);
        }
        Err(_) => app.tried(chat.platform(), kind, TryOutcome::Refused),
    }
    done
}

/// Posts what the platform refused for its content in a plainer form, immediately; `repo room`
/// shows that.
async fn plainer(
    app: &App,
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
        match deliver(app, chat, &plain).await {
            Err(ChatError::Unfit(again)) => why = again,
            Ok(posted) => {
                let note = format!("{named} was posted in a plainer form: {why}");
                app.platforms.refused(chat.platform(), &dispatch.room, note);
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
    app: &App,
    chat: &dyn Chat,
    dispatch: &OutboxItem,
    error: &ChatError,
) -> StoreResult<()> {
    let (platform, id) = (chat.platform(), dispatch.message.id);
    tracing::warn!(platform, message = %id, room = %dispatch.room, "could not post, trying again: {error}");
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
            app.platforms.refused(platform, &dispatch.room, note);
            return app.store.give_up(id, platform).await;
        }
        (ChatError::ThreadGone(_), MessagePlace::Thread(task)) => {
            return app
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
        if app.platforms.posting(platform, &dispatch.room, why) {
            app.wakes.page();
        }
    }
    if aside && dispatch.attempts >= ASIDES {
        return app.store.give_up(id, platform).await;
    }
    app.store
        .postpone(id, platform, after.max(pause(dispatch.attempts)), true)
        .await
}

/// 1 s doubled for each failure, at most 5 min.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(8)).min(Duration::from_secs(300))
}
