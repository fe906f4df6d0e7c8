//! Slack: a channel for each repository, a thread for each task.
//!
//! `socket` keeps a connection open, `translate` makes of each envelope what it is to us, `deliver` posts, `card` and `mrkdwn` are
//! how things look, `channels` makes channels, `api` is one call and what came of it. Slack names messages within their channel
//! alone: outside of this crate they are called `<channel>:<ts>`.
#![warn(missing_docs)]

mod api;
mod backfill;
mod card;
mod channels;
mod deliver;
mod manifest;
mod modal;
mod mrkdwn;
mod socket;
mod translate;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::watch, time::Instant};
use vine_domain::{
    chat::{Dispatch, Posted, RoomWish},
    ports::{Chat, ChatError, Ear},
};

use self::api::Api;
pub use self::manifest::manifest;

/// As it stands in `rooms.platform`.
pub const PLATFORM: &str = "slack";
const SOON: Duration = Duration::from_millis(500);

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the Web API is, without a slash at the end.
    pub api_url: String,
    /// `xoxb-…`, of the app's bot.
    pub bot_token: String,
    /// `xapp-…`, for Socket Mode.
    pub app_token: String,
    /// Channels are called this and the repository's name.
    pub channel_prefix: String,
}

/// Who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Us {
    /// The workspace.
    pub team: String,
    /// The bot's user id.
    pub user: String,
}

/// A connection that works.
#[derive(Clone)]
struct Session {
    api: Arc<Api>,
    us: Us,
    since: Instant,
}

/// The adapter.
pub struct Slack {
    settings: Settings,
    session: watch::Sender<Option<Session>>,
}

impl Slack {
    /// An adapter that is not connected yet; see [`Slack::run`].
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings, session: watch::Sender::new(None) })
    }

    /// Connects and listens, for ever; drop it to stop. Whatever goes wrong is told to `ear` and tried again.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn Ear>) {
        let mut pause = SOON;
        loop {
            let trouble = match self.connect().await {
                Ok(session) => {
                    pause = SOON;
                    socket::run(&session, &self.settings, &ear, &self.session).await
                }
                Err(why) => why,
            };
            self.session.send_replace(None);
            ear.health(Err(trouble));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    async fn connect(&self) -> Result<Session, String> {
        let api = Arc::new(Api::new(&self.settings.api_url, &self.settings.bot_token)?);
        let known = api.call("auth.test", &serde_json::json!({})).await.map_err(|error| error.to_string())?;
        let text = |key: &str| known[key].as_str().unwrap_or_default().to_owned();
        Ok(Session { api, us: Us { team: text("team_id"), user: text("user_id") }, since: Instant::now() })
    }

    fn session(&self) -> Result<Session, ChatError> {
        self.session.borrow().clone().ok_or_else(|| ChatError::NotNow { why: "not connected yet".into(), after: SOON })
    }
}

#[async_trait]
impl Chat for Slack {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    async fn deliver(&self, dispatch: &Dispatch) -> Result<Posted, ChatError> {
        is_fit(dispatch.encrypted)?;
        let session = self.session()?;
        deliver::deliver(&session.api, dispatch, session.since).await
    }

    async fn make(&self, wish: &RoomWish) -> Result<String, ChatError> {
        is_fit(wish.encrypted)?;
        channels::make(&self.session()?.api, &self.settings.channel_prefix, wish).await
    }

    async fn furnish(&self, room: &str, wish: &RoomWish) -> Result<(), ChatError> {
        is_fit(wish.encrypted)?;
        channels::furnish(&self.session()?.api, room, wish).await
    }

    /// Bots have no such sign in Slack.
    async fn show_work(&self, _rooms: &[String]) {}

    async fn enter(&self, room: &str, wish: &RoomWish) -> Result<String, ChatError> {
        is_fit(wish.encrypted)?;
        channels::enter(&self.session()?.api, room).await
    }
}

/// What has to be encrypted is not said here.
fn is_fit(encrypted: bool) -> Result<(), ChatError> {
    if !encrypted {
        return Ok(());
    }
    Err(ChatError::Gone("Slack has no end-to-end encryption, and the repository asks for it; it is talked about elsewhere".into()))
}

/// Slack's name of a message, as the rest of the house has it.
fn reference(channel: &str, ts: &str) -> String {
    format!("{channel}:{ts}")
}

/// The `ts` of a reference.
fn ts_of(reference: &str) -> &str {
    reference.rsplit_once(':').map_or(reference, |(_, ts)| ts)
}
