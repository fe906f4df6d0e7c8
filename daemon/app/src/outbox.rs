//! The outbox: posts what was stored, one loop for each platform, in order within each thread.

use std::{sync::Arc, time::Duration};

use vine_domain::{
    chat::Dispatch,
    ports::{Chat, ChatError, Stored},
};

use crate::App;

/// Looks for messages at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(2);
const BATCH: u32 = 100;

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
async fn round(app: &App, chat: &dyn Chat) -> Stored<bool> {
    let due = app.store.due(chat.platform(), BATCH).await?;
    for dispatch in &due {
        post(app, chat, dispatch).await?;
    }
    Ok(!due.is_empty())
}

async fn post(app: &App, chat: &dyn Chat, dispatch: &Dispatch) -> Stored<()> {
    let id = dispatch.message.id;
    match chat.deliver(dispatch).await {
        Ok(posted) => app.store.settle(dispatch, &posted).await,
        Err(ChatError::Retry { why, after }) => {
            tracing::warn!(platform = chat.platform(), message = %id, "not posted, trying again: {why}");
            app.store.postpone(id, chat.platform(), after.max(pause(dispatch.attempts))).await
        }
        Err(error @ ChatError::Gone(_)) => {
            tracing::error!(platform = chat.platform(), room = %dispatch.room, "not posted: {error}");
            app.store.postpone(id, chat.platform(), pause(dispatch.attempts)).await
        }
    }
}

/// 1 s doubled for each failure, at most 5 min.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(8)).min(Duration::from_secs(300))
}
