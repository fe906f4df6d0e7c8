//! An event's turn to be read.

use uuid::Uuid;
use vine_domain::{
    Timestamp,
    chat::{Inbound, Location},
    ports::UnprocessedEvent,
};

use crate::inbox::pending_edits::PendingEdits;

/// An event's turn to be processed.
pub(crate) struct InboxTurn<'a> {
    /// When it was stored.
    pub(crate) stored: Timestamp,
    /// Edits and deletions that wait to be processed with it.
    pub(super) changes: &'a PendingEdits,
    /// Whether its words are addressed to us: a mention, or a reply to a message of ours.
    pub(super) to_us: bool,
}

/// Where an event happened: what happens there is processed in order.
pub(super) fn place(event: &Inbound) -> String {
    match &event.spot {
        // An edit from the page names no task.
        Location::Ours { .. } => "ours".into(),
        Location::Theirs { room, .. } => format!("{} {room}", event.platform),
    }
}

/// Sorts events by when they were sent on their platform: connections overtake each other.
pub(super) fn in_platforms_order(unread: &mut [UnprocessedEvent]) {
    unread.sort_by_cached_key(|one| {
        let said = one.event.said.unwrap_or(one.at);
        (one.event.platform.clone(), said, one.seq)
    });
}

/// A person's words, and the key under which they count.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpokenText<'a> {
    pub(super) text: &'a str,
    pub(super) key: Uuid,
}
