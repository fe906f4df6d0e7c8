//! What a command returns.

use serde::Serialize;
use serde_json::Value;

/// What a command returns.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// For people.
    pub text: String,
    /// For programs: an object, or an array of objects for a listing.
    pub data: Value,
}

impl CommandOutput {
    pub(crate) fn new(text: impl Into<String>, data: impl Serialize) -> Self {
        Self {
            text: text.into(),
            data: serde_json::to_value(data).expect("views are JSON"),
        }
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
        Self::new(text, things.iter().map(data).collect::<Vec<_>>())
    }
}
