//! Shows where agents are running.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vine_domain::ports::{Chat, WORKING};

use crate::rooms::Rooms;

/// How often to check whether agents are running.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps showing where agents are running: soon after they start, and again before platforms drop
/// the indicator.
pub(crate) async fn run(rooms: &Rooms, stop: &CancellationToken, chat: &dyn Chat) {
    let mut shown: HashMap<String, Instant> = HashMap::new();
    loop {
        shown.retain(|_, at| at.elapsed() < WORKING * 2 / 3);
        let busy = rooms.store.busy_rooms(chat.platform()).await.unwrap_or_else(|error| {
            tracing::error!(platform = chat.platform(), %error, "could not check whether agents are running: {error}");
            Vec::new()
        });
        let due: Vec<String> = busy
            .into_iter()
            .filter(|room| !shown.contains_key(room))
            .collect();
        if !due.is_empty() {
            chat.show_activity(&due).await;
            shown.extend(due.into_iter().map(|room| (room, Instant::now())));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
