//! What a command returns.

use serde::Serialize;
use serde_json::Value;
use vine_domain::{chat::Button, markdown::fenced};

/// A chat shows at most so much of a listing, a log or a diff.
const LINES: usize = 60;
const CHARACTERS: usize = 3_000;

/// What a command returns.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// For people.
    pub text: String,
    /// Whether the text has columns or is code, so that a chat has to show it as it is.
    pub fixed: bool,
    /// Whether its last lines are those that matter.
    pub(crate) latest_last: bool,
    /// For programs: an object, or an array of objects for a listing.
    pub data: Value,
    /// What its author can do about it, in a chat: each says a command.
    pub(crate) buttons: Vec<Button>,
}

impl CommandOutput {
    pub(crate) fn new(text: impl Into<String>, data: impl Serialize) -> Self {
        Self {
            text: text.into(),
            fixed: false,
            latest_last: false,
            data: serde_json::to_value(data).expect("views are JSON"),
            buttons: Vec::new(),
        }
    }

    /// A sentence, without data.
    pub fn saying(text: impl Into<String>) -> Self {
        Self::new(text, Value::Null)
    }

    /// The same, with columns or code in its text.
    pub(super) fn fixed(self) -> Self {
        Self {
            fixed: true,
            ..self
        }
    }

    /// The same if it has.
    pub(super) fn fixed_if(self, fixed: bool) -> Self {
        Self { fixed, ..self }
    }

    /// The same, with the lines last that matter most.
    pub(super) fn latest_last(self) -> Self {
        Self {
            latest_last: true,
            ..self
        }
    }

    /// The text for a chat, which is cut if nobody would read it there; `whole` is where all of it is.
    pub fn in_chat(&self, whole: &str) -> String {
        if !self.fixed {
            return self.text.clone();
        }
        let mut lines: Vec<&str> = self.text.trim_end().lines().collect();
        let all = lines.len();
        if self.latest_last {
            lines.reverse();
        }
        lines.truncate(LINES);
        let mut room = CHARACTERS;
        let fits = |line: &&str| {
            let length = line.chars().count() + 1;
            room = room.saturating_sub(length);
            room > 0
        };
        let mut shown: Vec<&str> = lines.into_iter().take_while(fits).collect();
        if self.latest_last {
            shown.reverse();
        }
        let more = match (shown.len() < all, self.latest_last) {
            (false, _) => String::new(),
            (true, true) => format!("\nThese are the last lines; all of them: {whole}"),
            (true, false) => format!("\nThese are the first lines; all of them: {whole}"),
        };
        format!("{}{more}", fenced(&shown.join("\n")))
    }

    /// A listing: a line and an object for each thing, or `empty` when there is none.
    pub(super) fn list<T, V: Serialize>(
        things: &[T],
        line: impl Fn(&T) -> String,
        data: impl Fn(&T) -> V,
        empty: &str,
    ) -> Self {
        let lines: Vec<_> = things.iter().map(line).collect();
        let text = if lines.is_empty() {
            empty.to_owned()
        } else {
            lines.join("\n")
        };
        let output = Self::new(text, things.iter().map(data).collect::<Vec<_>>());
        match things.is_empty() {
            true => output,
            false => output.fixed(),
        }
    }
}
