//! The modal for writing an answer. It uses the older layout of rows, since the crate does not know
//! the newer one.

use serde_json::{Value, json};

const FIELD: &str = "text";
/// Maximum characters of the question (reference, "Text Display": 4,000 in a whole modal).
const SHOWN: usize = 2_000;

/// The modal for an answer to message `to`, whose text is `asked`.
pub fn view(to: &str, asked: &str) -> Value {
    let input = json!({ "type": 4, "custom_id": FIELD, "label": "Answer", "style": 2, "required": true, "max_length": 4000 });
    let shown: String = asked.chars().take(SHOWN).collect();
    let mut components = vec![json!({ "type": 1, "components": [input] })];
    if !shown.trim().is_empty() {
        components.insert(0, json!({ "type": 10, "content": shown }));
    }
    json!({ "custom_id": format!("v1:answer:{to}"), "title": "Your answer", "components": components })
}

/// Reads a submitted modal: the message it answers, and the text.
pub fn written(data: &Value) -> Option<(String, String)> {
    let to = data["custom_id"].as_str()?.strip_prefix("v1:answer:")?;
    let rows = data["components"].as_array()?.iter();
    let mut inputs = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let text = inputs.find(|input| input["custom_id"] == FIELD)?["value"]
        .as_str()
        .unwrap_or_default();
    Some((to.to_owned(), text.trim().to_owned()))
}
