//! Pings platforms.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vine_domain::ports::{Chat, ChatError};

use crate::rooms::Rooms;

/// How often a platform is pinged.
const CANARY: Duration = Duration::from_secs(10);
/// How often its rooms are checked.
const ROOMS: Duration = Duration::from_secs(60);
/// A failed ping is measured as at least this long.
const DEAF: Duration = Duration::from_secs(60);

/// Keeps pinging the platform, and checks which rooms take questions. A silent event stream may be
/// dead; a ping that succeeds proves that the platform answers.
pub(crate) async fn run(rooms: &Rooms, stop: &CancellationToken, chat: &dyn Chat) {
    let mut looked: Option<Instant> = None;
    let mut lost: bool = false;
    loop {
        let sent = Instant::now();
        let called = chat.ping().await;
        match &called {
            Ok(()) => rooms.metrics.canary(chat.platform(), Some(sent.elapsed())),
            Err(error) => {
                tracing::debug!(platform = chat.platform(), "ping failed: {error}");
                rooms
                    .metrics
                    .canary(chat.platform(), Some(sent.elapsed().max(DEAF)));
            }
        }
        let well = called.is_ok();
        let answer = match called {
            Ok(()) => Some(Ok(())),
            Err(error @ ChatError::Gone(_)) => Some(Err(error)),
            // A single failure means little: an adapter that lost its connection reports it itself.
            Err(error @ ChatError::Retry { .. }) if lost => Some(Err(error)),
            Err(_) => None,
        };
        lost = !well;
        if let Some(answer) = answer {
            let failed = answer.err().map(|error| error.to_string());
            if rooms
                .platforms
                .called(chat.platform(), failed, rooms.clock.now())
            {
                rooms.wakeups.page();
            }
        }
        if well && looked.is_none_or(|at| at.elapsed() >= ROOMS) {
            looked = Some(Instant::now());
            rooms.look_at_rooms(chat).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CANARY) => {}
        }
    }
}
