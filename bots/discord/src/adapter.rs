//! The adapter for Discord.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serenity::all::{LightMethod, Route};
use vine_chat::{Slot, keep_connected};
use vine_domain::{
    Timestamp,
    chat::{DesiredRoom, Fetched, Inbound, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink, ProgressPace},
};

use crate::{
    deliver, fetch,
    gateway::{Gateway, ResumePoint},
    ids::{PLATFORM, channel},
    install,
    intake::Intake,
    rooms,
    session::{DiscordSession, DiscordSettings},
};

/// Servers, messages and their reactions; `CONTENT` adds the text of messages (reference, "Gateway
/// Intents").
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 12;
const CONTENT: u64 = 1 << 15;

/// The adapter.
pub struct Discord {
    pub(crate) settings: DiscordSettings,
    pub(crate) session: Slot<Arc<DiscordSession>>,
}

impl Discord {
    /// An adapter that is not connected yet; see [`Discord::run`].
    pub fn new(settings: DiscordSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            session: Slot::default(),
        })
    }

    /// Connects and listens forever; drop it to stop. Reports problems to `ear` and retries.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn EventSink>) {
        let connect = || async {
            match install::connect(&self.settings, &*ear).await {
                Ok((session, url)) => Arc::clone(&self).listen(Arc::new(session), url, &ear).await,
                Err(why) => why,
            }
        };
        keep_connected(&self.session, &*ear, connect).await;
    }

    /// Listens until a problem that only a person can fix.
    async fn listen(
        self: Arc<Self>,
        session: Arc<DiscordSession>,
        url: String,
        ear: &Arc<dyn EventSink>,
    ) -> String {
        let mut place = match ear.cursor().await {
            Ok(cursor) => cursor
                .and_then(|cursor| serde_json::from_str(&cursor).ok())
                .unwrap_or_else(ResumePoint::default),
            Err(error) => return error.to_string(),
        };
        let intents = INTENTS | if session.us.reads { CONTENT } else { 0 };
        let asked = format!("{} {intents}", session.us.id);
        if place.asked != asked {
            place = ResumePoint {
                asked,
                seen: place.seen,
                ..ResumePoint::default()
            };
        }
        let gateway = Gateway {
            url,
            token: self.settings.token.clone(),
            intents,
        };
        let known = Arc::clone(&session);
        let here = Arc::clone(&self);
        let ready = Box::new(move || here.session.fill(Arc::clone(&known)));
        let mut intake = Intake {
            session: Arc::clone(&session),
            ear: Arc::clone(ear),
            ready,
        };
        gateway.run(place, &mut intake).await
    }
}

#[async_trait]
impl Chat for Discord {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn encrypts(&self) -> bool {
        false
    }

    fn progress_pace(&self) -> ProgressPace {
        // A channel takes about one edit a second, and the cards of a repository are in one channel.
        ProgressPace {
            card: Duration::from_secs(15),
            all: Duration::from_secs(4),
        }
    }

    fn rooms_at_once(&self) -> usize {
        // Discord limits each channel, and a bot to 50 requests a second
        // (https://discord.com/developers/docs/topics/rate-limits).
        16
    }

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        deliver::deliver(&*self.session.get()?, dispatch).await
    }

    async fn posted_at(&self, _room: &str, reference: &str) -> Option<Timestamp> {
        crate::ids::moment(reference)
    }

    async fn address(&self, _room: &str, thread: &str, reference: &str) -> Option<String> {
        let server = self.session.get().ok()?.guild.clone();
        Some(format!(
            "https://discord.com/channels/{server}/{thread}/{reference}"
        ))
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::create_room(&*self.session.get()?, &self.settings.channel_prefix, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        rooms::sync_room(&*self.session.get()?, room, wish).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        rooms::closed_rooms(&*self.session.get()?, rooms).await
    }

    /// Channels keep their ids.
    async fn successor(&self, _room: &str) -> Result<Option<String>, ChatError> {
        Ok(None)
    }

    async fn show_activity(&self, rooms: &[String]) {
        let Ok(session) = self.session.get() else {
            return;
        };
        for room in rooms {
            let Ok(id) = channel(room) else { continue };
            // Shown for ten seconds; failures do not matter.
            let _not_shown = session
                .rest
                .call(
                    "typing",
                    LightMethod::Post,
                    Route::ChannelTyping { channel_id: id },
                    &(),
                )
                .await;
        }
    }

    async fn ping(&self) -> Result<(), ChatError> {
        Ok(self
            .session
            .get()?
            .rest
            .get("identifying the bot", Route::UserMe, &[])
            .await
            .map(|_| ())?)
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Fetched> {
        fetch::fetched(&*self.session.get().ok()?, event).await
    }

    async fn join_room(&self, room: &str, _wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::join_room(&*self.session.get()?, room).await
    }
}
