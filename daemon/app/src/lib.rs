//! Use cases and loops of the daemon. Knows ports only: no axum, no SQL, no chat SDK.
//!
//! To follow one question: [`questions`] (asked, answered, delivered), `steps` (how any change is
//! decided and stored), [`beats`] (how the answer reaches the worker), [`outbox`] (how messages
//! reach the platforms) and [`inbound`] (how replies come in). What happens while nobody answers:
//! [`reminders`].

mod around;
mod asides;
mod awaited;
pub mod back;
pub mod beats;
mod changes;
pub mod claims;
pub mod commands;
pub mod error;
mod feed;
pub mod guards;
pub mod health;
pub mod hints;
pub mod inbound;
pub mod journeys;
pub mod keeping;
mod known;
mod latest;
mod lists;
pub mod meter;
pub mod notes;
pub mod numbers;
mod offers;
pub mod outbox;
pub mod owner;
mod passwords;
pub mod people;
pub mod platforms;
mod pulse;
mod pushes;
pub mod questions;
pub mod reminders;
pub mod settings;
pub mod spending;
mod spots;
mod steps;
pub mod sweep;
pub mod tasks;
pub mod texts;
mod together;
pub mod tokens;
pub mod trends;
mod turns;
pub mod view;
mod visible;
mod wakes;
pub mod workers;

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
    wakes::Wakeups,
};

/// The daemon's use cases over its ports. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identities.
    pub ids: Arc<dyn Ids>,
    /// Wake-ups between use cases and loops.
    pub wakes: Arc<Wakeups>,
    /// Cancelled when the daemon stops; calls that wait are answered at once then.
    pub stop: CancellationToken,
    /// What this daemon counts and measures.
    pub meter: Arc<meter::Metrics>,
    /// Adapters, and how they and their rooms are.
    pub platforms: Arc<health::Platforms>,
    in_force: Arc<settings::InForce>,
    presence: Arc<beats::Presence>,
    told: Arc<asides::RecentReplies>,
    around: Arc<around::IsolationCache>,
    /// Tells this daemon from others.
    pub me: Arc<str>,
    on_the_way: Arc<visible::InFlightPosts>,
    known: Arc<known::TokenCache>,
    trends: Arc<latest::Cached<trends::Trends>>,
    spending: Arc<latest::Cached<spending::NamedSpending>>,
    numbers: Arc<latest::Cached<Vec<numbers::NumberGroup>>>,
    pulse: Arc<pulse::WriteProbe>,
    turns: Arc<turns::ListLimiter>,
    too_large: Arc<keeping::TooLarge>,
    door: Arc<passwords::LoginLimiter>,
    journeys: Arc<journeys::TraceListener>,
    claims: mpsc::Sender<claims::PendingClaim>,
    together: Arc<together::CallBatch>,
    hints: Arc<OnceLock<Arc<dyn WakeupBus>>>,
    /// Events are dealt with one after the other, in the order they were stored. Holds the tasks in
    /// whose threads words wait.
    reading: Arc<Mutex<HashSet<TaskId>>>,
}

impl App {
    /// The use cases, and the loop that hands out work, to be spawned with
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
            together: Arc::new(together::CallBatch::new(batches)),
            hints: Arc::default(),
            reading: Arc::default(),
        };
        let dispatcher = claims::Dispatcher::new(app.clone(), waiting);
        (app, dispatcher)
    }

    /// The same, for what is to end before the daemon does.
    #[must_use]
    pub fn until(&self, stop: CancellationToken) -> Self {
        Self {
            stop,
            ..self.clone()
        }
    }
}
