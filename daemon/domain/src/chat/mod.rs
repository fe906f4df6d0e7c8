//! What goes into a task's thread and what comes out of it, whatever the platform.
//!
//! [`Outbound`] is what we say, [`OutboxItem`] the same on its way to one room; [`Inbound`] is what a
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
    aim::{RIVAL_CLARIFY, RIVAL_DECISION, ReplyTarget, SECOND, ShownQuestion, aim},
    dispatch::{Disposition, MarkupLevel, Mention, OutboxItem, Posted, SourceMessage},
    inbound::{Inbound, InboundBatch, InboundKind, Location, OurPost},
    outbound::{Button, Message, MessagePlace, Outbound, OutboundKind, PrivateReply},
    room::{DesiredRoom, RoomBinding, RoomMember},
    showing::{PostStatus, Visibility, seen},
};
