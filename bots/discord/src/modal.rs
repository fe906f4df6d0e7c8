//! The modal for an answer: the form of the question, or one box for words.

use serde_json::{Value, json};
use vine_domain::form::{FilledForm, Form};

use crate::form;

const FIELD: &str = "text";
/// Maximum characters of the question (reference, "Text Display": 4,000 in a whole modal).
const SHOWN: usize = 2_000;
/// Maximum components of a modal (reference, "Modal"): older clients show no more.
const COMPONENTS: usize = 5;

/// What was submitted, and the message that it answers.
#[derive(Debug, PartialEq, Eq)]
pub enum ModalInput {
    /// A form.
    Form(String, FilledForm),
    /// Words.
    Words(String, String),
}

/// The modal for an answer to message `to`, whose text is `asked` and whose question has this form.
pub fn view(to: &str, asked: &str, form: Option<&Form>) -> Value {
    let inputs = form.and_then(form::inputs);
    let (kind, mut components) = match inputs {
        Some(inputs) => ("form", inputs),
        None => ("answer", vec![words()]),
    };
    let title = form.map_or("Your answer", |form| form.title);
    let shown: String = asked.chars().take(SHOWN).collect();
    if !shown.trim().is_empty() && components.len() < COMPONENTS {
        components.insert(0, json!({ "type": 10, "content": shown }));
    }
    json!({ "custom_id": format!("v1:{kind}:{to}"), "title": title, "components": components })
}

/// One box for words.
fn words() -> Value {
    let input =
        json!({ "type": 4, "custom_id": FIELD, "style": 2, "required": true, "max_length": 4000 });
    json!({ "type": 18, "label": "Answer", "component": input })
}

/// Reads a submitted modal.
pub fn written(data: &Value) -> Option<ModalInput> {
    let (kind, to) = data["custom_id"]
        .as_str()?
        .strip_prefix("v1:")?
        .split_once(':')?;
    match kind {
        "form" => Some(ModalInput::Form(to.to_owned(), form::filled(data))),
        "answer" => {
            // Discord's older layout had rows.
            let mut inputs = data["components"].as_array()?.iter().map(|one| match one {
                label if label["component"].is_object() => &label["component"],
                row => &row["components"][0],
            });
            let input = inputs.find(|input| input["custom_id"] == FIELD)?;
            let text = input["value"].as_str().unwrap_or_default();
            Some(ModalInput::Words(to.to_owned(), text.trim().to_owned()))
        }
        _ => None,
    }
}
