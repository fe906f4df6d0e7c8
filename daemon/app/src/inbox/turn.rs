//! An event's turn to be read.

use std::collections::HashSet;

use uuid::Uuid;
use vine_domain::{TaskId, Timestamp, ports::UnprocessedEvent};

use crate::inbox::pending_edits::PendingEdits;

/// An event's turn to be processed.
pub(crate) struct InboxTurn<'a> {
    /// When it was stored.
    pub(crate) stored: Timestamp,
    /// Tasks in whose threads earlier words wait.
    pub(super) held: &'a mut HashSet<TaskId>,
    /// Edits and deletions that wait to be processed with it.
    pub(super) changes: &'a PendingEdits,
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
