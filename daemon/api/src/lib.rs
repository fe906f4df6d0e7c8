//! The HTTP API of AgentVine: its requests and replies and, with the feature `client`, a client.
//!
//! Bodies are JSON. Times are RFC 3339 in UTC, in fields that end in `_at`. Durations are in
//! seconds. Errors are [`ApiError`] with a matching HTTP status. `id` identifies an object in paths
//! and in other objects. `epoch` is the number of an attempt, and an attempt is `{task, epoch}`.
//! `worker` is a worker's id, `worker_name` its name.
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
mod wire;
mod worker;

pub use self::{
    chat::*, command::*, error::*, question::*, queue::*, repo::*, session::*, task::*, token::*,
    wire::*, worker::*,
};
#[cfg(feature = "client")]
pub use client::{Client, ClientError};
