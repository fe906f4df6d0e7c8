//! The adapter for Slack.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use vine_chat::{Slot, keep_connected};
use vine_domain::{
    Timestamp,
    chat::{DesiredRoom, Fetched, Inbound, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink, ProgressPace},
};

use crate::{
    backfill, channels, deliver, fetch,
    ids::{PLATFORM, ts_of},
    install,
    session::{SlackSession, SlackSettings, Transport},
    socket, translate,
};

/// The adapter.
pub struct Slack {
    pub(crate) settings: SlackSettings,
    pub(crate) session: Slot<SlackSession>,
}

impl Slack {
    /// An adapter that is not connected yet; see [`Slack::run`].
    pub fn new(settings: SlackSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            session: Slot::default(),
        })
    }

    /// Connects and listens forever; drop it to stop. Reports problems to `ear` and retries.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn EventSink>) {
        let connect = || async {
            match install::connect(&self.settings, &*ear).await {
                Ok(session) => self.listen(session, &ear).await,
                Err(why) => why,
            }
        };
        keep_connected(&self.session, &*ear, connect).await;
    }

    /// Listens until a problem occurs.
    async fn listen(&self, session: SlackSession, ear: &Arc<dyn EventSink>) -> String {
        let heard = || {
            self.session.fill(session.clone());
            backfill::start(&session, ear);
        };
        match &self.settings.way {
            Transport::Socket { app_token } => {
                socket::run(&session, &self.settings, app_token, ear, &heard).await
            }
            Transport::Http { .. } => {
                heard();
                install::watch(&session, ear).await
            }
        }
    }
}

#[async_trait]
impl Chat for Slack {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn encrypts(&self) -> bool {
        false
    }

    fn progress_pace(&self) -> ProgressPace {
        // `chat.update` is of tier 3: 50 calls a minute (https://docs.slack.dev/apis/web-api/rate-limits).
        ProgressPace {
            card: Duration::from_secs(15),
            all: Duration::from_secs(5),
        }
    }

    fn rooms_at_once(&self) -> usize {
        // Slack limits each channel to about one message a second, and the workspace to several hundred a
        // minute (https://docs.slack.dev/apis/web-api/rate-limits).
        32
    }

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        deliver::deliver(&self.session.get()?, dispatch).await
    }

    async fn posted_at(&self, _room: &str, reference: &str) -> Option<Timestamp> {
        translate::moment(ts_of(reference))
    }

    async fn address(&self, room: &str, _thread: &str, reference: &str) -> Option<String> {
        let session = self.session.get().ok()?;
        let about = serde_json::json!({ "channel": room, "message_ts": ts_of(reference) });
        let link = session.api.call("chat.getPermalink", &about).await.ok()?;
        link["permalink"].as_str().map(str::to_owned)
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        channels::create_room(&self.session.get()?, &self.settings.channel_prefix, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        channels::sync_room(&self.session.get()?, room, wish).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        channels::closed_rooms(&self.session.get()?, rooms).await
    }

    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError> {
        let session = self.session.get()?;
        let renamed = session
            .renamed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(renamed.get(room).cloned())
    }

    /// Slack has no such indicator for bots.
    async fn show_activity(&self, _rooms: &[String]) {}

    async fn ping(&self) -> Result<(), ChatError> {
        Ok(self
            .session
            .get()?
            .api
            .call("auth.test", &serde_json::json!({}))
            .await
            .map(|_| ())?)
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Fetched> {
        fetch::fetched(&self.session.get().ok()?, event).await
    }

    async fn join_room(&self, room: &str, _wish: &DesiredRoom) -> Result<String, ChatError> {
        channels::join_room(&self.session.get()?, room).await
    }
}
