//! Our messages, and the lines of a thread.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::FileRef;
use crate::{
    clock::Timestamp,
    ids::{MessageId, QuestionId, TaskId},
    input::Slug,
};

/// A message to be shown in a task's thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// Its identity, and the idempotency key for the platform.
    pub id: MessageId,
    /// Where to show it.
    pub place: MessagePlace,
    /// What kind it is; this decides where it is posted.
    pub kind: OutboundKind,
    /// The text, in the Markdown subset that all platforms can show: bold, code, lists, fenced
    /// blocks, links.
    pub text: String,
    /// Buttons below the text.
    pub buttons: Vec<Button>,
    /// Whom it mentions: names of people, or a role for everyone who has it.
    pub calls: Vec<String>,
    /// The file that it shows.
    #[serde(default)]
    pub file: Option<FileRef>,
}

impl Outbound {
    /// A message without buttons and mentions. Marks of files in the text become their names.
    pub fn new(
        id: MessageId,
        place: MessagePlace,
        kind: OutboundKind,
        text: impl Into<String>,
    ) -> Self {
        Self {
            id,
            place,
            kind,
            text: FileRef::named_in(&text.into()),
            buttons: Vec::new(),
            calls: Vec::new(),
            file: None,
        }
    }

    /// The same, mentioning these people.
    pub fn calling(self, calls: Vec<String>) -> Self {
        Self { calls, ..self }
    }
}

/// Where to show a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePlace {
    /// In a task's thread.
    Thread(TaskId),
    /// In the rooms of a repository, outside any thread.
    Room(Slug),
    /// To one person, where they wrote.
    Aside(PrivateReply),
}

/// Where one person gets a private reply, on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateReply {
    /// The platform.
    pub platform: String,
    /// The room, as the platform names it.
    pub room: String,
    /// The thread in it, if they wrote in one.
    pub thread: Option<String>,
    /// What it replies to, by the platform's id of the event.
    pub to: String,
    /// The person, by the platform's id.
    pub author: String,
}

impl fmt::Display for MessagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(task) => write!(f, "{task}"),
            Self::Room(repo) => write!(f, "{repo}"),
            Self::Aside(aside) => write!(f, "{}", aside.room),
        }
    }
}

impl MessagePlace {
    /// The task, for a message in its thread.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Thread(task) => Some(*task),
            Self::Room(_) | Self::Aside(_) => None,
        }
    }
}

/// The kinds of messages that are posted differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OutboundKind {
    /// The root of the thread; later cards edit it.
    Card,
    /// A question; always a new message, because an edit notifies nobody.
    Question {
        /// Which.
        question: QuestionId,
    },
    /// Edits the message of a question that is no longer open.
    Settled {
        /// Which.
        question: QuestionId,
    },
    /// Shows a note's state; later ones edit it.
    Note {
        /// Which, by its key.
        note: Uuid,
    },
    /// The list of what is open in a room; later ones with the same key edit it.
    Digest {
        /// Which: one for each room and day.
        list: Uuid,
    },
    /// Anything else.
    Notice,
}

impl OutboundKind {
    /// The word for this kind in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Question { .. } => "question",
            Self::Settled { .. } => "settled",
            Self::Note { .. } => "note",
            // A notice that is kept up to date.
            Self::Digest { .. } | Self::Notice => "notice",
        }
    }

    /// How urgent it is, smaller first: 0 what people wait for, 1 news, 2 states of notes, 3 states
    /// of tasks. `begins`: it creates its thread, so everything after it waits for it.
    pub fn rank(self, begins: bool) -> u8 {
        match self {
            Self::Question { .. } => 0,
            Self::Card if begins => 0,
            Self::Settled { .. } | Self::Digest { .. } | Self::Notice => 1,
            Self::Note { .. } => 2,
            Self::Card => 3,
        }
    }

    /// Whether it edits a posted message, so that others need not wait for it.
    pub fn edits(self, begins: bool) -> bool {
        match self {
            Self::Question { .. } | Self::Digest { .. } | Self::Notice => false,
            Self::Settled { .. } | Self::Note { .. } => true,
            Self::Card => !begins,
        }
    }

    /// The question it is about.
    pub fn question(self) -> Option<QuestionId> {
        match self {
            Self::Question { question } | Self::Settled { question } => Some(question),
            Self::Card | Self::Note { .. } | Self::Digest { .. } | Self::Notice => None,
        }
    }

    /// The note or list that it shows, by its key.
    pub fn note(self) -> Option<Uuid> {
        match self {
            Self::Note { note } => Some(note),
            Self::Digest { list } => Some(list),
            _ => None,
        }
    }
}

/// A choice that people can press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Button {
    /// The text on it.
    pub label: String,
    /// Pressing it is the same as replying to the message with this text.
    pub says: String,
    /// Whether it should be hard to press by accident.
    pub dangerous: bool,
    /// For a dangerous one: what the person who presses it is asked first. It names what happens.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confirm: String,
    /// What it stands for.
    #[serde(default)]
    pub kind: ButtonKind,
}

/// What a button stands for, which decides how platforms show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    /// One of several choices, or a command.
    #[default]
    Choice,
    /// Yes: green, where a platform has colours.
    Agree,
    /// No: red.
    Refuse,
    /// Opens the form of the question ([`crate::form`]) instead of saying anything.
    Form,
    /// Runs a command on the object of the message; no platform offers a reaction for it.
    Command,
    /// A command that cannot be used at present. It is not shown, but keeps the places of those after
    /// it, because a press names a place.
    Absent,
}

impl Button {
    /// A choice that says its label.
    pub fn choice(label: impl Into<String>) -> Self {
        let label = label.into();
        Self::saying(label.clone(), label)
    }

    /// A button that says something else than its label.
    pub fn saying(label: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            says: says.into(),
            dangerous: false,
            confirm: String::new(),
            kind: ButtonKind::Choice,
        }
    }

    /// The same of another kind.
    pub fn of(self, kind: ButtonKind) -> Self {
        Self { kind, ..self }
    }

    /// The same, hard to press by accident: `confirm` is asked first.
    pub fn dangerous(self, confirm: impl Into<String>) -> Self {
        Self {
            dangerous: true,
            confirm: confirm.into(),
            ..self
        }
    }

    /// Those that are shown, with their places.
    pub fn shown(buttons: &[Self]) -> impl Iterator<Item = (usize, &Self)> {
        let all = buttons.iter().enumerate();
        all.filter(|(_, button)| button.kind != ButtonKind::Absent)
    }

    /// The reaction that replaces this button on platforms without buttons: ✅ and ❌ for yes and no,
    /// otherwise a number. `index` is its position among its message's buttons. `None` for a
    /// dangerous button: a reaction is too easy to tap.
    pub fn sign(&self, index: usize) -> Option<&'static str> {
        const DIGITS: [&str; 10] = ["1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟"];
        match self.says.as_str() {
            _ if self.dangerous => None,
            _ if !matches!(
                self.kind,
                ButtonKind::Choice | ButtonKind::Agree | ButtonKind::Refuse
            ) =>
            {
                None
            }
            "yes" | "approve" => Some("✅"),
            "no" => Some("❌"),
            _ => DIGITS.get(index).copied(),
        }
    }

    /// Whether it is one of the choices of a clarifying question.
    pub fn is_choice(&self) -> bool {
        self.kind == ButtonKind::Choice && !self.dangerous && self.says == self.label
    }

    /// The position of the button that a reaction stands for.
    pub fn signed(buttons: &[Self], reaction: &str) -> Option<usize> {
        let bare = |sign: &str| {
            sign.chars()
                .filter(|c| *c != '\u{fe0f}')
                .collect::<String>()
        };
        let is = |(index, button): &(usize, &Self)| {
            button
                .sign(*index)
                .is_some_and(|sign| bare(sign) == bare(reaction))
        };
        buttons.iter().enumerate().find(is).map(|(place, _)| place)
    }
}

/// One line of a thread, in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its position; later messages have larger ones.
    pub seq: u64,
    /// Identity.
    pub id: MessageId,
    /// The thread; `None` for a message in the room itself.
    pub task: Option<TaskId>,
    /// The question it asks, settles or answers.
    pub question: Option<QuestionId>,
    /// The note whose state it shows.
    pub note: Option<Uuid>,
    /// `vine`, or the person who wrote it.
    pub author: String,
    /// `card`, `question`, `settled`, `note`, `notice` from us; `reply` from a person.
    pub kind: String,
    /// The words.
    pub text: String,
    /// Buttons, on a question.
    pub buttons: Vec<Button>,
    /// The file that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileRef>,
    /// When it was stored.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_stand_for_buttons_but_never_for_dangerous_ones() {
        let button = |says: &str| Button::choice(says);
        let permission = [
            button("yes"),
            button("always").dangerous("Allow all of it?"),
            button("no"),
            button("no").of(ButtonKind::Form),
        ];
        let pressed = |buttons: &[Button], sign| {
            Button::signed(buttons, sign).map(|place| buttons[place].says.clone())
        };
        assert_eq!(pressed(&permission, "✅").as_deref(), Some("yes"));
        assert_eq!(pressed(&permission, "❌").as_deref(), Some("no"));
        assert_eq!(
            pressed(&permission, "2️⃣"),
            None,
            "allowing for good takes words"
        );
        let colours = [button("Red"), button("Blue")];
        assert_eq!(
            pressed(&colours, "2\u{20e3}").as_deref(),
            Some("Blue"),
            "clients leave the variation selector out"
        );
        assert_eq!(pressed(&colours, "👍"), None);
        assert_eq!(pressed(&[], "1️⃣"), None);
    }
}
