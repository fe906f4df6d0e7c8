//! The frames of stream-json, as far as we act on them. Unknown ones are no error: new versions
//! bring new ones.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::Timestamp;

use super::{resets, tools::ToolCall};

/// A frame from the process, in our words.
#[derive(Debug, PartialEq)]
pub enum StreamFrame {
    /// The agent said something or used tools.
    Said {
        /// Words for people.
        texts: Vec<String>,
        /// Tools it uses, one line each.
        tools: Vec<String>,
        /// The file that it writes or changes.
        wrote: Option<String>,
        /// The kind of an API error that stands in for words.
        error: Option<String>,
    },
    /// Calls have their results, each with its words.
    Results(Vec<(String, String)>),
    /// It asks for a tool, a permission, or an answer.
    Ask {
        /// To be named in the reply.
        request: String,
        /// What it wants to call.
        call: ToolCall,
    },
    /// It has taken up a message that came in while it worked.
    Taken(Uuid),
    /// A shell line of a skill wants to run.
    SkillLine {
        /// Its request.
        request: String,
    },
    /// It no longer needs a reply.
    Withdrawn {
        /// To which request.
        request: String,
    },
    /// The model's service failed and is asked again.
    Retrying {
        /// Which try this is.
        attempt: u64,
        /// Of how many.
        of: u64,
        /// What the service said.
        status: String,
    },
    /// The usage limit is reached until then.
    Limited(Timestamp),
    /// Whether it has nothing left to do.
    Idle(bool),
    /// A turn is over.
    Result(Value),
    /// It asks for something that we do not offer.
    Unsupported {
        /// To be named in the reply.
        request: String,
        /// What.
        subtype: String,
    },
    /// Nothing that we act on.
    Other,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The agent, or a subagent of it, did something. Signs of life while a call waits are none.
pub fn is_work(frame: &Value) -> bool {
    matches!(
        frame["type"].as_str(),
        Some("assistant" | "user" | "control_request" | "result")
    )
}

/// Reads one frame.
pub fn read(frame: Value) -> StreamFrame {
    match (frame["type"].as_str(), frame["subtype"].as_str()) {
        (Some("assistant"), _) if frame["parent_tool_use_id"].is_null() => said(&frame),
        (Some("user"), _) => StreamFrame::Results(results(&frame)),
        (Some("result"), _) => StreamFrame::Result(frame),
        (Some("control_request"), _) => request(&frame),
        (Some("control_cancel_request"), _) => StreamFrame::Withdrawn {
            request: text(&frame["request_id"]),
        },
        (Some("command_lifecycle"), _) | (Some("system"), Some("command_lifecycle")) => {
            taken(&frame)
        }
        (Some("rate_limit_event"), _) => {
            resets::in_event(&frame).map_or(StreamFrame::Other, StreamFrame::Limited)
        }
        (Some("system"), Some("session_state_changed")) => {
            StreamFrame::Idle(frame["state"] == "idle")
        }
        (Some("system"), Some("api_retry")) => StreamFrame::Retrying {
            attempt: frame["attempt"].as_u64().unwrap_or_default(),
            of: frame["max_retries"].as_u64().unwrap_or_default(),
            status: frame["error_status"]
                .as_u64()
                .map_or_else(|| "nothing".into(), |status| status.to_string()),
        },
        _ => StreamFrame::Other,
    }
}

/// The reply to our question how full the context is, in percent; inside, `None` when this version
/// does not know.
pub fn context_used(line: &str) -> Option<Option<u8>> {
    let frame: Value = serde_json::from_str(line).ok()?;
    let response =
        Some(&frame["response"]).filter(|response| response["request_id"] == "context")?;
    let percent = response["response"]["percentage"].as_f64();
    Some(percent.map(|percent| percent.clamp(0.0, 100.0).round() as u8))
}

fn taken(frame: &Value) -> StreamFrame {
    let uuid = frame["command_uuid"]
        .as_str()
        .and_then(|uuid| Uuid::parse_str(uuid).ok());
    let state = frame["state"].as_str();
    uuid.filter(|_| matches!(state, Some("started" | "completed")))
        .map_or(StreamFrame::Other, StreamFrame::Taken)
}

/// Reads a line. What is no JSON by a half of a character or by its encoding is read with a sign in
/// its place, and says so: what it asks for must not wait for a reply for ever.
pub fn parse(line: &str) -> Result<(Value, bool), UnreadableFrame> {
    if let Ok(frame) = serde_json::from_str(line) {
        return Ok((frame, line.contains('\u{fffd}')));
    }
    if let Ok(frame) = serde_json::from_str(&HALVES.replace_all(line, |found: &Captures<'_>| {
        // A whole pair stays.
        found
            .get(1)
            .map_or("\\ufffd", |pair| pair.as_str())
            .to_owned()
    })) {
        return Ok((frame, true));
    }
    let wants_reply = line.contains("\"control_request\"");
    let request = REQUEST.captures(line).filter(|_| wants_reply);
    Err(UnreadableFrame {
        request: request.map(|found| found[1].to_owned()),
    })
}

/// A line that cannot be read at all.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadableFrame {
    /// The request in it, which waits for a reply.
    pub request: Option<String>,
}

/// Halves of characters outside the basic plane (RFC 8259, section 8.2), and whole ones.
static HALVES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
        .expect("a form of ours")
});

static REQUEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""request_id"\s*:\s*"([^"\\]+)""#).expect("a form of ours"));

fn results(frame: &Value) -> Vec<(String, String)> {
    let blocks = frame["message"]["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    blocks
        .iter()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| (text(&block["tool_use_id"]), words(&block["content"])))
        .collect()
}

fn said(frame: &Value) -> StreamFrame {
    let blocks = frame["message"]["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let writes = |block: &&Value| matches!(block["name"].as_str(), Some("Write" | "Edit"));
    let of = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    StreamFrame::Said {
        texts: of("text")
            .map(|block| text(&block["text"]))
            .filter(|text| !text.trim().is_empty())
            .collect(),
        tools: of("tool_use")
            .map(|block| format!("[{}] {}", text(&block["name"]), telling(&block["input"])))
            .collect(),
        wrote: of("tool_use")
            .filter(writes)
            .filter_map(|block| block["input"]["file_path"].as_str())
            .next_back()
            .map(str::to_owned),
        error: frame["error"].as_str().map(str::to_owned),
    }
}

/// The words of a result: text, or blocks of it.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .map(|block| text(&block["text"]))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

/// What tells most of a tool's input, for the log.
pub fn telling(input: &Value) -> String {
    let telling = [
        "command",
        "file_path",
        "pattern",
        "url",
        "description",
        "prompt",
    ]
    .iter()
    .find_map(|key| input[key].as_str());
    telling.map_or_else(|| input.to_string(), str::to_owned)
}

/// The hook that asks whether a shell line of a skill may run.
pub const SKILL: &str = "skill";

fn request(frame: &Value) -> StreamFrame {
    let (request, body) = (text(&frame["request_id"]), &frame["request"]);
    match body["subtype"].as_str() {
        Some("can_use_tool") => StreamFrame::Ask {
            request,
            call: ToolCall::read(body),
        },
        Some("hook_callback") if body["callback_id"] == SKILL => StreamFrame::SkillLine { request },
        Some("hook_callback") => StreamFrame::Ask {
            request,
            call: ToolCall::read_hook(body),
        },
        other => StreamFrame::Unsupported {
            request,
            subtype: other.unwrap_or("this request").to_owned(),
        },
    }
}

/// A message of a person. `client_composed` keeps a leading slash from being a command.
pub fn user_message(words: &str, uuid: Uuid) -> Value {
    json!({
        "type": "user", "uuid": uuid, "parent_tool_use_id": null, "client_composed": true,
        "message": { "role": "user", "content": words },
    })
}

/// Whether a shell line of a skill may run.
pub fn skill_line(request: &str, decided: Result<(), &str>) -> Value {
    let (decision, reason) = match decided {
        Ok(()) => ("allow", ""),
        Err(why) => ("deny", why),
    };
    let output = json!({ "hookEventName": "PreSkillShellCommand", "permissionDecision": decision, "permissionDecisionReason": reason });
    reply(request, &json!({ "hookSpecificOutput": output }))
}

/// The reply to a request.
pub fn reply(request: &str, payload: &Value) -> Value {
    json!({ "type": "control_response", "response": { "subtype": "success", "request_id": request, "response": payload } })
}

/// The refusal of a request.
pub fn refusal(request: &str, error: &str) -> Value {
    json!({ "type": "control_response", "response": { "subtype": "error", "request_id": request, "error": error } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_read_and_whole_ones_stay() {
        let line = r#"{"a":"x\ud83dy","b":"\ud83d\ude00","c":"\ude00"}"#;
        let (frame, lossy) = parse(line).expect("read");
        assert_eq!(
            (
                frame["a"].as_str(),
                frame["b"].as_str(),
                frame["c"].as_str(),
                lossy
            ),
            (
                Some("x\u{fffd}y"),
                Some("\u{1f600}"),
                Some("\u{fffd}"),
                true
            )
        );
        assert_eq!(parse(r#"{"a":1}"#), Ok((json!({ "a": 1 }), false)));
    }

    #[test]
    fn a_request_that_cannot_be_read_is_known_by_its_id() {
        let line = r#"{"type":"control_request","request_id":"r-1","request":{"a":"#;
        let unreadable = parse(line).expect_err("no JSON");
        assert_eq!(unreadable.request.as_deref(), Some("r-1"));
        assert_eq!(parse("plain words").expect_err("no JSON").request, None);
    }
}
