//! Modals for writing an answer and for a new task. A trigger opens one modal and expires after
//! three seconds, so opening comes before anything slow.

use serde_json::{Value, json};

use vine_domain::form::{FilledForm, Form};

use crate::{api::WebApi, card::plain, form};

/// Maximum characters of a field (reference, "plain-text input").
const LONGEST: usize = 3000;

/// A modal to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modal {
    /// An answer: (message, its text).
    Answer(String, String),
    /// A new task for the repository of this channel.
    Task(String),
}

/// What was submitted.
#[derive(Debug, PartialEq, Eq)]
pub enum ModalInput {
    /// The form of a question.
    Form {
        /// What was filled in.
        filled: FilledForm,
        /// The message that asks the question.
        to: String,
    },
    /// An answer to a message.
    Answer {
        /// The answer's text.
        text: String,
        /// The message.
        to: String,
    },
    /// A task.
    Task {
        /// The title, in one line.
        title: String,
        /// What to do.
        prompt: String,
        /// `high`, `default` or `low`.
        priority: String,
        /// The channel where it was requested.
        channel: String,
    },
    /// Fields that are not complete, each with what to do.
    Incomplete(Vec<(String, &'static str)>),
}

/// Opens a modal; `form` is that of the question that the message asks.
pub async fn open(api: &WebApi, trigger: &str, modal: &Modal, form: Option<&Form>) {
    let args = json!({ "trigger_id": trigger, "view": view(modal, form) });
    if let Err(error) = api.call("views.open", &args).await {
        tracing::warn!("could not open a modal: {error}");
    }
}

fn view(modal: &Modal, form: Option<&Form>) -> Value {
    let (callback, title, about, blocks) = match (modal, form) {
        (Modal::Answer(to, asked), Some(form)) => {
            let mut blocks: Vec<Value> = shown(asked).into_iter().collect();
            blocks.extend(form::blocks(form));
            ("vine_form", form.title, to, blocks)
        }
        (Modal::Answer(to, asked), None) => {
            let mut blocks: Vec<Value> = shown(asked).into_iter().collect();
            blocks.push(field("answer", "Answer", LONGEST, true));
            ("vine_answer", "Your answer", to, blocks)
        }
        (Modal::Task(channel), _) => {
            let prompt = field("prompt", "What to do", LONGEST, true);
            (
                "vine_task",
                "New task",
                channel,
                vec![field("title", "Title", 200, false), prompt, priorities()],
            )
        }
    };
    json!({
        "type": "modal", "callback_id": callback, "title": plain(title), "submit": plain("Send"), "close": plain("Cancel"),
        "private_metadata": about, "blocks": blocks,
    })
}

/// The question, cut to what a section can hold.
fn shown(asked: &str) -> Option<Value> {
    let text: String = asked.chars().take(LONGEST).collect();
    let section =
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    (!text.trim().is_empty()).then_some(section)
}

fn field(name: &str, label: &str, longest: usize, lines: bool) -> Value {
    let element = json!({ "type": "plain_text_input", "action_id": "text", "multiline": lines, "max_length": longest });
    json!({ "type": "input", "block_id": name, "label": plain(label), "element": element })
}

fn priorities() -> Value {
    let option = |lane: &str| json!({ "text": plain(lane), "value": lane });
    let options: Vec<_> = ["high", "default", "low"].map(option).to_vec();
    let element = json!({ "type": "static_select", "action_id": "text", "options": options, "initial_option": options[1] });
    json!({ "type": "input", "block_id": "priority", "label": plain("Priority"), "element": element })
}

/// Reads a submitted modal.
pub fn written(view: &Value) -> Option<ModalInput> {
    let about = view["private_metadata"].as_str()?.to_owned();
    let field = |name: &str| &view["state"]["values"][name]["text"];
    let text = |name: &str| {
        field(name)["value"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let empty = |name: &str| {
        let fields = vec![(name.to_owned(), "Please write something.")];
        Some(ModalInput::Incomplete(fields))
    };
    match view["callback_id"].as_str()? {
        "vine_form" => {
            let filled = form::filled(view);
            let missing = form::missing(&filled, view);
            Some(match missing.is_empty() {
                true => ModalInput::Form { filled, to: about },
                false => ModalInput::Incomplete(missing),
            })
        }
        "vine_answer" if text("answer").is_empty() => empty("answer"),
        "vine_answer" => Some(ModalInput::Answer {
            text: text("answer"),
            to: about,
        }),
        "vine_task" if text("title").is_empty() => empty("title"),
        "vine_task" if text("prompt").is_empty() => empty("prompt"),
        "vine_task" => {
            let priority = field("priority")["selected_option"]["value"]
                .as_str()
                .unwrap_or("default")
                .to_owned();
            Some(ModalInput::Task {
                title: text("title"),
                prompt: text("prompt"),
                priority,
                channel: about,
            })
        }
        _ => None,
    }
}

/// The response to a modal that is not complete: it stays open, with all that was written.
pub fn refused(fields: &[(String, &'static str)]) -> Value {
    let errors: serde_json::Map<String, Value> = fields
        .iter()
        .map(|(field, hint)| (field.clone(), json!(hint)))
        .collect();
    json!({ "response_action": "errors", "errors": errors })
}
