//! The chat platforms of this daemon: each is served by one daemon at a time.

mod events;
mod pending_content;
mod suggestions;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use vine_domain::ports::Chat;

use crate::{
    App,
    cluster::leadership::{self, StatusGossip},
    rooms::{Rooms, activity, canary, outbox, sync},
};

pub use crate::adapters::events::AdapterEvents;

/// Serves one platform until `stop`, while no other daemon does: listens, posts what is due, fetches
/// missing content and synchronises its rooms.
pub async fn run<L: Future<Output = ()>>(
    app: App,
    stop: CancellationToken,
    chat: Arc<dyn Chat>,
    listen: impl Fn() -> L,
) {
    let platform = chat.platform();
    let adapter = Adapter {
        rooms: &app.rooms,
        platform,
    };
    let duty = format!("adapter {platform}");
    let (app, rooms, stop) = (&app, &*app.rooms, &stop);
    let chat = &chat;
    leadership::run(&app.cluster, stop, &duty, &adapter, |since| {
        let listens = listen();
        async move {
            let _ours = rooms.serve(Arc::clone(chat), since);
            let chat = &**chat;
            tokio::join!(
                listens,
                outbox::run(rooms, stop, chat, since),
                pending_content::run(app, stop, chat),
                sync::run(rooms, stop, chat),
                activity::run(rooms, stop, chat),
                canary::run(rooms, stop, chat)
            );
        }
    })
    .await;
}

/// A platform whose adapter runs in one daemon.
struct Adapter<'a> {
    rooms: &'a Rooms,
    platform: &'static str,
}

impl StatusGossip for Adapter<'_> {
    fn tell(&self) -> String {
        self.rooms.platforms.tell(self.platform)
    }

    fn hear(&self, told: &str) {
        if self.rooms.platforms.learn(self.platform, told) {
            self.rooms.changed();
        }
    }
}
