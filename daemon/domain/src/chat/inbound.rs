//! What people do on a platform, as it is stored before the platform hears that we have it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{MessageId, QuestionId, TaskId, uuid_of},
};

/// Something a person did on a platform. A translation of the platform's own event and nothing
/// more: what it means is found out when it is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The platform's own id of the event; a second one with the same id is the same event.
    pub event: String,
    /// The platform.
    pub platform: String,
    /// The platform's stable id of the person; never a display name.
    pub author: String,
    /// Where it was done.
    pub spot: Location,
    /// The words, verbatim; empty when a message was deleted.
    pub text: String,
    /// What was done with them.
    #[serde(default)]
    pub act: InboundKind,
    /// When, by the platform's clock, or up to when its author had looked; `None` where it happens
    /// in our hands.
    #[serde(default)]
    pub said: Option<Timestamp>,
    /// What came with the words and no agent gets, in sentences: a picture, a file that never came.
    #[serde(default)]
    pub left_out: Option<String>,
    /// Its author waits for an answer that nobody else sees: a press, a command from a menu, a form.
    #[serde(default)]
    pub private: bool,
}

impl Inbound {
    /// The key under which its words are used: also when they are said anew by an edit, so that
    /// dealing with them twice uses them once.
    pub fn key(&self) -> Uuid {
        match &self.act {
            InboundKind::Edited(of) | InboundKind::Deleted(of) => self.key_of(of),
            InboundKind::Said
            | InboundKind::Reacted
            | InboundKind::Pressed(_)
            | InboundKind::Unreadable
            | InboundKind::Awaited => self.own_key(),
        }
    }

    /// The key of the event itself.
    pub fn own_key(&self) -> Uuid {
        self.key_of(&self.event)
    }

    /// Whether it was said before `moment`, both by the platform's clock. Words that were said
    /// before a question was shown must not answer it, however late they come.
    pub fn is_before(&self, moment: Timestamp) -> bool {
        self.said.is_some_and(|said| said < moment)
    }

    fn key_of(&self, event: &str) -> Uuid {
        uuid_of(&format!("{}:{event}", self.platform))
    }
}

/// Where something was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In our own words: the console, and buttons that carry our ids.
    Ours {
        /// The thread it was said in, if that is a task's.
        task: Option<TaskId>,
        /// The question whose message was replied to, or whose button was pressed.
        question: Option<QuestionId>,
    },
    /// In the platform's words, to be looked up.
    Theirs {
        /// The room.
        room: String,
        /// The thread in it.
        thread: Option<String>,
        /// The message that it is a reply or a reaction to.
        reply_to: Option<String>,
    },
}

/// What a person did with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act", content = "of")]
pub enum InboundKind {
    /// Said it.
    #[default]
    Said,
    /// Reacted to a message of ours; the text is the emoji.
    Reacted,
    /// Pressed the button with this place among its message's.
    Pressed(usize),
    /// Changed an earlier message, named by its event, into this.
    Edited(String),
    /// Took an earlier message back.
    Deleted(String),
    /// Said something without words that an agent could get: the text says what.
    Unreadable,
    /// Said something of which the adapter still fetches words: a file, or an encrypted message
    /// whose keys are on their way. The same event comes again when it has them; until then it has
    /// the words that are there, and says what is left out if no more come.
    Awaited,
}

/// What a platform's stream brought between two of its positions; stored together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundBatch {
    /// What people did, in order.
    pub events: Vec<Inbound>,
    /// Our own messages as the platform shows them.
    pub echoes: Vec<OurPost>,
    /// Rooms in which something was said that the platform did not let us read.
    pub missed: Vec<String>,
    /// Where to go on reading afterwards, if the platform has such a thing.
    pub cursor: Option<String>,
}

/// A message of ours that the platform has. It tells where a message was put when we did not live
/// to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurPost {
    /// Which message.
    pub message: MessageId,
    /// The platform's id of it.
    pub reference: String,
    /// Which part of it, from 0; long messages are split.
    pub part: u32,
    /// No part follows.
    pub last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Inbound {
        let (event, platform, author) = ("1".into(), "console".into(), "ann".into());
        let spot = Location::Ours {
            task: Some(TaskId(1)),
            question: None,
        };
        Inbound {
            event,
            platform,
            author,
            spot,
            text: text.into(),
            act: InboundKind::Said,
            said: None,
            left_out: None,
            private: false,
        }
    }

    #[test]
    fn what_was_said_before_a_moment_is_before_it() {
        let at = |moment| Inbound {
            said: moment,
            ..said("a")
        };
        let moment = Timestamp(60_000);
        assert!(at(Some(Timestamp(59_999))).is_before(moment));
        assert!(!at(Some(moment)).is_before(moment));
        assert!(
            !at(None).is_before(moment),
            "what happens in our hands happens now"
        );
    }

    #[test]
    fn the_same_words_have_the_same_key_also_when_they_are_edited() {
        assert_eq!(said("a").key(), said("b").key());
        let other = Inbound {
            event: "2".into(),
            ..said("a")
        };
        assert_ne!(said("a").key(), other.key());
        let edited = Inbound {
            act: InboundKind::Edited("1".into()),
            ..other
        };
        assert_eq!(said("a").key(), edited.key());
    }
}
