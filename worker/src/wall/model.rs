//! A sandbox's access to the model: through the keeper, which adds the key. Inside there is only a
//! dummy key.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    serve::Listener,
};
use serde_json::{Value, json};

use crate::config::AgentConfig;

/// The service's default address.
const SERVICE: &str = "https://api.anthropic.com";
/// The calls that agents may make; others would reach other people's files with the same key.
const CALLS: [&str; 3] = ["/v1/messages", "/v1/messages/count_tokens", "/v1/models"];
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How calls authenticate to the model service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLogin {
    /// An API key.
    Key(String),
    /// A gateway token.
    Bearer(String),
    /// A long-lived subscription token (`claude setup-token`).
    Subscription(String),
    /// A credentials file that Claude Code keeps and renews; the agent can read it.
    File(PathBuf),
    /// Variables that only the program itself understands; the agent can read them.
    Own,
    /// No login is known.
    Unknown,
}

/// Variables that hold a login or the service's address: the agent gets other values.
pub const OURS: [&str; 4] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
];
/// With these set, the program uses another service in its own way.
const ELSEWHERE: [&str; 3] = [
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];

impl ModelLogin {
    /// The login that the agent would use without a wall, in Claude Code's own order.
    pub fn of(config: &AgentConfig) -> Self {
        let set = |name: &str| config.variable(name).filter(|value| !value.is_empty());
        if ELSEWHERE.iter().any(|name| set(name).is_some()) {
            return Self::Own;
        }
        let token = set("ANTHROPIC_AUTH_TOKEN").map(Self::Bearer);
        let key = || set("ANTHROPIC_API_KEY").map(Self::Key);
        let subscription = || set("CLAUDE_CODE_OAUTH_TOKEN").map(Self::Subscription);
        let file = || {
            let file = config.claude_folder()?.join(".credentials.json");
            file.is_file().then_some(Self::File(file))
        };
        token
            .or_else(key)
            .or_else(subscription)
            .or_else(file)
            .unwrap_or(Self::Unknown)
    }

    /// Whether the agent can read the login.
    pub fn is_readable(&self) -> bool {
        matches!(self, Self::File(_) | Self::Own)
    }

    /// The variable that the agent gets instead.
    pub fn dummy(&self, pass: &str) -> Option<(&'static str, String)> {
        match self {
            Self::Key(_) => Some(("ANTHROPIC_API_KEY", pass.to_owned())),
            Self::Bearer(_) => Some(("ANTHROPIC_AUTH_TOKEN", pass.to_owned())),
            Self::Subscription(_) => Some(("CLAUDE_CODE_OAUTH_TOKEN", pass.to_owned())),
            Self::File(_) | Self::Own | Self::Unknown => None,
        }
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        let bearer = |token: &str| HeaderValue::from_str(&format!("Bearer {token}"));
        let (name, value) = match self {
            Self::Key(key) => (KEY, HeaderValue::from_str(key)),
            Self::Bearer(token) | Self::Subscription(token) => {
                (header::AUTHORIZATION, bearer(token))
            }
            Self::File(_) | Self::Own | Self::Unknown => return,
        };
        headers.remove(KEY);
        headers.remove(header::AUTHORIZATION);
        if let Ok(mut value) = value {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
}

/// One attempt's access to the model.
pub struct ModelProxy {
    service: String,
    login: ModelLogin,
    /// Whether the service may reach hosts that the agent names.
    open: bool,
    /// The agent's pass; required if others can reach this port too.
    pass: Option<String>,
    client: reqwest::Client,
}

impl ModelProxy {
    /// For one agent. With `pass`, only callers that present it are let through.
    pub fn new(
        config: &AgentConfig,
        login: ModelLogin,
        pass: Option<String>,
        open: bool,
    ) -> anyhow::Result<Self> {
        let service = config
            .variable("ANTHROPIC_BASE_URL")
            .unwrap_or_else(|| SERVICE.to_owned());
        // Redirects are passed on unfollowed, so that no key goes along.
        let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        // An organisation's certificate authorities, which the agent's program would trust too.
        if let Some(file) = config.variable("NODE_EXTRA_CA_CERTS") {
            for authority in reqwest::Certificate::from_pem_bundle(&std::fs::read(file)?)? {
                client = client.add_root_certificate(authority);
            }
        }
        let client = client.build()?;
        Ok(Self {
            service: service.trim_end_matches('/').to_owned(),
            login,
            open,
            pass,
            client,
        })
    }

    /// Forwards calls while it is polled.
    pub async fn serve<L>(self, listener: L)
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let routes = Router::new().fallback(pass_on).with_state(Arc::new(self));
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::warn!("the model proxy failed: {error}");
        }
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(pass) = &self.pass else { return true };
        let shown = headers
            .get(KEY)
            .or_else(|| headers.get(header::AUTHORIZATION));
        let shown = shown
            .and_then(|shown| shown.to_str().ok())
            .unwrap_or_default();
        shown.strip_prefix("Bearer ").unwrap_or(shown) == pass
    }
}

async fn pass_on(State(model): State<Arc<ModelProxy>>, request: Request) -> Response {
    if !model.knows(request.headers()) {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "this model proxy belongs to another agent",
        );
    }
    let path = request.uri().path();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
    let is_model = path
        .strip_prefix("/v1/models/")
        .is_some_and(|id| id.chars().all(is_name) && !id.starts_with('.'));
    if !(CALLS.contains(&path) || is_model)
        || ![Method::GET, Method::POST, Method::HEAD].contains(request.method())
    {
        return refusal(
            StatusCode::NOT_FOUND,
            "not_found_error",
            "agents may only call the model here, no other endpoints of its service",
        );
    }
    let query = request
        .uri()
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let address = format!("{}{path}{query}", model.service);
    let mut headers = request.headers().clone();
    for hop in [
        header::HOST,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(hop);
    }
    model.login.add_to(&mut headers);
    let call = model
        .client
        .request(request.method().clone(), address)
        .headers(headers);
    let Ok(body) = axum::body::to_bytes(request.into_body(), BODY).await else {
        let words = "the request is larger than 64 MB";
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", words);
    };
    if let Some(what) = goes_elsewhere(&body).filter(|_| !model.open) {
        let words = format!(
            "agents of this repository may only reach allowed hosts, and {what} would reach others; `--egress open` allows it"
        );
        return refusal(StatusCode::FORBIDDEN, "permission_error", &words);
    }
    let call = call.body(body);
    match call.send().await {
        Ok(answer) => passed_back(answer),
        Err(error) => {
            // The address comes from the keeper's configuration.
            let why = error.without_url();
            refusal(
                StatusCode::BAD_GATEWAY,
                "api_error",
                &format!("could not reach the model service: {why}"),
            )
        }
    }
}

/// Maximum size of a model call, with the whole conversation.
const BODY: usize = 64 << 20;

/// The part of a call that would let the service reach hosts of the agent's choice. Its web search
/// does not name hosts.
fn goes_elsewhere(body: &[u8]) -> Option<String> {
    let call: Value = serde_json::from_slice(body).ok()?;
    if call["mcp_servers"]
        .as_array()
        .is_some_and(|servers| !servers.is_empty())
    {
        return Some("`mcp_servers`".into());
    }
    let tools = call["tools"].as_array()?;
    let kinds = tools.iter().filter_map(|tool| tool["type"].as_str());
    let reaches = |kind: &&str| {
        ["web_fetch", "mcp", "url"]
            .iter()
            .any(|one| kind.starts_with(one))
    };
    kinds
        .into_iter()
        .find(reaches)
        .map(|kind| format!("`{kind}`"))
}

fn passed_back(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let mut headers = answer.headers().clone();
    for hop in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(hop);
    }
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn refusal(status: StatusCode, kind: &str, words: &str) -> Response {
    let body = json!({ "type": "error", "error": { "type": kind, "message": words } });
    (status, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_not_sent_where_the_agent_may_not_go() {
        let what = |body: Value| goes_elsewhere(body.to_string().as_bytes());
        assert!(what(json!({ "mcp_servers": [{ "url": "https://evil.example" }] })).is_some());
        assert!(
            what(json!({ "tools": [{ "type": "web_fetch_20250910", "name": "web_fetch" }] }))
                .is_some()
        );
        assert_eq!(
            what(
                json!({ "tools": [{ "type": "web_search_20250305" }, { "name": "Bash" }], "messages": [] })
            ),
            None
        );
        assert_eq!(what(json!({ "mcp_servers": [] })), None);
    }
}
