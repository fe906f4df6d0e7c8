//! What is kept while we are connected: who we are, and what may be missing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use tokio::{sync::Notify, task::AbortHandle};
use vine_domain::MessageId;

use crate::{api::WebApi, responses::PendingResponses};

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
pub struct SlackSession {
    pub api: Arc<WebApi>,
    pub us: AppIdentity,
    /// Our display name, shown in health reports.
    pub account: String,
    /// The workspace in which channels are created, if it must be given.
    pub team: Option<String>,
    pub gap: Arc<HistoryGap>,
    /// Slack reported that our token is no longer valid.
    pub ended: Arc<Notify>,
    /// New IDs of channels by their old ones.
    pub renamed: Arc<Mutex<HashMap<String, String>>>,
    pub waiting: Arc<PendingResponses>,
    /// Tasks that look for duplicates of a post.
    pub disarming: Arc<Mutex<HashMap<MessageId, AbortHandle>>>,
}

/// Whether messages may be missing.
#[derive(Default)]
pub struct HistoryGap {
    /// Whether a backfill has completed, so that nothing is missing.
    pub whole: AtomicBool,
    /// Something could not be stored, and Slack may have stopped sending it.
    pub stumbled: AtomicBool,
    /// The state of the backfill.
    pub look: Mutex<LookBack>,
    /// The task that repeats the backfill later.
    pub again: Mutex<Option<AbortHandle>>,
}

/// The state of the backfill. A running backfill is never cut short: it would start with the same
/// threads each time and never reach the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LookBack {
    #[default]
    Over,
    UnderWay,
    /// Something may be missing since it started, so it runs again.
    Again,
}

impl HistoryGap {
    pub fn look(&self) -> MutexGuard<'_, LookBack> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The health report when Slack has ended the session.
pub const ENDED: &str = "Slack revoked the token, or the app was removed";
