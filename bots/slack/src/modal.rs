//! The modal in which an answer is written.

use serde_json::{Value, json};

use crate::api::Api;

const BLOCK: &str = "answer";
const FIELD: &str = "text";

/// Opens it for a press or a shortcut; a trigger lives for three seconds, so this comes before anything slow. `to` is the message
/// that is answered.
pub async fn open(api: &Api, trigger: &str, to: &str) {
    let text = |text: &str| json!({ "type": "plain_text", "text": text });
    let element = json!({ "type": "plain_text_input", "action_id": FIELD, "multiline": true, "max_length": 3000 });
    let view = json!({
        "type": "modal", "callback_id": "vine_answer", "title": text("Your answer"), "submit": text("Send"), "close": text("Cancel"),
        "private_metadata": to, "blocks": [{ "type": "input", "block_id": BLOCK, "label": text("Answer"), "element": element }],
    });
    if let Err(error) = api.call("views.open", &json!({ "trigger_id": trigger, "view": view })).await {
        tracing::warn!("no modal could be opened: {error}");
    }
}

/// What was written, and in answer to which message.
pub fn written(view: &Value) -> Option<(String, String)> {
    let text = view["state"]["values"][BLOCK][FIELD]["value"].as_str().unwrap_or_default();
    Some((text.trim().to_owned(), view["private_metadata"].as_str()?.to_owned()))
}

/// What a modal without words is told.
pub fn refused() -> Value {
    json!({ "response_action": "errors", "errors": { BLOCK: "Please write something." } })
}
