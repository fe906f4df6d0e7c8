//! Use cases and loops of the daemon. Knows ports only: no axum, no SQL, no chat SDK.
//!
//! To follow one question: [`questions`] (asked, answered, delivered), `steps` (how any change is decided and
//! stored), [`beats`] (how the answer reaches the worker), [`outbox`] (how messages reach the platforms) and
//! [`inbound`] (how replies come in).

pub mod beats;
pub mod claims;
pub mod commands;
pub mod error;
pub mod inbound;
pub mod outbox;
pub mod people;
pub mod questions;
mod steps;
pub mod sweep;
pub mod tasks;
pub mod texts;
pub mod view;
mod wakes;
pub mod workers;

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use vine_domain::{Clock, Ids, ports::Store};

pub use vine_grammar::{Command, Context, TaskVerb, from_words, is_command, parse};

pub use crate::{
    error::{AppError, Done},
    people::Caller,
    wakes::Wakes,
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
    pub wakes: Arc<Wakes>,
    /// Where people find the page, for links in messages.
    pub link: Arc<str>,
    /// Cancelled when the daemon stops; calls that wait are answered at once then.
    pub stop: CancellationToken,
    presence: Arc<beats::Presence>,
    claims: mpsc::Sender<claims::Waiting>,
    /// Events are dealt with one after the other, in the order they were stored.
    reading: Arc<Mutex<()>>,
}

impl App {
    /// The use cases, and the loop that hands out work, to be spawned with [`claims::Dispatcher::run`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        link: &str,
        stop: CancellationToken,
    ) -> (Self, claims::Dispatcher) {
        let wakes = Arc::new(Wakes::default());
        let (claims, waiting) = mpsc::channel(1024);
        let app = Self { store, clock, ids, wakes, link: link.into(), stop, presence: Arc::default(), claims, reading: Arc::default() };
        let dispatcher = claims::Dispatcher::new(app.clone(), waiting);
        (app, dispatcher)
    }
}
