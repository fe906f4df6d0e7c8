//! A model server that speaks the Messages API on loopback, so that the real Claude Code runs in
//! tests and can be tried without an account. What the "model" does stands in the prompt, one step
//! a line:
//!
//! ```text
//! MODEL: say I looked around.
//! MODEL: ask Which colour? | Red | Blue
//! MODEL: bash touch made-by-bash.txt
//! MODEL: write notes.md | some words
//! MODEL: call EnterPlanMode {}      any tool with any input
//! MODEL: plan 1. Paint it.          writes the plan where the CLI wants it
//! MODEL: slow 2                     wait two seconds before the next step
//! MODEL: fail 529 Overloaded        answer with this status, every time
//! MODEL: drop                       close the connection without an answer
//! MODEL: hang                       never answer
//! MODEL: finish All done.           the last words; what people and tools said is added
//! > @MODEL: …                       the same in words of others, which are quoted
//! MODEL: end Shall I go on?         ends the turn with these words alone; the next message goes on after it
//! ```
//!
//! A key that begins with `wrong` is refused, and while the server is away ([`Model::set_away`])
//! everybody is.
//!
//! A step that calls a tool is done when the conversation holds its call, so a resumed session goes
//! on where it was.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vine_domain::{
    Timestamp,
    chat::file::FileHash,
    clock::{Clock, System},
};

/// What one request told us.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// The session that asked.
    pub session: String,
    /// The calls whose results the last message holds.
    pub results: Vec<String>,
    /// The words and tool results of the last message.
    pub heard: String,
    /// All of the conversation, as text.
    pub conversation: String,
    /// The system prompt, as text.
    pub system: String,
    /// The hashes of the pictures in the conversation, oldest first.
    pub pictures: Vec<FileHash>,
    /// The tools that are offered.
    pub tools: Vec<String>,
    /// The model that was asked for, and how much it thinks.
    pub model: (String, Option<String>),
}

/// A running server.
#[derive(Clone, Default)]
pub struct Model {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// The status that everybody gets while it is not 0.
    away: Arc<AtomicU16>,
}

impl Model {
    /// Serves on `listener` until the process ends.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let routes = Router::new()
            .route("/v1/messages", post(messages))
            .route(
                "/v1/messages/count_tokens",
                post(|| async { Json(json!({ "input_tokens": 1000 })) }),
            )
            .route(
                "/seen",
                get(|State(model): State<Model>| async move { Json(model.seen()) }),
            )
            .with_state(self);
        axum::serve(listener, routes).await
    }

    /// Everything that was asked so far, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    /// From now on everybody is answered with this status; `None` ends it.
    pub fn set_away(&self, status: Option<u16>) {
        self.away.store(status.unwrap_or(0), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Say(String),
    Call { tool: String, input: Value },
    Slow(f64),
    Fail { status: u16, message: String },
    Drop,
    Hang,
    Finish(String),
    End(String),
}

async fn messages(State(model): State<Model>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let conversation = Conversation::read(&request);
    let session = headers
        .get("x-claude-code-session-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let results = conversation.results.clone();
    let seen = Seen {
        at: System.now(),
        results,
        session,
        heard: conversation.heard.clone(),
        conversation: conversation.text.clone(),
        pictures: pictures(&request["messages"]),
        tools: named(&request["tools"]),
        system: text_of(&json!({ "content": request["system"] })),
        model: (
            request["model"].as_str().unwrap_or_default().to_owned(),
            request["output_config"]["effort"]
                .as_str()
                .map(str::to_owned),
        ),
    };
    model.lock().push(seen);
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    if key.is_some_and(|key| key.starts_with("wrong")) {
        return failure(401, "invalid x-api-key");
    }
    match model.away.load(Ordering::Relaxed) {
        0 => {}
        status => return failure(status, "Overloaded"),
    }
    let stream = request["stream"] == true;
    answer(&conversation, stream).await
}

/// The pictures among messages, also those in results of tools.
fn pictures(within: &Value) -> Vec<FileHash> {
    match within {
        Value::Array(all) => all.iter().flat_map(pictures).collect(),
        Value::Object(block) if block.get("type").is_some_and(|kind| kind == "image") => {
            let data = within["source"]["data"].as_str().unwrap_or_default();
            let decoded = BASE64_STANDARD.decode(data).unwrap_or_default();
            vec![FileHash::of(&decoded)]
        }
        Value::Object(block) => block.get("content").map(pictures).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn named(tools: &Value) -> Vec<String> {
    let all = tools.as_array().into_iter().flatten();
    all.filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect()
}

async fn answer(conversation: &Conversation, stream: bool) -> Response {
    let mut texts = Vec::new();
    for (number, step) in conversation.next_steps() {
        match step {
            Step::Say(text) => texts.push(text),
            Step::Slow(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
            Step::Fail { status, message } => return failure(status, &message),
            Step::Drop => return dropped(),
            Step::Hang => return std::future::pending().await,
            Step::Call { tool, input } => {
                let id = format!("toolu_{number}_{}", conversation.length);
                let call = json!({ "type": "tool_use", "id": id, "name": tool, "input": input });
                return message(&texts, Some(call), stream);
            }
            Step::End(text) => {
                texts.push(text);
                return message(&texts, None, stream);
            }
            Step::Finish(text) => {
                texts.push(format!("{text} I heard: {}", conversation.heard));
                return message(&texts, None, stream);
            }
        }
    }
    texts.push(format!(
        "I have nothing to do. I heard: {}",
        conversation.heard
    ));
    message(&texts, None, stream)
}

/// What the double needs of a conversation.
struct Conversation {
    script: Vec<Step>,
    /// The number of the last step whose call is in the conversation.
    done: Option<usize>,
    /// People want the last call made again.
    again: bool,
    heard: String,
    /// What the model said, as text.
    said: String,
    results: Vec<String>,
    text: String,
    length: usize,
}

impl Conversation {
    fn read(request: &Value) -> Self {
        let messages = request["messages"].as_array().cloned().unwrap_or_default();
        let whole = messages.iter().map(text_of).collect::<Vec<_>>().join("\n");
        // Of all of it: no two calls of a session have one id.
        let length = messages.len();
        // In a session that did another task before, the latest script counts, and what came after
        // it.
        let asks =
            |message: &Value| message["role"] == "user" && !script(&text_of(message)).is_empty();
        let messages = &messages[messages.iter().rposition(asks).unwrap_or(0)..];
        let user: Vec<String> = messages
            .iter()
            .filter(|message| message["role"] == "user")
            .map(text_of)
            .collect();
        let mut script = user.first().map(|text| script(text)).unwrap_or_default();
        let plan = Self::plan_file(request).unwrap_or_default();
        for step in &mut script {
            if let Step::Call { tool, input } = step
                && tool == "Write"
                && input["file_path"] == PLAN
            {
                input["file_path"] = plan.as_str().into();
            }
        }
        let calls = messages
            .iter()
            .flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
        let numbers = calls.filter_map(|block| {
            block["id"]
                .as_str()?
                .strip_prefix("toolu_")?
                .split('_')
                .next()?
                .parse()
                .ok()
        });
        let heard = user.last().cloned().unwrap_or_default();
        Self {
            script,
            done: numbers.max(),
            again: heard.contains("Make the same call again now."),
            heard,
            said: messages
                .iter()
                .filter(|message| message["role"] == "assistant")
                .map(text_of)
                .collect::<Vec<_>>()
                .join("\n"),
            results: results_of(messages.last()),
            text: whole,
            length,
        }
    }

    /// Where the CLI wants the plan: it says so in a reminder.
    fn plan_file(request: &Value) -> Option<String> {
        let text = request["messages"].to_string();
        let at = text.rfind("/plans/")?;
        let start = text[..at].rfind([' ', '"', '`'])? + 1;
        let end = at + text[at..].find(".md")? + 3;
        Some(text[start..end].to_owned())
    }

    fn next_steps(&self) -> Vec<(usize, Step)> {
        let first = self.done.map_or(0, |done| done + usize::from(!self.again));
        let ended = |step: &Step| matches!(step, Step::End(text) if self.said.contains(text));
        let first = self
            .script
            .iter()
            .rposition(ended)
            .map_or(first, |ended| first.max(ended + 1));
        self.script
            .iter()
            .cloned()
            .enumerate()
            .skip(first)
            .collect()
    }
}

fn results_of(message: Option<&Value>) -> Vec<String> {
    let blocks = message
        .and_then(|message| message["content"].as_array())
        .cloned()
        .unwrap_or_default();
    blocks
        .iter()
        .filter_map(|block| Some(block["tool_use_id"].as_str()?.to_owned()))
        .collect()
}

/// Words and tool results of a message, without what the CLI adds for itself.
fn text_of(message: &Value) -> String {
    let blocks = match &message["content"] {
        Value::String(text) => vec![json!({ "type": "text", "text": text })],
        Value::Array(blocks) => blocks.clone(),
        _ => vec![],
    };
    let texts = blocks
        .iter()
        .filter_map(|block| match block["type"].as_str()? {
            "text" => Some(block["text"].as_str()?.to_owned()),
            "tool_result" => Some(match &block["content"] {
                Value::String(text) => text.clone(),
                other => text_of(&json!({ "content": other })),
            }),
            _ => None,
        });
    texts
        .filter(|text| !text.trim_start().starts_with("<system-reminder>"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a line tells the model, if it does.
fn told(line: &str) -> Option<&str> {
    line.strip_prefix("MODEL:")
        .or_else(|| line.strip_prefix("> @MODEL:"))
}

fn script(text: &str) -> Vec<Step> {
    text.lines()
        .filter_map(|line| step(told(line.trim())?.trim()))
        .collect()
}

/// Stands for the file that the CLI names.
const PLAN: &str = "(the plan's file)";

fn step(line: &str) -> Option<Step> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let parts: Vec<&str> = rest.split('|').map(str::trim).collect();
    Some(match verb {
        "say" => Step::Say(rest.to_owned()),
        "finish" => Step::Finish(rest.to_owned()),
        "end" => Step::End(rest.to_owned()),
        "slow" => Step::Slow(rest.parse().ok()?),
        "drop" => Step::Drop,
        "hang" => Step::Hang,
        "fail" => {
            let (status, message) = rest.split_once(' ').unwrap_or((rest, "no reason"));
            Step::Fail {
                status: status.parse().ok()?,
                message: message.to_owned(),
            }
        }
        "bash" => Step::Call {
            tool: "Bash".into(),
            input: json!({ "command": rest, "description": "Run a command" }),
        },
        "write" => Step::Call {
            tool: "Write".into(),
            input: json!({ "file_path": parts[0], "content": format!("{}\n", parts.get(1)?) }),
        },
        "plan" => Step::Call {
            tool: "Write".into(),
            input: json!({ "file_path": PLAN, "content": rest }),
        },
        "call" => {
            let (tool, input) = rest.split_once(' ').unwrap_or((rest, "{}"));
            Step::Call {
                tool: tool.to_owned(),
                input: serde_json::from_str(input).ok()?,
            }
        }
        "ask" => {
            let options: Vec<Value> = parts[1..]
                .iter()
                .map(|label| json!({ "label": label, "description": format!("Choose {label}") }))
                .collect();
            let question = json!({ "question": parts[0], "header": "Choice", "multiSelect": false, "options": options });
            Step::Call {
                tool: "AskUserQuestion".into(),
                input: json!({ "questions": [question] }),
            }
        }
        _ => return None,
    })
}

fn failure(status: u16, message: &str) -> Response {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400 => "invalid_request_error",
        _ => "api_error",
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, [("retry-after", "0")], Json(body)).into_response()
}

/// A body that breaks off.
fn dropped() -> Response {
    let broken =
        futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("dropped")) });
    axum::body::Body::from_stream(broken).into_response()
}

fn message(texts: &[String], call: Option<Value>, stream: bool) -> Response {
    let stop = if call.is_some() {
        "tool_use"
    } else {
        "end_turn"
    };
    let mut content: Vec<Value> = texts
        .iter()
        .map(|text| json!({ "type": "text", "text": text }))
        .collect();
    content.extend(call);
    let usage = json!({ "input_tokens": 1000, "output_tokens": 50, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0 });
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let id = format!("msg_double_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let whole = |content: &[Value], stop: Value| {
        json!({ "id": id, "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content,
                "stop_reason": stop, "stop_sequence": null, "usage": usage })
    };
    if !stream {
        return Json(whole(&content, stop.into())).into_response();
    }
    let mut events = vec![json!({ "type": "message_start", "message": whole(&[], Value::Null) })];
    for (index, block) in content.iter().enumerate() {
        events.extend(block_events(index, block));
    }
    events.push(json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": usage }));
    events.push(json!({ "type": "message_stop" }));
    let body: String = events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap_or_default()
            )
        })
        .collect();
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn block_events(index: usize, block: &Value) -> [Value; 3] {
    let (start, delta) = if block["type"] == "text" {
        (
            json!({ "type": "text", "text": "" }),
            json!({ "type": "text_delta", "text": block["text"] }),
        )
    } else {
        let mut start = block.clone();
        start["input"] = json!({});
        (
            start,
            json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() }),
        )
    };
    [
        json!({ "type": "content_block_start", "index": index, "content_block": start }),
        json!({ "type": "content_block_delta", "index": index, "delta": delta }),
        json!({ "type": "content_block_stop", "index": index }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_goes_on_after_its_last_call() {
        let prompt = "Do it.\nMODEL: ask Which? | A | B\nMODEL: bash ls\nMODEL: finish Done.";
        let mut messages = vec![json!({ "role": "user", "content": prompt })];
        let next = |messages: &[Value]| {
            Conversation::read(&json!({ "messages": messages }))
                .next_steps()
                .first()
                .map(|(number, _)| *number)
        };
        assert_eq!(next(&messages), Some(0));
        messages.push(json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_0_1", "name": "x", "input": {} }] }));
        messages.push(json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_0_1", "content": "A" }] }));
        assert_eq!(next(&messages), Some(1));
        messages.push(
            json!({ "role": "user", "content": "Bob allowed it. Make the same call again now." }),
        );
        assert_eq!(next(&messages), Some(0));
    }
}
