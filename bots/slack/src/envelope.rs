//! What an envelope of Slack is about.

use vine_domain::chat::Inbound;

use crate::modal::Modal;

/// What an envelope means to us.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvelopeEvent {
    /// A person did something.
    Person(Inbound),
    /// A person wants to write something: (trigger, modal to open).
    Write(String, Modal),
    /// A modal was submitted that is not complete: fields, each with what to do.
    Incomplete(Vec<(String, &'static str)>),
    /// We joined or left a channel, or a channel changed.
    Moved,
    /// A channel's ID changed: (old ID, new ID).
    Renamed(String, String),
    /// Our token is no longer valid.
    Ended,
    /// Not relevant.
    Nothing,
}
