//! Slack: a channel for each repository, a thread for each task.
//!
//! `install` finds out who we are there and what we may; `socket` or `hooks` brings envelopes,
//! `intake` stores what `translate` makes of each, `fetch` and `backfill` get what none has
//! brought. `deliver` posts, `card` and `mrkdwn` are how things look, `channels` makes channels,
//! `api` is one call and what came of it. Slack names messages within their channel alone: outside
//! of this crate they are called `<channel>:<ts>`.
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

/// As it stands in `rooms.platform`.
pub const PLATFORM: &str = "slack";
const SOON: Duration = Duration::from_millis(500);

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// Where the Web API is, without a slash at the end.
    pub api_url: String,
    /// `xoxb-…`, of the app's bot.
    pub bot_token: String,
    /// How Slack tells us things.
    pub way: Transport,
    /// Channels are called this and the repository's name.
    pub channel_prefix: String,
    /// The workspace in which channels are made, for an app that is installed for a whole
    /// organisation.
    pub team: Option<String>,
}

/// How Slack tells us things.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over connections that we open.
    Socket {
        /// `xapp-…`
        app_token: String,
    },
    /// By requests to us.
    Http {
        /// What they are signed with.
        signing_secret: String,
    },
}

/// Who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppIdentity {
    /// The workspace; for an app of a whole organisation all of its workspaces, and itself.
    pub teams: Vec<String>,
    /// The bot's user id.
    pub user: String,
}

/// A connection that works.
#[derive(Clone)]
struct SlackSession {
    api: Arc<WebApi>,
    us: AppIdentity,
    /// What people call us there.
    account: String,
    /// Where channels are made, if that has to be said.
    team: Option<String>,
    gap: Arc<HistoryGap>,
    /// Slack says that our token counts no more.
    ended: Arc<Notify>,
    /// Channels that got another id, by the old one.
    renamed: Arc<Mutex<HashMap<String, String>>>,
    waiting: Arc<PendingResponses>,
    /// Who looks for second copies of a message.
    disarming: Arc<Mutex<HashMap<MessageId, AbortHandle>>>,
}

/// What may be missing of what was said.
#[derive(Default)]
struct HistoryGap {
    /// Nothing is: it was looked for.
    whole: AtomicBool,
    /// Something could not be stored, and Slack may have given it up since.
    stumbled: AtomicBool,
    /// Whether somebody looks for it.
    look: Mutex<LookBack>,
    /// Who looks again, later.
    again: Mutex<Option<AbortHandle>>,
}

/// How far looking for what is missing has come. A look is never ended before its time: it would
/// begin with the same threads each time, and never come to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LookBack {
    #[default]
    Over,
    UnderWay,
    /// Something may be missing since it began.
    Again,
}

/// What the adapter says until it knows more.
const ENDED: &str = "Slack has revoked the token, or the app was removed";
/// After a connection that ended without Slack's word it is looked again, so long after one another:
/// Slack may take some time to see that nobody listens there any more.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(120),
    Duration::from_secs(240),
];

impl SlackSession {
    /// A connection died without a word: what Slack sent there meanwhile, and what it still sends,
    /// is looked for.
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

    /// Looks for what was said while nobody listened, beside what comes now; one at a time.
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

    /// Connects and listens, for ever; drop it to stop. Whatever goes wrong is told to `ear` and
    /// tried again.
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

    /// Until something is wrong.
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

/// What an envelope of this kind says of a person, if it is anything to us.
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

    /// Bots have no such sign in Slack.
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

/// Slack's name of a message, as the rest of the house has it.
fn reference(channel: &str, ts: &str) -> String {
    format!("{channel}:{ts}")
}

/// The `ts` of a reference.
fn ts_of(reference: &str) -> &str {
    reference.rsplit_once(':').map_or(reference, |(_, ts)| ts)
}
