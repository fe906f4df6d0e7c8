//! Slack: a channel for each repository, a thread for each task.
//!
//! `install` checks our identity and permissions. `socket` or `hooks` receives envelopes, `intake`
//! stores what `translate` makes of each, `fetch` and `backfill` read what no envelope brought.
//! `deliver` posts; `card` and `mrkdwn` format what people see. `channels` creates channels, `api`
//! makes one API call. Slack's message IDs are unique only within a channel, so outside of this
//! crate messages are named `<channel>:<ts>`.
#![warn(missing_docs)]

mod api;
mod backfill;
mod card;
mod channels;
mod content;
mod copies;
mod deliver;
mod fetch;
mod hooks;
mod install;
mod intake;
mod manifest;
mod modal;
mod mrkdwn;
mod responses;
mod socket;
mod translate;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};
use vine_domain::{
    MessageId, Timestamp,
    chat::{DesiredRoom, Inbound, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink},
};

use self::{api::WebApi, responses::PendingResponses};
pub use self::{
    hooks::{PATH, routes},
    manifest::manifest,
};

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "slack";
const SOON: Duration = Duration::from_millis(500);

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// The Web API's base URL, without a trailing slash.
    pub api_url: String,
    /// The bot token, `xoxb-…`.
    pub bot_token: String,
    /// How Slack sends us events.
    pub way: Transport,
    /// Channel names are this prefix and the repository's name.
    pub channel_prefix: String,
    /// The workspace in which channels are created, for an app that is installed for a whole
    /// organisation.
    pub team: Option<String>,
}

/// How Slack sends us events.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over connections that we open.
    Socket {
        /// The app-level token, `xapp-…`.
        app_token: String,
    },
    /// By requests to us.
    Http {
        /// The secret that signs them.
        signing_secret: String,
    },
}

/// Our identity on Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppIdentity {
    /// The workspace; for an organisation-wide app the organisation and all of its workspaces.
    pub teams: Vec<String>,
    /// The bot's user ID.
    pub user: String,
}

/// A working connection.
#[derive(Clone)]
struct SlackSession {
    api: Arc<WebApi>,
    us: AppIdentity,
    /// Our display name, shown in health reports.
    account: String,
    /// The workspace in which channels are created, if it must be given.
    team: Option<String>,
    gap: Arc<HistoryGap>,
    /// Slack reported that our token is no longer valid.
    ended: Arc<Notify>,
    /// New IDs of channels by their old ones.
    renamed: Arc<Mutex<HashMap<String, String>>>,
    waiting: Arc<PendingResponses>,
    /// Tasks that look for duplicates of a post.
    disarming: Arc<Mutex<HashMap<MessageId, AbortHandle>>>,
}

/// Whether messages may be missing.
#[derive(Default)]
struct HistoryGap {
    /// Whether a backfill has completed, so that nothing is missing.
    whole: AtomicBool,
    /// Something could not be stored, and Slack may have stopped sending it.
    stumbled: AtomicBool,
    /// The state of the backfill.
    look: Mutex<LookBack>,
    /// The task that repeats the backfill later.
    again: Mutex<Option<AbortHandle>>,
}

/// The state of the backfill. A running backfill is never cut short: it would start with the same
/// threads each time and never reach the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LookBack {
    #[default]
    Over,
    UnderWay,
    /// Something may be missing since it started, so it runs again.
    Again,
}

/// The health report when Slack has ended the session.
const ENDED: &str = "Slack revoked the token, or the app was removed";
/// Pauses between the backfills after a connection died without a disconnect message: Slack may
/// need some time to notice that nobody is listening.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(120),
    Duration::from_secs(240),
];

impl SlackSession {
    /// Backfills what Slack sent, and may still send, to a connection that died silently.
    fn look_back_repeatedly(&self, ear: &Arc<dyn EventSink>) {
        self.look_back(ear);
        let (session, ear) = (self.clone(), Arc::clone(ear));
        let task = tokio::spawn(async move {
            for pause in LOOKS {
                tokio::time::sleep(pause).await;
                session.look_back(&ear);
            }
        });
        let mut again = self
            .gap
            .again
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = again.replace(task.abort_handle()) {
            old.abort();
        }
    }

    /// Starts a background backfill of messages that no connection received; one at a time.
    fn look_back(&self, ear: &Arc<dyn EventSink>) {
        let mut look = self.gap.look();
        self.gap.whole.store(false, Ordering::SeqCst);
        if *look != LookBack::Over {
            *look = LookBack::Again;
            return;
        }
        *look = LookBack::UnderWay;
        drop(look);
        let (session, ear) = (self.clone(), Arc::clone(ear));
        tokio::spawn(async move {
            loop {
                backfill::run(&session, &*ear).await;
                let mut look = session.gap.look();
                if *look != LookBack::Again {
                    *look = LookBack::Over;
                    session.gap.whole.store(true, Ordering::SeqCst);
                    return;
                }
                *look = LookBack::UnderWay;
            }
        });
    }
}

impl HistoryGap {
    fn look(&self) -> MutexGuard<'_, LookBack> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The adapter.
pub struct Slack {
    settings: SlackSettings,
    session: watch::Sender<Option<SlackSession>>,
}

impl Slack {
    /// An adapter that is not connected yet; see [`Slack::run`].
    pub fn new(settings: SlackSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            session: watch::Sender::new(None),
        })
    }

    /// Connects and listens forever; drop it to stop. Reports problems to `ear` and retries.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn EventSink>) {
        let mut pause = SOON;
        loop {
            let trouble = match install::connect(&self.settings, &*ear).await {
                Ok(session) => self.listen(session, &ear).await,
                Err(why) => why,
            };
            let worked = self.session.send_replace(None).is_some();
            ear.health(Err(trouble));
            pause = if worked {
                SOON
            } else {
                (pause * 2).min(Duration::from_secs(60))
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Listens until a problem occurs.
    async fn listen(&self, session: SlackSession, ear: &Arc<dyn EventSink>) -> String {
        let heard = || {
            self.session.send_replace(Some(session.clone()));
            session.look_back(ear);
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

    fn session(&self) -> Result<SlackSession, ChatError> {
        self.session
            .borrow()
            .clone()
            .ok_or_else(|| ChatError::NotNow {
                why: "not connected yet".into(),
                after: SOON,
            })
    }
}

/// What a person did, if this envelope reports something relevant.
pub fn heard(kind: &str, payload: &serde_json::Value, us: &AppIdentity) -> Option<Inbound> {
    match translate::translate(kind, payload, us) {
        translate::EnvelopeEvent::Person(inbound) => Some(inbound),
        _ => None,
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

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        deliver::deliver(&self.session()?, dispatch).await
    }

    async fn posted_at(&self, _room: &str, reference: &str) -> Option<Timestamp> {
        translate::moment(ts_of(reference))
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        channels::create_room(&self.session()?, &self.settings.channel_prefix, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        channels::sync_room(&self.session()?, room, wish).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        channels::closed_rooms(&self.session()?, rooms).await
    }

    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError> {
        let session = self.session()?;
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
            .session()?
            .api
            .call("auth.test", &serde_json::json!({}))
            .await
            .map(|_| ())?)
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Inbound> {
        fetch::fetched(&self.session().ok()?, event).await
    }

    async fn join_room(&self, room: &str, _wish: &DesiredRoom) -> Result<String, ChatError> {
        channels::join_room(&self.session()?, room).await
    }
}

/// AgentVine's ID of a message.
fn reference(channel: &str, ts: &str) -> String {
    format!("{channel}:{ts}")
}

/// The `ts` of a reference.
fn ts_of(reference: &str) -> &str {
    reference.rsplit_once(':').map_or(reference, |(_, ts)| ts)
}
