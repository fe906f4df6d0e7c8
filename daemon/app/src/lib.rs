//! Use cases and loops of the daemon. Knows ports only: no axum, no SQL, no chat SDK.
//!
//! A flow owns the few handles that it needs and uses only flows earlier in this list:
//!
//! 1. [`people`]: who calls, what they may do, the audit
//! 2. [`tasks`]: how any change is decided and stored; lists of tasks and repositories
//! 3. [`questions`]: asked, answered, delivered; notes; reminders
//! 4. [`change_requests`]: pull requests, opened, watched and merged
//! 5. [`fleet`]: workers, their heartbeats, claims and attempts; sessions
//! 6. [`rooms`]: rooms on chat platforms, and the outbox
//! 7. [`reporting`] and [`cluster`]: numbers, and what daemons agree on
//! 8. [`App`]: all of them together, for [`commands`], loops, the API and the page
//! 9. [`inbox`]: what people write, read as a command, an answer or a note
//! 10. [`adapters`]: what serves one chat platform
//!
//! To follow one question: `questions/ask.rs` (stored), `tasks/transition.rs` (how any change is
//! decided and stored), `rooms/outbox.rs` (posted), `inbox/hear.rs` and `inbox/read.rs` (the reply
//! is read), `questions/answer.rs` (it counts), `fleet/heartbeat.rs` (it reaches the worker).
#![cfg_attr(
    test,
    expect(clippy::disallowed_types, reason = "tests make ids as they like")
)]

pub mod adapters;
mod after_commit;
mod app;
mod batcher;
mod cached;
pub mod change_requests;
pub mod clarify;
pub mod cluster;
pub mod commands;
mod core;
pub mod error;
pub mod fleet;
pub mod inbox;
mod isolation;
mod lists;
pub mod metrics;
pub mod people;
pub mod question_traces;
pub mod questions;
pub mod reporting;
pub mod retention;
pub mod rooms;
pub mod settings;
pub mod sweep;
pub mod tasks;
pub mod texts;
mod turns;
mod waiting_claims;
mod wakeups;
mod write_queue;
mod writer;

pub use vine_grammar::{Command, CommandContext, TaskVerb, from_words, is_command, parse};

pub use crate::{
    app::App,
    error::{AppError, AppResult, Missing},
    inbox::Inbox,
    people::Caller,
    settings::Settings,
    wakeups::Wakeups,
};
