//! Messages on their way to a platform.

use serde::{Deserialize, Serialize};

use super::{Outbound, file::FileContent};
use crate::{clock::Timestamp, input::Slug};

/// A message on its way to one room, with what is known about its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// The message.
    pub message: Outbound,
    /// The platform whose adapter is to post it.
    pub platform: String,
    /// The room, as the platform names it.
    pub room: String,
    /// The repository that it is about; `None` for a private reply.
    pub repo: Option<Slug>,
    /// The thread, as the platform names it; `None` before its root is posted.
    pub thread: Option<String>,
    /// Our latest message in the thread, for platforms that show threads as chains of replies.
    pub latest: Option<String>,
    /// The message to edit, for cards, notes and settled questions that are already posted.
    pub edits: Option<String>,
    /// The last part of that message, if it has several: its buttons are there.
    pub edits_last: Option<String>,
    /// The person's message on this platform whose disposition this message shows.
    pub about: Option<SourceMessage>,
    /// The people it mentions, as the platform knows them.
    pub mentions: Vec<Mention>,
    /// Where it already is, if the platform showed it to us before we knew that it was posted.
    pub already: Option<String>,
    /// Whether it may be shown only in an end-to-end encrypted room.
    pub encrypted: bool,
    /// Whether it may already be posted: a try ended with an unclear result, or an earlier process
    /// may have posted it.
    pub again: bool,
    /// How much of the platform's markup to use.
    pub form: MarkupLevel,
    /// When it was stored.
    pub at: Timestamp,
    /// How often posting it has failed.
    pub attempts: u32,
    /// The file that it shows, while it is posted.
    pub shows: Option<FileContent>,
}

/// How much of a platform's markup a message uses: a message whose content is refused is sent again
/// in a plainer form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MarkupLevel {
    /// All of it.
    #[default]
    Whole,
    /// Only text: no buttons, no mentions.
    Words,
    /// A file, and one sentence that refers to it.
    File,
}

impl OutboxItem {
    /// Since when the message is visible where it was `posted`, recorded at `now`: by the
    /// platform's clock if known. If it may have been posted before this try, it may have been
    /// visible since it was stored.
    pub fn stands_since(&self, posted: &Posted, now: Timestamp) -> Timestamp {
        let unclear = self.already.is_some() || self.again;
        posted.at.unwrap_or(if unclear { self.at } else { now })
    }
}

/// A person's message and its disposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMessage {
    /// The platform's id of the message.
    pub event: String,
    /// Its disposition.
    pub fate: Disposition,
}

/// The outcome of a person's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Kept for the agent.
    Kept,
    /// The agent has received it, or it is the answer.
    Taken,
    /// No agent will read it.
    Missed,
}

/// A person as a platform knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The person's name.
    pub name: String,
    /// The platform's id of the person.
    pub subject: String,
}

/// Where a platform put a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The thread, as the platform names it.
    pub thread: String,
    /// The message's parts, as the platform names them; at least one. Edits go to the first.
    pub parts: Vec<String>,
    /// When, by the platform's clock, if it was requested and is known.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl Posted {
    /// A message in one part.
    pub fn one(thread: impl Into<String>, message: impl Into<String>) -> Self {
        Self::all(thread.into(), vec![message.into()])
    }

    /// A message in these parts.
    pub fn all(thread: String, parts: Vec<String>) -> Self {
        Self {
            thread,
            parts,
            at: None,
        }
    }
}
