//! Modals for writing an answer and for a new task. A trigger opens one modal and expires after
//! three seconds, so opening comes before anything slow.

use serde_json::{Value, json};

use crate::api::WebApi;

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
    /// This field is empty.
    Empty(&'static str),
}

/// Opens a modal.
pub async fn open(api: &WebApi, trigger: &str, modal: &Modal) {
    if let Err(error) = api
        .call(
            "views.open",
            &json!({ "trigger_id": trigger, "view": view(modal) }),
        )
        .await
    {
        tracing::warn!("could not open a modal: {error}");
    }
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

fn view(modal: &Modal) -> Value {
    let (callback, title, about, blocks) = match modal {
        Modal::Answer(to, asked) => {
            let mut blocks: Vec<Value> = shown(asked).into_iter().collect();
            blocks.push(field("answer", "Answer", LONGEST, true));
            ("vine_answer", "Your answer", to, blocks)
        }
        Modal::Task(channel) => {
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
    match view["callback_id"].as_str()? {
        "vine_answer" if text("answer").is_empty() => Some(ModalInput::Empty("answer")),
        "vine_answer" => Some(ModalInput::Answer {
            text: text("answer"),
            to: about,
        }),
        "vine_task" if text("title").is_empty() => Some(ModalInput::Empty("title")),
        "vine_task" if text("prompt").is_empty() => Some(ModalInput::Empty("prompt")),
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

/// The response to a modal with an empty field.
pub fn refused(field: &str) -> Value {
    json!({ "response_action": "errors", "errors": { field: "Please write something." } })
}
