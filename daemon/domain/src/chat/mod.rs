//! Messages to and from a task's thread, independent of the platform.
//!
//! [`Outbound`] is a message of ours, [`OutboxItem`] the same message on its way to one room, and
//! [`Inbound`] what a person did.

/// The platforms that have rooms, as `Caller::via` and the store name them.
pub const PLATFORMS: [&str; 3] = ["slack", "discord", "matrix"];

pub mod attachment;
pub mod chosen;
mod delivery;
mod fetched;
pub mod file;
mod inbound;
mod outbound;
mod outbox;
pub mod pieces;
mod reply_target;
mod room;
mod visibility;

pub use self::{
    delivery::{Delivery, ReactionSign, ReactionTo},
    fetched::Fetched,
    inbound::{Inbound, InboundBatch, InboundKind, Location, OurPost},
    outbound::{Button, ButtonKind, Message, MessagePlace, Outbound, OutboundKind, PrivateReply},
    outbox::{Disposition, MarkupLevel, Mention, OutboxItem, Posted, SourceMessage},
    reply_target::{
        LateTarget, RIVAL_CLARIFY, RIVAL_DECISION, ReplyTarget, SECOND, ShownQuestion, late_target,
        target_of,
    },
    room::{DesiredRoom, RoomBinding, RoomMember},
    visibility::{PostStatus, Visibility, visibility},
};
