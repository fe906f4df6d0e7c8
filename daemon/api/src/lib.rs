//! The HTTP API of AgentVine: its requests and replies, and with the feature `client` a client.
//!
//! Bodies are JSON. Times are RFC 3339 in UTC and end in `_at`, durations are seconds. Errors are
//! [`ApiError`] with a status that fits. `id` is what paths and other objects name a thing by;
//! `epoch` is the number of an attempt, and an attempt is `{task, epoch}`; `worker` is a worker's
//! id, `worker_name` its name.
#![warn(missing_docs)]

mod chat;
#[cfg(feature = "client")]
mod client;
mod command;
mod error;
mod question;
mod queue;
mod repo;
mod session;
mod task;
mod token;
mod worker;

#[cfg(feature = "client")]
pub use client::{Client, ClientError};
pub use self::{
    chat::*, command::*, error::*, question::*, queue::*, repo::*, session::*, task::*, token::*,
    worker::*,
};
