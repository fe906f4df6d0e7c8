//! The modal in which an answer is written. In the older shape of rows: the newer one is not known
//! to the crate.

use serde_json::{Value, json};

const FIELD: &str = "text";
/// Characters of the question (reference, "Text Display": 4,000 in all of a modal).
const SHOWN: usize = 2_000;

/// For an answer to this message, which says this.
pub fn view(to: &str, asked: &str) -> Value {
    let input = json!({ "type": 4, "custom_id": FIELD, "label": "Answer", "style": 2, "required": true, "max_length": 4000 });
    let shown: String = asked.chars().take(SHOWN).collect();
    let mut components = vec![json!({ "type": 1, "components": [input] })];
    if !shown.trim().is_empty() {
        components.insert(0, json!({ "type": 10, "content": shown }));
    }
    json!({ "custom_id": format!("v1:answer:{to}"), "title": "Your answer", "components": components })
}

/// To which message, and what.
pub fn written(data: &Value) -> Option<(String, String)> {
    let to = data["custom_id"].as_str()?.strip_prefix("v1:answer:")?;
    let rows = data["components"].as_array()?.iter();
    let mut inputs = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let text = inputs.find(|input| input["custom_id"] == FIELD)?["value"]
        .as_str()
        .unwrap_or_default();
    Some((to.to_owned(), text.trim().to_owned()))
}
