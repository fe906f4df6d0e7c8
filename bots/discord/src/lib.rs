//! Discord: a channel or forum for each repository, a thread for each task.
//!
//! `install` checks our identity and permissions. `gateway` receives events, `intake` stores what
//! `translate` makes of each, `fetch` and `backfill` read what no event brought. `deliver` posts;
//! `card`, `modal`, `menu` and `markup` format what people see. `rooms` creates channels,
//! `interactions` tracks who is waiting for a private reply, `rest` makes one API call.
//! A message ID is unique in all of Discord, and a thread has the ID of the message that started
//! it. People's messages are named `<channel>:<message>` here.
#![warn(missing_docs)]

mod adapter;
mod backfill;
mod card;
mod content;
mod deliver;
mod fetch;
mod form;
mod gateway;
mod ids;
mod inbound;
mod install;
mod intake;
mod interaction;
mod interactions;
mod markup;
mod menu;
mod modal;
mod nonce;
mod rest;
mod rooms;
mod session;
mod translate;
mod whisper;

pub use self::{
    adapter::Discord,
    ids::PLATFORM,
    session::{BotIdentity, DiscordSettings},
    translate::heard,
};
