//! Messages on their way to a platform.

use serde::{Deserialize, Serialize};

use super::Outbound;
use crate::{clock::Timestamp, input::Slug};

/// A message on its way to one room, with what is known of its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// The message.
    pub message: Outbound,
    /// The platform whose adapter is to post it.
    pub platform: String,
    /// The room, as the platform names it.
    pub room: String,
    /// The repository that it is about; what is said to one person is about none.
    pub repo: Option<Slug>,
    /// The thread, as the platform names it; `None` before its root is posted.
    pub thread: Option<String>,
    /// The latest message of ours in the thread, for platforms that show threads as chains of
    /// replies.
    pub latest: Option<String>,
    /// The message to edit, for cards, notes and settled questions that were posted before.
    pub edits: Option<String>,
    /// What a person said on this platform that this message tells of.
    pub about: Option<SourceMessage>,
    /// The people it calls, as the platform knows them.
    pub mentions: Vec<Mention>,
    /// Where it is already, when the platform showed it to us before we knew that it was posted.
    pub already: Option<String>,
    /// It may be shown in an end-to-end encrypted room only.
    pub encrypted: bool,
    /// It may stand there already: an attempt ended unclearly, or a process before this one may
    /// have posted it.
    pub again: bool,
    /// How much of the platform's markup it uses.
    pub form: MarkupLevel,
    /// When it was stored.
    pub at: Timestamp,
    /// How often posting it has failed.
    pub attempts: u32,
}

/// How much of a platform's markup a message uses: what is refused for what it holds goes out in a
/// plainer form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MarkupLevel {
    /// All of it.
    #[default]
    Whole,
    /// Words alone: no buttons, nobody called.
    Words,
    /// A file, and one sentence that says so.
    File,
}

impl OutboxItem {
    /// Since when it stands where it was `posted`, noted `now`: by the platform's clock if that is
    /// known. What may have been shown before this try, nobody knows when, may have been seen ever
    /// since it was stored.
    pub fn stands_since(&self, posted: &Posted, now: Timestamp) -> Timestamp {
        let unclear = self.already.is_some() || self.again;
        posted.at.unwrap_or(if unclear { self.at } else { now })
    }
}

/// Words of a person, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMessage {
    /// The platform's id of what they said.
    pub event: String,
    /// What became of it.
    pub fate: Disposition,
}

/// What became of a person's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Kept for the agent.
    Kept,
    /// The agent has them, or they are the answer.
    Taken,
    /// No agent reads them any more.
    Missed,
}

/// A person as a platform knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What we call them.
    pub name: String,
    /// The platform's id of them.
    pub subject: String,
}

/// Where a platform put a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The thread, as the platform names it.
    pub thread: String,
    /// The message's parts, as the platform names them; at least one. Edits go to the first.
    pub parts: Vec<String>,
    /// Since when, by the platform's clock, as far as that was asked for and is known.
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
