//! What goes into a task's thread and what comes out of it, whatever the platform.
//!
//! [`Outbound`] is what we say, [`Dispatch`] the same on its way to one room; [`Inbound`] is what a
//! person did there.

/// Where people talk in rooms, as `Caller::via` and the store name them.
pub const PLATFORMS: [&str; 3] = ["slack", "discord", "matrix"];

mod aim;
pub mod attachment;
mod dispatch;
mod inbound;
mod outbound;
pub mod pieces;
mod room;
mod showing;

pub use self::{
    aim::{Aim, RIVAL_CLARIFY, RIVAL_DECISION, SECOND, Stood, aim},
    dispatch::{About, Dispatch, Fate, Form, Mention, Posted},
    inbound::{Act, Batch, Echo, Inbound, Spot},
    outbound::{Aside, Button, Message, Outbound, OutboundKind, Place},
    room::{Binding, Member, RoomWish},
    showing::{Seen, Showing, seen},
};
