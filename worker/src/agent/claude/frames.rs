//! The stream-json frames that AgentVine acts on. Unknown ones are ignored: new versions add
//! frames.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::Timestamp;

use crate::sent_files::WordsWithPictures;

use super::{
    own_tools, resets,
    steps::{StepCall, StepTool},
    tools::ToolCall,
};

/// A frame from the process.
#[derive(Debug, PartialEq)]
pub enum StreamFrame {
    /// It has started, and takes messages.
    Initialized,
    /// The agent said something or used tools.
    Said {
        /// Text for people.
        texts: Vec<String>,
        /// Tools it uses, one line each.
        tools: Vec<String>,
        /// Its calls about its own steps.
        steps: Vec<StepCall>,
        /// The file that it writes or edits.
        wrote: Option<String>,
        /// The kind of an API error that replaces the text.
        error: Option<String>,
    },
    /// Results of calls, each with its text.
    Results(Vec<(String, String)>),
    /// The agent asks for a tool, a permission, or an answer.
    Ask {
        /// The request id for the reply.
        request: String,
        /// The call.
        call: ToolCall,
    },
    /// It has taken up a message that arrived while it worked.
    Taken(Uuid),
    /// A skill wants to run a shell line.
    SkillLine {
        /// The request id.
        request: String,
    },
    /// A request no longer needs a reply.
    Withdrawn {
        /// The request id.
        request: String,
    },
    /// The model service failed and is being retried.
    Retrying {
        /// Number of this attempt.
        attempt: u64,
        /// Maximum number of attempts.
        of: u64,
        /// The HTTP status of the service.
        status: String,
    },
    /// The usage limit is reached until this time.
    Limited(Timestamp),
    /// Whether it has nothing left to do.
    Idle(bool),
    /// The end of a turn.
    Result(Value),
    /// A message to one of our own tools.
    Tool {
        /// The request id for the reply.
        request: String,
        /// The message of MCP.
        message: Value,
    },
    /// A request that we do not support.
    Unsupported {
        /// The request id for the reply.
        request: String,
        /// The subtype of the request.
        subtype: String,
    },
    /// Any other frame.
    Other,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The id of our first request.
pub const INITIALIZE: &str = "initialize";

/// Whether the agent, or a subagent, did something. Keep-alives while a call waits do not count.
pub fn is_work(frame: &Value) -> bool {
    matches!(
        frame["type"].as_str(),
        Some("assistant" | "user" | "control_request" | "result")
    )
}

/// Interprets one frame.
pub fn read(frame: Value) -> StreamFrame {
    match (frame["type"].as_str(), frame["subtype"].as_str()) {
        (Some("assistant"), _) if frame["parent_tool_use_id"].is_null() => said(&frame),
        (Some("user"), _) => StreamFrame::Results(results(&frame)),
        (Some("result"), _) => StreamFrame::Result(frame),
        (Some("control_request"), _) => request(&frame),
        (Some("control_response"), _) if frame["response"]["request_id"] == INITIALIZE => {
            StreamFrame::Initialized
        }
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

/// The reply to the context usage request, in percent; `Some(None)` if this version does not report
/// it.
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

/// Parses a line. Invalid JSON that is caused by an unpaired surrogate or the encoding is repaired
/// with replacement characters and flagged as lossy, so that its request does not wait forever.
pub fn parse(line: &str) -> Result<(Value, bool), UnreadableFrame> {
    if let Ok(frame) = serde_json::from_str(line) {
        return Ok((frame, line.contains('\u{fffd}')));
    }
    if let Ok(frame) = serde_json::from_str(&HALVES.replace_all(line, |found: &Captures<'_>| {
        // A complete pair is kept.
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

/// A line that cannot be parsed at all.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadableFrame {
    /// The id of the request in it, which waits for a reply.
    pub request: Option<String>,
}

/// Unpaired surrogates (RFC 8259, section 8.2), and complete pairs.
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
        steps: of("tool_use").filter_map(step).collect(),
        wrote: of("tool_use")
            .filter(writes)
            .filter_map(|block| block["input"]["file_path"].as_str())
            .next_back()
            .map(str::to_owned),
        error: frame["error"].as_str().map(str::to_owned),
    }
}

fn step(block: &Value) -> Option<StepCall> {
    let tool = StepTool::named(block["name"].as_str()?)?;
    let (call, input) = (text(&block["id"]), block["input"].clone());
    Some(StepCall { call, tool, input })
}

/// The text of a result: a string, or text blocks.
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

/// The most telling field of a tool's input, for the log.
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

/// Id of the hook that asks whether a skill may run a shell line.
pub const SKILL: &str = "skill";

fn request(frame: &Value) -> StreamFrame {
    let (request, body) = (text(&frame["request_id"]), &frame["request"]);
    match body["subtype"].as_str() {
        Some("can_use_tool") => StreamFrame::Ask {
            request,
            call: ToolCall::read(body),
        },
        Some("mcp_message") if body["server_name"] == own_tools::SERVER => StreamFrame::Tool {
            request,
            message: body["message"].clone(),
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

/// A person's message. `client_composed` keeps a leading slash from being read as a command.
pub fn user_message(words: &WordsWithPictures, uuid: Uuid) -> Value {
    let said = |text: &str| json!({ "type": "text", "text": text });
    let pictures = words.pictures.iter().flat_map(|picture| {
        let source =
            json!({ "type": "base64", "media_type": picture.mime, "data": picture.base64 });
        [
            said(&format!("{}:", picture.name)),
            json!({ "type": "image", "source": source }),
        ]
    });
    let text = said(&words.text);
    let content: Value = match words.pictures.is_empty() {
        true => words.text.as_str().into(),
        false => std::iter::once(text).chain(pictures).collect(),
    };
    json!({
        "type": "user", "uuid": uuid, "parent_tool_use_id": null, "client_composed": true,
        "message": { "role": "user", "content": content },
    })
}

/// The reply of one of our own tools.
pub fn tool_reply(request: &str, message: &Value) -> Value {
    reply(request, &json!({ "mcp_response": message }))
}

/// Whether a skill may run a shell line.
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
