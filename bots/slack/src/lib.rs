//! Slack: a channel for each repository, a thread for each task.
//!
//! `install` checks our identity and permissions. `socket` or `hooks` receives envelopes, `intake`
//! stores what `translate` makes of each, `fetch` and `backfill` read what no envelope brought.
//! `deliver` posts; `card` and `mrkdwn` format what people see. `channels` creates channels, `api`
//! makes one API call. Slack's message IDs are unique only within a channel, so outside of this
//! crate messages are named `<channel>:<ts>`.
#![warn(missing_docs)]

mod adapter;
mod api;
mod backfill;
mod card;
mod channels;
mod content;
mod copies;
mod deliver;
mod envelope;
mod errors;
mod fetch;
mod form;
mod hooks;
mod ids;
mod inbound;
mod install;
mod intake;
mod interaction;
mod manifest;
mod modal;
mod mrkdwn;
mod responses;
mod session;
mod socket;
mod translate;

pub use self::{
    adapter::Slack,
    hooks::{PATH, routes},
    ids::PLATFORM,
    manifest::manifest,
    session::{AppIdentity, SlackSettings, Transport},
    translate::heard,
};
