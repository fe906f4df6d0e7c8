//! What is kept while we are connected: who we are, and what was learned of channels.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use serenity::all::{ApplicationId, Route};
use tokio::task::AbortHandle;
use vine_domain::{
    chat::{Inbound, Location},
    ports::ChatError,
};

use crate::{ids::channel, interactions::PendingInteractions, rest::RestClient};

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
    pub rest: RestClient,
    pub us: BotIdentity,
    pub guild: String,
    /// Our display name, shown in health reports.
    pub account: String,
    pub waiting: PendingInteractions,
    /// Channel types by ID.
    pub kinds: Mutex<HashMap<String, u64>>,
    /// Parent channels of threads; empty for a channel that is not a thread.
    pub parents: Mutex<HashMap<String, String>>,
    /// Whether the history has no gaps; a backfill follows each gap.
    pub whole: AtomicBool,
    /// The running backfill.
    pub looking: Mutex<Option<AbortHandle>>,
    /// Threads that were already told that we cannot read messages there.
    pub hinted: Mutex<HashSet<String>>,
}

impl DiscordSession {
    pub fn new(rest: RestClient, us: BotIdentity, guild: String, account: String) -> Self {
        let waiting = PendingInteractions::default();
        let kinds = Mutex::default();
        let parents = Mutex::default();
        let hinted = Mutex::default();
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

    pub fn app(&self) -> ApplicationId {
        ApplicationId::new(self.us.app.parse().unwrap_or(1))
    }

    pub fn note_kind(&self, room: &str, kind: u64) {
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(room.to_owned(), kind);
    }

    /// The channel's type.
    pub async fn kind(&self, room: &str) -> Result<u64, ChatError> {
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
    pub async fn parent(&self, place: &str) -> Option<String> {
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
    pub fn note_places(&self, shown: &serde_json::Value) {
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

    /// Whether this thread has yet to be told that we cannot read messages there.
    pub fn hinted(&self, inbound: &Inbound) -> bool {
        let Location::Theirs { room, .. } = &inbound.spot else {
            return false;
        };
        self.hinted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(room.clone())
    }
}
