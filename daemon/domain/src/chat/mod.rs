//! What goes into a task's thread and what comes out of it, whatever the platform.
//!
//! [`Outbound`] is what we say, [`OutboxItem`] the same on its way to one room; [`Inbound`] is what a
//! person did there.

/// Where people talk in rooms, as `Caller::via` and the store name them.
pub const PLATFORMS: [&str; 3] = ["slack", "discord", "matrix"];

pub mod attachment;
mod inbound;
mod outbound;
mod outbox;
pub mod pieces;
mod reply_target;
mod room;
mod visibility;

pub use self::{
    inbound::{Inbound, InboundBatch, InboundKind, Location, OurPost},
    outbound::{Button, Message, MessagePlace, Outbound, OutboundKind, PrivateReply},
    outbox::{Disposition, MarkupLevel, Mention, OutboxItem, Posted, SourceMessage},
    reply_target::{RIVAL_CLARIFY, RIVAL_DECISION, ReplyTarget, SECOND, ShownQuestion, target_of},
    room::{DesiredRoom, RoomBinding, RoomMember},
    visibility::{PostStatus, Visibility, visibility},
};
