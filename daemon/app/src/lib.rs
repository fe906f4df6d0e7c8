//! Use cases and loops of the daemon. Knows ports only: no axum, no SQL, no chat SDK.
//!
//! To follow one question: [`questions`] (asked, answered, delivered), `transition` (how any change
//! is decided and stored), [`heartbeat`] (how the answer reaches the worker), [`outbox`] (how
//! messages reach the platforms) and [`inbound`] (how replies are read). What happens while nobody
//! answers: [`reminders`].

mod batcher;
mod cached;
pub mod claims;
pub mod clarify;
pub mod commands;
mod edits;
pub mod error;
pub mod guards;
pub mod health;
pub mod heartbeat;
pub mod inbound;
mod isolation;
pub mod leadership;
mod list_limiter;
mod lists;
mod locate;
mod message_feed;
pub mod metrics;
pub mod notes;
pub mod numbers;
pub mod outbox;
mod passwords;
mod pending_content;
pub mod people;
pub mod platforms;
mod private_replies;
mod pushes;
pub mod question_traces;
pub mod questions;
pub mod reminders;
pub mod retention;
pub mod settings;
pub mod spending;
mod suggestions;
pub mod sweep;
pub mod tasks;
pub mod texts;
mod token_cache;
pub mod tokens;
mod transition;
pub mod trends;
mod visibility;
pub mod wakeup_bus;
mod wakeups;
pub mod workers;
mod write_probe;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use vine_domain::{
    Clock, Ids, TaskId,
    ports::{Store, WakeupBus},
};

pub use vine_grammar::{Command, CommandContext, TaskVerb, from_words, is_command, parse};

pub use crate::{
    error::{AppError, AppResult, Missing},
    people::Caller,
    settings::Settings,
    wakeups::Wakeups,
};

/// The daemon's use cases over its ports. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The state of everything.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Creates ids.
    pub ids: Arc<dyn Ids>,
    /// Wake-ups between use cases and loops.
    pub wakes: Arc<Wakeups>,
    /// Cancelled when the daemon stops; waiting calls then return immediately.
    pub stop: CancellationToken,
    /// What this daemon counts and measures.
    pub meter: Arc<metrics::Metrics>,
    /// Adapters, and the health of them and their rooms.
    pub platforms: Arc<health::Platforms>,
    in_force: Arc<settings::InForce>,
    presence: Arc<heartbeat::Presence>,
    told: Arc<private_replies::RecentReplies>,
    around: Arc<isolation::IsolationCache>,
    /// The id of this daemon.
    pub me: Arc<str>,
    on_the_way: Arc<visibility::InFlightPosts>,
    known: Arc<token_cache::TokenCache>,
    trends: Arc<cached::Cached<trends::Trends>>,
    spending: Arc<cached::Cached<spending::NamedSpending>>,
    numbers: Arc<cached::Cached<Vec<numbers::NumberGroup>>>,
    pulse: Arc<write_probe::WriteProbe>,
    turns: Arc<list_limiter::ListLimiter>,
    too_large: Arc<retention::TooLarge>,
    door: Arc<passwords::LoginLimiter>,
    journeys: Arc<question_traces::TraceListener>,
    claims: mpsc::Sender<claims::PendingClaim>,
    together: Arc<batcher::CallBatch>,
    hints: Arc<OnceLock<Arc<dyn WakeupBus>>>,
    /// Events are processed one after the other, in the order they were stored. Contains the tasks
    /// in whose threads words wait.
    reading: Arc<Mutex<HashSet<TaskId>>>,
}

impl App {
    /// The use cases, and the loop that assigns work, to be spawned with
    /// [`claims::Dispatcher::run`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
        stop: CancellationToken,
    ) -> (Self, claims::Dispatcher) {
        let wakes = Arc::new(Wakeups::default());
        let (claims, waiting) = mpsc::channel(1024);
        let batches = settings.batches;
        let app = Self {
            store,
            me: ids.uuid().to_string().into(),
            clock,
            ids,
            wakes,
            in_force: Arc::new(settings::InForce::new(settings)),
            stop,
            meter: Arc::default(),
            platforms: Arc::default(),
            presence: Arc::default(),
            told: Arc::default(),
            around: Arc::default(),
            on_the_way: Arc::default(),
            known: Arc::default(),
            trends: Arc::default(),
            spending: Arc::default(),
            numbers: Arc::default(),
            pulse: Arc::default(),
            turns: Arc::default(),
            too_large: Arc::default(),
            door: Arc::default(),
            journeys: Arc::default(),
            claims,
            together: Arc::new(batcher::CallBatch::new(batches)),
            hints: Arc::default(),
            reading: Arc::default(),
        };
        let dispatcher = claims::Dispatcher::new(app.clone(), waiting);
        (app, dispatcher)
    }

    /// The same with its own stop, for what ends before the daemon does.
    #[must_use]
    pub fn until(&self, stop: CancellationToken) -> Self {
        Self {
            stop,
            ..self.clone()
        }
    }
}
