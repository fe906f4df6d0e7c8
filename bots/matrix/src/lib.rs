//! Matrix: a room for each repository, a thread for each task.
//!
//! `listen` reads the sync stream, `translate` turns events into our types, `fetch` gets missing
//! keys and files, `deliver` posts, `rooms` creates rooms, `session` keeps our device and its keys.
//! There is one client, one store and one device forever, since the homeserver detects repeated
//! posts by device.
#![warn(missing_docs)]

mod adapter;
mod deliver;
mod error;
mod fetch;
mod history;
mod invitations;
mod listen;
mod markup;
mod order;
mod pieces;
mod private;
mod recovery;
mod rooms;
mod session;
mod settings;
mod space;
mod successor;
mod translate;
mod upload;

pub use self::{
    adapter::Matrix,
    settings::{MatrixSettings, PLATFORM},
    translate::heard,
};
