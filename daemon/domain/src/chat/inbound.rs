//! What people do on a platform, as stored before we acknowledge it to the platform.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chosen::ChosenMessage;
use crate::{
    clock::Timestamp,
    filled_form::FilledForm,
    ids::{MessageId, QuestionId, TaskId, uuid_of},
};

/// Something a person did on a platform. It only translates the platform's own event; what it means
/// is decided when it is processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The platform's own id of the event; a second one with the same id is the same event.
    pub event: String,
    /// The platform.
    pub platform: String,
    /// The platform's stable id of the person; never a display name.
    pub author: String,
    /// Where it happened.
    pub spot: Location,
    /// The text, verbatim; empty if a message was deleted.
    pub text: String,
    /// What the person did.
    #[serde(default)]
    pub act: InboundKind,
    /// When, by the platform's clock, or up to when its author had seen the room; `None` if it
    /// happens on our side.
    #[serde(default)]
    pub said: Option<Timestamp>,
    /// What came with the text but does not reach agents, in sentences: a picture, a file that
    /// could not be fetched.
    #[serde(default)]
    pub left_out: Option<String>,
    /// Whether its author expects a private reply: a press, a command from a menu, a form.
    #[serde(default)]
    pub private: bool,
    /// Whether it was sent to us alone: everything there is addressed to us.
    #[serde(default)]
    pub direct: bool,
}

impl Inbound {
    /// The key under which its text is used. It stays the same after an edit, so that processing
    /// the text twice uses it once.
    pub fn key(&self) -> Uuid {
        match &self.act {
            InboundKind::Edited(of) | InboundKind::Deleted(of) => self.key_of(of),
            InboundKind::Said
            | InboundKind::Reacted
            | InboundKind::Pressed(_)
            | InboundKind::Filled(_)
            | InboundKind::Unreadable
            | InboundKind::Awaited
            | InboundKind::Chosen(_) => self.own_key(),
        }
    }

    /// The key of the event itself.
    pub fn own_key(&self) -> Uuid {
        self.key_of(&self.event)
    }

    /// Whether it was sent before `moment`, both by the platform's clock. A message that was sent
    /// before a question was shown must not answer it, however late it arrives.
    pub fn is_before(&self, moment: Timestamp) -> bool {
        self.said.is_some_and(|said| said < moment)
    }

    fn key_of(&self, event: &str) -> Uuid {
        uuid_of(&format!("{}:{event}", self.platform))
    }
}

/// Where something was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In our ids: the console, and buttons that carry them.
    Ours {
        /// The task, if it was sent in its thread.
        task: Option<TaskId>,
        /// The question whose message was replied to, or whose button was pressed.
        question: Option<QuestionId>,
    },
    /// In the platform's ids, to be looked up.
    Theirs {
        /// The room.
        room: String,
        /// The thread in it.
        thread: Option<String>,
        /// The message that it replies or reacts to.
        reply_to: Option<String>,
    },
}

/// What a person did with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act", content = "of")]
pub enum InboundKind {
    /// Sent it.
    #[default]
    Said,
    /// Reacted to a message of ours; the text is the emoji.
    Reacted,
    /// Pressed the button with this position among its message's buttons.
    Pressed(usize),
    /// Filled in the form of the question that a message of ours asks.
    Filled(FilledForm),
    /// Changed an earlier message, named by its event, into this.
    Edited(String),
    /// Deleted an earlier message, named by its event.
    Deleted(String),
    /// Sent something without text for an agent; the text explains what it was.
    Unreadable,
    /// Sent something whose text the adapter is still fetching: a file, or an encrypted message
    /// whose keys have not arrived. The same event comes again when it has the text. Until then it
    /// carries the text so far, and what is left out if the rest does not come.
    Awaited,
    /// Chose a message to be a task; the text is what they wrote with it. It comes as [`Self::Awaited`] first.
    Chosen(Box<ChosenMessage>),
}

/// What a platform's stream contained between two of its positions; stored together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundBatch {
    /// What people did, in order.
    pub events: Vec<Inbound>,
    /// Our own messages as the platform shows them.
    pub echoes: Vec<OurPost>,
    /// Rooms with messages that the platform did not let us read.
    pub missed: Vec<String>,
    /// Where to continue reading, if the platform supports that.
    pub cursor: Option<String>,
}

/// A message of ours that the platform has. It shows where a message was posted if we stopped
/// before we learned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurPost {
    /// The message.
    pub message: MessageId,
    /// The platform's id of it.
    pub reference: String,
    /// The part of it, from 0; long messages are split.
    pub part: u32,
    /// Whether it is the last part.
    pub last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Inbound {
        let event = "1".into();
        let platform = "console".into();
        let author = "ann".into();
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
            direct: false,
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
