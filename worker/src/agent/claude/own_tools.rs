//! The tools that AgentVine gives Claude, as an MCP server in the control protocol: no port, no process, and nothing
//! to install in a sandbox. The messages are those of MCP, revision 2025-11-25.

use std::path::PathBuf;

use serde_json::{Value, json};

/// The server's name.
pub const SERVER: &str = "vine";
/// Our only tool, as Claude names it.
pub const SHOW: &str = "mcp__vine__show";

/// The configuration that names the server, so that a resumed session knows it from the start.
pub fn config() -> String {
    json!({ "mcpServers": { SERVER: { "type": "sdk", "name": SERVER } } }).to_string()
}

/// What a message to the server asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum OwnToolCall {
    /// Nothing: this is the reply.
    Reply(Value),
    /// To show a file in the thread; the reply has this id.
    Show {
        /// The id of the call.
        id: Value,
        /// The file.
        file: PathBuf,
    },
}

/// Reads a message.
pub fn read(message: &Value) -> OwnToolCall {
    let id = message["id"].clone();
    let method = message["method"].as_str().unwrap_or_default();
    let params = &message["params"];
    let result = match method {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": SERVER, "version": env!("CARGO_PKG_VERSION") },
        }),
        "tools/list" => json!({ "tools": [show()] }),
        "ping" => json!({}),
        _ if method.starts_with("notifications/") => json!({}),
        "tools/call" => {
            let file = params["arguments"]["file"].as_str();
            return match file.filter(|_| params["name"] == "show") {
                Some(file) => OwnToolCall::Show {
                    id,
                    file: file.into(),
                },
                None => OwnToolCall::Reply(outcome(&id, Err("the call needs `file`".into()))),
            };
        }
        _ => {
            let error = json!({ "code": -32601, "message": format!("{method} is not supported") });
            return OwnToolCall::Reply(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    OwnToolCall::Reply(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// The reply to a call, with its outcome in words.
pub fn outcome(id: &Value, done: Result<String, String>) -> Value {
    let is_error = done.is_err();
    let text = done.unwrap_or_else(|why| why);
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }], "isError": is_error } })
}

fn show() -> Value {
    json!({
        "name": "show",
        "description": "Shows a file of your working folder to the people in the task's chat thread: a screenshot, a chart, a \
                        report, a log. Use it when they should see something that words describe badly. It does not wait for them.",
        "inputSchema": {
            "type": "object",
            "properties": { "file": { "type": "string", "description": "The path of the file, absolute or relative to the working folder." } },
            "required": ["file"],
        },
        // Otherwise Claude Code offers it only to a search for tools.
        "_meta": { "anthropic/alwaysLoad": true },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_a_file_and_everything_else_is_answered_at_once() {
        let say = |method: &str, params: Value| {
            read(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
        };
        let called = say(
            "tools/call",
            json!({ "name": "show", "arguments": { "file": "a.png" } }),
        );
        let file = "a.png".into();
        assert_eq!(called, OwnToolCall::Show { id: json!(7), file });
        let replied = |method: &str, params: Value| match say(method, params) {
            OwnToolCall::Reply(reply) => reply,
            other => panic!("{other:?}"),
        };
        let begun = replied("initialize", json!({ "protocolVersion": "2025-11-25" }));
        assert_eq!(begun["result"]["protocolVersion"], "2025-11-25");
        assert_eq!(
            replied("tools/list", json!({}))["result"]["tools"][0]["name"],
            "show"
        );
        assert_eq!(
            replied("tools/call", json!({ "name": "show" }))["result"]["isError"],
            true
        );
        assert_eq!(
            replied("server/discover", json!({}))["error"]["code"],
            -32601
        );
    }
}
