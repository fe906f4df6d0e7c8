//! Events with the content that they came without.

use super::{
    Inbound, InboundKind,
    attachment::Content,
    chosen::{ChosenMessage, QuotedMessage},
    file::FileContent,
};

/// An event with the content that it came without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The event.
    pub event: Inbound,
    /// The files that its text names, to be stored before it.
    pub files: Vec<FileContent>,
}

impl Fetched {
    /// The event with this content.
    pub fn with(event: &Inbound, mut content: Content) -> Self {
        let files = std::mem::take(&mut content.files);
        let (text, act, left_out) = content.read();
        let event = Inbound {
            text,
            act,
            left_out,
            ..event.clone()
        };
        Self { event, files }
    }
}

impl Fetched {
    /// The event of somebody who chose a message to be a task: this `content` of `author`, with the earlier
    /// messages of its thread.
    /// A message in which agents can read nothing stays unreadable.
    pub fn chosen(
        event: &Inbound,
        author: String,
        mut content: Content,
        before: Vec<QuotedMessage>,
    ) -> Self {
        let files = std::mem::take(&mut content.files);
        let (text, act, left_out) = content.read();
        let (text, act) = match act {
            InboundKind::Unreadable => (text, act),
            _ => {
                let message = QuotedMessage { author, text };
                let before = before
                    .into_iter()
                    .filter(|quote| !quote.text.trim().is_empty())
                    .collect();
                let chosen = ChosenMessage { message, before };
                (event.text.clone(), InboundKind::Chosen(Box::new(chosen)))
            }
        };
        let event = Inbound {
            text,
            act,
            left_out,
            ..event.clone()
        };
        Self { event, files }
    }
}

impl From<Inbound> for Fetched {
    fn from(event: Inbound) -> Self {
        let files = Vec::new();
        Self { event, files }
    }
}
