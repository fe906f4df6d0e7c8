//! Discord: a channel or forum for each repository, a thread for each task.
//!
//! `install` checks our identity and permissions. `gateway` receives events, `intake` stores what
//! `translate` makes of each, `fetch` and `backfill` read what no event brought. `deliver` posts;
//! `card`, `modal`, `menu` and `markup` format what people see. `rooms` creates channels,
//! `interactions` tracks who is waiting for a private reply, `rest` makes one API call.
//! A message ID is unique in all of Discord, and a thread has the ID of the message that started
//! it. People's messages are named `<channel>:<message>` here.
#![warn(missing_docs)]

mod backfill;
mod card;
mod content;
mod deliver;
mod fetch;
mod gateway;
mod install;
mod intake;
mod interactions;
mod markup;
mod menu;
mod modal;
mod nonce;
mod rest;
mod rooms;
mod translate;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serenity::all::{ApplicationId, ChannelId, GuildId, LightMethod, MessageId, Route};
use tokio::{sync::watch, task::AbortHandle};
use vine_domain::{
    Timestamp,
    chat::{DesiredRoom, Inbound, Location, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink},
};

use self::{
    gateway::{Gateway, ResumePoint},
    intake::Intake,
    interactions::PendingInteractions,
    rest::RestClient,
};

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "discord";
const SOON: Duration = Duration::from_millis(500);
/// Servers, messages and their reactions; `CONTENT` adds the text of messages (reference, "Gateway
/// Intents").
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10;
const CONTENT: u64 = 1 << 15;

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct DiscordSettings {
    /// The API's base URL, without a path.
    pub api_url: String,
    /// The bot's token.
    pub token: String,
    /// The server's ID.
    pub guild: String,
    /// Channel names are this prefix and the repository's name.
    pub channel_prefix: String,
    /// Whether to request message content; without it people answer with buttons and commands.
    pub message_content: bool,
}

/// Our identity on Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotIdentity {
    /// The bot's user ID.
    pub id: String,
    /// The application's ID.
    pub app: String,
    /// Whether we can read message content.
    pub reads: bool,
}

/// A working connection and what is cached while it lasts.
pub(crate) struct DiscordSession {
    rest: RestClient,
    us: BotIdentity,
    guild: String,
    /// Our display name, shown in health reports.
    account: String,
    waiting: PendingInteractions,
    /// Channel types by ID.
    kinds: Mutex<HashMap<String, u64>>,
    /// Parent channels of threads; empty for a channel that is not a thread.
    parents: Mutex<HashMap<String, String>>,
    /// Whether the history has no gaps; a backfill follows each gap.
    whole: AtomicBool,
    /// The running backfill.
    looking: Mutex<Option<AbortHandle>>,
    /// Threads that were already told that we cannot read messages there.
    hinted: Mutex<HashSet<String>>,
}

impl DiscordSession {
    fn new(rest: RestClient, us: BotIdentity, guild: String, account: String) -> Self {
        let (waiting, kinds, parents, hinted) = (
            PendingInteractions::default(),
            Mutex::default(),
            Mutex::default(),
            Mutex::default(),
        );
        Self {
            rest,
            us,
            guild,
            account,
            waiting,
            kinds,
            parents,
            hinted,
            whole: AtomicBool::new(false),
            looking: Mutex::default(),
        }
    }

    fn app(&self) -> ApplicationId {
        ApplicationId::new(self.us.app.parse().unwrap_or(1))
    }

    fn note_kind(&self, room: &str, kind: u64) {
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(room.to_owned(), kind);
    }

    /// The channel's type.
    async fn kind(&self, room: &str) -> Result<u64, ChatError> {
        let known = self
            .kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(room)
            .copied();
        if let Some(kind) = known {
            return Ok(kind);
        }
        let shown = self
            .rest
            .get(
                "reading the channel",
                Route::Channel {
                    channel_id: channel(room)?,
                },
                &[],
            )
            .await?;
        let kind = shown["type"].as_u64().unwrap_or(0);
        self.note_kind(room, kind);
        Ok(kind)
    }

    /// The parent channel of a thread, empty for a channel that is not a thread; `None` if unknown.
    async fn parent(&self, place: &str) -> Option<String> {
        let known = self
            .parents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(place)
            .cloned();
        if known.is_some() {
            return known;
        }
        // The gateway loop waits for this, so the timeout is short.
        let shown = self.rest.get(
            "reading a thread",
            Route::Channel {
                channel_id: channel(place).ok()?,
            },
            &[],
        );
        let shown = tokio::time::timeout(Duration::from_secs(2), shown)
            .await
            .ok()?
            .ok()?;
        let parent = if matches!(shown["type"].as_u64(), Some(10..=12)) {
            shown["parent_id"].as_str().unwrap_or_default()
        } else {
            ""
        };
        self.parents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place.to_owned(), parent.to_owned());
        Some(parent.to_owned())
    }

    /// Records the channel or thread that an event describes.
    fn note_places(&self, shown: &serde_json::Value) {
        let (Some(id), kind) = (shown["id"].as_str(), shown["type"].as_u64()) else {
            return;
        };
        let parent = if matches!(kind, Some(10..=12)) {
            shown["parent_id"].as_str().unwrap_or_default()
        } else {
            ""
        };
        self.parents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), parent.to_owned());
    }

    /// Starts a background backfill of messages after `seen`; it replaces a running one.
    fn look_back(self: &Arc<Self>, ear: &Arc<dyn EventSink>, seen: u64) {
        self.whole.store(false, Ordering::SeqCst);
        let (session, ear) = (Arc::clone(self), Arc::clone(ear));
        let task = tokio::spawn(async move {
            backfill::run(&session, &*ear, seen).await;
            session.whole.store(true, Ordering::SeqCst);
        });
        let old = self
            .looking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(task.abort_handle());
        if let Some(old) = old {
            old.abort();
        }
    }

    /// Whether this thread has yet to be told that we cannot read messages there.
    fn hinted(&self, inbound: &Inbound) -> bool {
        let Location::Theirs { room, .. } = &inbound.spot else {
            return false;
        };
        self.hinted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(room.clone())
    }
}

/// The adapter.
pub struct Discord {
    settings: DiscordSettings,
    session: watch::Sender<Option<Arc<DiscordSession>>>,
}

impl Discord {
    /// An adapter that is not connected yet; see [`Discord::run`].
    pub fn new(settings: DiscordSettings) -> Arc<Self> {
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
                Ok((session, url)) => Arc::clone(&self).listen(Arc::new(session), url, &ear).await,
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
        let (known, here) = (Arc::clone(&session), Arc::clone(&self));
        let ready = Box::new(move || drop(here.session.send_replace(Some(Arc::clone(&known)))));
        let mut intake = Intake {
            session: Arc::clone(&session),
            ear: Arc::clone(ear),
            ready,
        };
        gateway.run(place, &mut intake).await
    }

    fn session(&self) -> Result<Arc<DiscordSession>, ChatError> {
        self.session
            .borrow()
            .clone()
            .ok_or_else(|| ChatError::NotNow {
                why: "not connected yet".into(),
                after: SOON,
            })
    }
}

/// What a person did, if this gateway event reports something relevant.
pub fn heard(kind: &str, data: &serde_json::Value, us: &BotIdentity) -> Option<Inbound> {
    use translate::{FollowUp, GatewayEvent};
    match translate::translate(kind, data, us) {
        GatewayEvent::Person(inbound) => Some(inbound),
        GatewayEvent::Interaction(interaction) => match interaction.then {
            FollowUp::Say(inbound) | FollowUp::Press(inbound) => Some(inbound),
            _ => None,
        },
        GatewayEvent::Echo(_)
        | GatewayEvent::Moved(_)
        | GatewayEvent::Ended
        | GatewayEvent::Nothing => None,
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

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        deliver::deliver(&*self.session()?, dispatch).await
    }

    async fn posted_at(&self, _room: &str, reference: &str) -> Option<Timestamp> {
        translate::moment(reference)
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::create_room(&*self.session()?, &self.settings.channel_prefix, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        rooms::sync_room(&*self.session()?, room, wish).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        rooms::closed_rooms(&*self.session()?, rooms).await
    }

    /// Channels keep their ids.
    async fn successor(&self, _room: &str) -> Result<Option<String>, ChatError> {
        Ok(None)
    }

    async fn show_activity(&self, rooms: &[String]) {
        let Ok(session) = self.session() else { return };
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
            .session()?
            .rest
            .get("identifying the bot", Route::UserMe, &[])
            .await
            .map(|_| ())?)
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Inbound> {
        fetch::fetched(&*self.session().ok()?, event).await
    }

    async fn join_room(&self, room: &str, _wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::join_room(&*self.session()?, room).await
    }
}

fn number(what: &str, id: &str) -> Result<u64, String> {
    id.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{id}` is not a valid Discord {what} ID"))
}

fn channel(id: &str) -> Result<ChannelId, ChatError> {
    number("channel", id)
        .map(ChannelId::new)
        .map_err(ChatError::Gone)
}

fn message(id: &str) -> Result<MessageId, ChatError> {
    number("message", id)
        .map(MessageId::new)
        .map_err(ChatError::Gone)
}

fn guild(id: &str) -> Result<GuildId, String> {
    number("server", id).map(GuildId::new)
}
