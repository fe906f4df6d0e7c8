//! The outbox: posts what was stored, one loop for each platform, in order within each thread.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use vine_domain::{
    chat::Dispatch,
    ports::{Chat, ChatError, Stored},
};

use crate::App;

/// Looks for messages at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(2);
const BATCH: u32 = 100;
/// Posting that takes longer than this is noted at once.
const NOTE_AFTER: Duration = Duration::from_millis(20);

/// Posts everything that is due for one platform, until the daemon stops.
pub async fn run(app: App, chat: Arc<dyn Chat>) {
    let mut woken = app.wakes.on_outbox();
    loop {
        match round(&app, &*chat).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(platform = chat.platform(), %error, "the outbox cannot be read: {error}"),
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Posts what is due now; `true` when it posted something, so there may be more.
///
/// Where a message was put is noted soon after, several at a time where posting is quick: the message's id is the
/// platform's idempotency key, so a crash in between costs at most a repetition that shows nothing twice.
async fn round(app: &App, chat: &dyn Chat) -> Stored<bool> {
    let due = app.store.due(chat.platform(), BATCH).await?;
    let mut posted = Vec::new();
    let mut noted = Instant::now();
    for dispatch in &due {
        match chat.deliver(dispatch).await {
            Ok(place) => posted.push((dispatch, place)),
            Err(error) => postpone(app, chat, dispatch, &error).await?,
        }
        if noted.elapsed() >= NOTE_AFTER {
            app.store.settle(&std::mem::take(&mut posted)).await?;
            noted = Instant::now();
        }
    }
    if !posted.is_empty() {
        app.store.settle(&posted).await?;
    }
    Ok(!due.is_empty())
}

async fn postpone(app: &App, chat: &dyn Chat, dispatch: &Dispatch, error: &ChatError) -> Stored<()> {
    let (platform, id) = (chat.platform(), dispatch.message.id);
    tracing::warn!(platform, message = %id, room = %dispatch.room, "not posted, trying again: {error}");
    let after = match error {
        ChatError::Retry { after, .. } => *after,
        ChatError::Gone(_) => Duration::ZERO,
    };
    app.store.postpone(id, platform, after.max(pause(dispatch.attempts))).await
}

/// 1 s doubled for each failure, at most 5 min.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(8)).min(Duration::from_secs(300))
}
