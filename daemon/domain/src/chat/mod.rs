//! What goes into a task's thread and what comes out of it, whatever the platform.
//!
//! [`Outbound`] is what we say, [`Dispatch`] the same on its way to one room; [`Inbound`] is what a
//! person did there.

pub mod attachment;
mod dispatch;
mod inbound;
mod outbound;
pub mod pieces;
mod room;
mod showing;

pub use self::{
    dispatch::{About, Dispatch, Fate, Mention, Posted},
    inbound::{Act, Batch, Echo, Inbound, Spot},
    outbound::{Aside, Button, Message, Outbound, OutboundKind, Place},
    room::{Binding, Member, RoomWish},
    showing::{Seen, Showing, seen},
};
