//! One call of the Web API, and what follows from how it ended. Arguments and answers are plain
//! JSON: the typed models lose text and refuse answers of calls that were served (measured).

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use slack_morphism::{
    errors::SlackClientError,
    prelude::{
        SlackApiToken, SlackClient, SlackClientHyperConnector, SlackClientHyperHttpsConnector,
    },
};
use vine_domain::ports::ChatError;

/// Longer than Slack ever takes: what is served after we gave up is posted twice.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// How a call ended that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackCallError {
    /// Slack said no, and will say no again.
    #[error("Slack refuses {0}: {1}")]
    Refused(String, String),
    /// Slack takes nothing for so long.
    #[error("{0}: Slack asks us to wait for {1:?}")]
    Limited(String, Duration),
    /// It may have been done or not.
    #[error("{0}: whether it was done is unknown: {1}")]
    Unclear(String, String),
}

impl SlackCallError {
    /// The code, when Slack said no.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(_, code) => Some(code),
            Self::Limited(..) | Self::Unclear(..) => None,
        }
    }
}

impl From<SlackCallError> for ChatError {
    fn from(error: SlackCallError) -> Self {
        let why = error.to_string();
        match error {
            SlackCallError::Refused(method, code) if is_content(&method, &code) => {
                Self::Unfit(format!("Slack refuses {method}: {code}"))
            }
            SlackCallError::Refused(_, code) if code == "thread_not_found" => Self::ThreadGone(why),
            SlackCallError::Refused(method, code) => Self::Gone(advice(&method, &code)),
            SlackCallError::Limited(_, after) => Self::NotNow { why, after },
            SlackCallError::Unclear(..) => Self::Retry {
                why,
                after: Duration::from_secs(1),
            },
        }
    }
}

/// Whether a post is refused for what it holds, and would be again.
fn is_content(method: &str, code: &str) -> bool {
    const CODES: [&str; 13] = [
        "attachment_payload_limit_exceeded",
        "invalid_arguments",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
        "413 Payload Too Large",
    ];
    method.starts_with("chat.") && CODES.contains(&code)
}

/// What a person can do about a refusal.
fn advice(method: &str, code: &str) -> String {
    format!("Slack refuses {method}: {code}; {}", remedy(code))
}

/// The same of a channel that Slack shows to be closed.
pub fn remedy(code: &str) -> &'static str {
    match code {
        "not_in_channel" | "channel_not_found" => {
            "invite the bot into the channel, or choose another one with `repo room`"
        }
        "is_archived" => {
            "the channel is archived; open it again, or choose another one with `repo room`"
        }
        "not_allowed_token_type" => "bot_token and app_token may have been exchanged",
        code if code.starts_with("missing_scope") => {
            "give the app that scope (`vine manifest slack` has all of them) and install it again"
        }
        "invalid_auth" | "account_inactive" | "token_revoked" | "not_authed" => {
            "the token is not valid any more; set `chat.slack` anew"
        }
        "restricted_action" => "the workspace does not let apps do that; ask its owner",
        _ => "see the list of error codes of that method in Slack's reference",
    }
}

/// A token's way to the Web API.
pub struct WebApi {
    base: String,
    client: SlackClient<SlackClientHyperHttpsConnector>,
    token: SlackApiToken,
    /// For what the crate does not show: headers, and bytes that are not JSON.
    http: reqwest::Client,
}

/// A connector for any address: the stock one speaks https alone.
pub fn connector(base: &str) -> Result<SlackClientHyperHttpsConnector, String> {
    let mut http = hyper_util::client::legacy::connect::HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    let tls = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let tls =
        tls.map_err(|error| format!("no certificates of this system can be read: {error}"))?;
    let https = tls
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Ok(SlackClientHyperConnector::from(https).with_slack_api_url(base.trim_end_matches('/')))
}

impl WebApi {
    /// Nothing is called yet.
    pub fn new(base: &str, token: &str) -> Result<Self, String> {
        // A redirection of a file leads to a page for people to log in.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|error| error.to_string())?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self {
            client: SlackClient::new(connector(&base)?),
            token: SlackApiToken::new(token.into()),
            http,
            base,
        })
    }

    /// Who the token belongs to, and its scopes with commas between.
    pub async fn identity(&self) -> Result<(Value, String), SlackCallError> {
        let unclear = |error: reqwest::Error| {
            SlackCallError::Unclear("auth.test".into(), error.without_url().to_string())
        };
        let answer = self
            .http
            .post(format!("{}/auth.test", self.base))
            .bearer_auth(&self.token.token_value.0)
            .send()
            .await;
        let answer = answer.map_err(unclear)?;
        let scopes = answer
            .headers()
            .get("x-oauth-scopes")
            .and_then(|scopes| scopes.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let limit = answer
            .headers()
            .get("retry-after")
            .and_then(|wait| wait.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        if let Some(after) = limit.filter(|_| answer.status() == 429) {
            return Err(SlackCallError::Limited("auth.test".into(), after));
        }
        let known: Value = answer.json().await.map_err(unclear)?;
        match known["error"].as_str() {
            Some(code) => Err(SlackCallError::Refused("auth.test".into(), code.to_owned())),
            None => Ok((known, scopes)),
        }
    }

    /// A file's content.
    ///
    /// # Errors
    /// Says in words why it did not come.
    pub async fn download(&self, address: &str) -> Result<Vec<u8>, String> {
        // Our token is for Slack alone, whatever a message calls the address of its file.
        if !is_of_slack(address, &self.base) {
            return Err("its address is not Slack's".into());
        }
        let shown = |error: reqwest::Error| error.without_url().to_string();
        let answer = self
            .http
            .get(address)
            .bearer_auth(&self.token.token_value.0)
            .send()
            .await
            .map_err(shown)?;
        if answer.status() != 200 {
            return Err(answer.status().to_string());
        }
        answer
            .bytes()
            .await
            .map(|bytes| bytes.to_vec())
            .map_err(shown)
    }

    /// Puts a text as a file into a thread.
    pub async fn upload(
        &self,
        channel: &str,
        thread: Option<&str>,
        name: &str,
        text: &str,
    ) -> Result<(), SlackCallError> {
        let length = text.len().to_string();
        let place = self
            .read(
                "files.getUploadURLExternal",
                &[("filename", name), ("length", &length)],
            )
            .await?;
        let unclear = |error: reqwest::Error| {
            SlackCallError::Unclear("upload".into(), error.without_url().to_string())
        };
        let sent = self
            .http
            .post(place["upload_url"].as_str().unwrap_or_default())
            .body(text.to_owned())
            .send()
            .await;
        sent.and_then(reqwest::Response::error_for_status)
            .map_err(unclear)?;
        let file = json!([{ "id": place["file_id"], "title": name }]);
        let mut args = json!({ "files": file, "channel_id": channel });
        if let Some(thread) = thread {
            args["thread_ts"] = json!(thread);
        }
        self.call("files.completeUploadExternal", &args)
            .await
            .map(drop)
    }

    /// Calls a method with JSON.
    pub async fn call(&self, method: &str, args: &Value) -> Result<Value, SlackCallError> {
        let session = self.client.open_session(&self.token);
        let call = session
            .http_session_api
            .http_post::<_, Value>(method, args, None);
        ended(method, tokio::time::timeout(PATIENCE, call).await)
    }

    /// Calls a method that reads; those take no JSON.
    pub async fn read(&self, method: &str, args: &[(&str, &str)]) -> Result<Value, SlackCallError> {
        let session = self.client.open_session(&self.token);
        let params: Vec<(&str, Option<&str>)> = args
            .iter()
            .map(|(key, value)| (*key, Some(*value)))
            .collect();
        let call = session
            .http_session_api
            .http_get::<Value, _, _>(method, &params, None);
        ended(method, tokio::time::timeout(PATIENCE, call).await)
    }

    /// What stands in a channel or a thread, with metadata. A thread is read whole, since it begins
    /// with its oldest reply; of a channel the latest hundred messages are looked at.
    pub async fn messages(
        &self,
        channel: &str,
        thread: Option<&str>,
    ) -> Result<Vec<Value>, SlackCallError> {
        let of = |page: &Value| page["messages"].as_array().cloned().unwrap_or_default();
        let Some(root) = thread else {
            let args = [
                ("channel", channel),
                ("include_all_metadata", "true"),
                ("limit", "100"),
            ];
            return Ok(of(&self.read("conversations.history", &args).await?));
        };
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(cursor) = pages.next() {
            let args = [
                ("channel", channel),
                ("ts", root),
                ("include_all_metadata", "true"),
                ("limit", "100"),
                ("cursor", cursor),
            ];
            let page = self.read("conversations.replies", &args).await?;
            found.extend(of(&page));
            pages.after(&page);
        }
        Ok(found)
    }

    /// Answers somebody where Slack told us to, for half an hour: also where we may not speak.
    pub async fn respond(&self, address: &str, answer: &Value) -> Result<(), String> {
        if !is_of_slack(address, &self.base) {
            return Err("its address is not Slack's".into());
        }
        let sent = self.http.post(address).json(answer).send().await;
        sent.and_then(reqwest::Response::error_for_status)
            .map(drop)
            .map_err(|error| error.without_url().to_string())
    }
}

/// Pages of an answer that comes in parts. Ends also where a server names a page again, and after
/// more pages than anything of ours has.
#[derive(Debug, Default)]
pub struct Pages {
    read: HashSet<String>,
    cursor: String,
    end: bool,
}

impl Pages {
    /// Of a hundred and more each.
    const MOST: usize = 1_000;

    /// The cursor of the next page, empty for the first.
    pub fn next(&mut self) -> Option<&str> {
        let known = !self.read.insert(self.cursor.clone());
        if self.end || known || self.read.len() > Self::MOST {
            if known && !self.end {
                tracing::warn!(
                    "Slack names a page that was read already; what comes after it stays unread"
                );
            }
            return None;
        }
        Some(&self.cursor)
    }

    /// Goes on after this page.
    pub fn after(&mut self, page: &Value) {
        let next = page["response_metadata"]["next_cursor"].as_str();
        next.unwrap_or_default().clone_into(&mut self.cursor);
        self.end = self.cursor.is_empty();
    }
}

/// Whether an address is where the Web API is, or another host of Slack's.
fn is_of_slack(address: &str, base: &str) -> bool {
    let (Ok(address), Ok(base)) = (reqwest::Url::parse(address), reqwest::Url::parse(base)) else {
        return false;
    };
    let theirs = |host: &str| host == "slack.com" || host.ends_with(".slack.com");
    address.origin() == base.origin()
        || (address.scheme() == "https" && address.host_str().is_some_and(theirs))
}

/// What a message carries so that it is known again: opaque, everybody can read it.
pub fn metadata(key: &str, part: usize, last: bool) -> Value {
    json!({ "event_type": "agentvine_message", "event_payload": { "key": key, "part": part.to_string(), "last": last.to_string() } })
}

fn ended(
    method: &str,
    done: Result<Result<Value, SlackClientError>, tokio::time::error::Elapsed>,
) -> Result<Value, SlackCallError> {
    let method = method.to_owned();
    match done {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(classified(method, &error)),
        Err(_) => Err(SlackCallError::Unclear(
            method,
            format!("no answer within {PATIENCE:?}"),
        )),
    }
}

/// The code; of a missing scope also which one.
fn refusal(code: &str, body: Option<&str>) -> String {
    let needed = body
        .filter(|_| code == "missing_scope")
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    match needed.as_ref().and_then(|body| body["needed"].as_str()) {
        Some(needed) => format!("{code} {needed}"),
        None => code.to_owned(),
    }
}

/// Texts of these errors hold whole bodies: only codes are kept.
fn classified(method: String, error: &SlackClientError) -> SlackCallError {
    const PASSING: [&str; 4] = [
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
    ];
    match error {
        SlackClientError::RateLimitError(limit) => {
            SlackCallError::Limited(method, limit.retry_after.unwrap_or(Duration::from_secs(1)))
        }
        SlackClientError::ApiError(error)
            if error.code == "ratelimited" || error.code == "rate_limited" =>
        {
            SlackCallError::Limited(method, Duration::from_secs(1))
        }
        SlackClientError::ApiError(error) if PASSING.contains(&error.code.as_str()) => {
            SlackCallError::Unclear(method, error.code.clone())
        }
        SlackClientError::ApiError(error) => SlackCallError::Refused(
            method,
            refusal(&error.code, error.http_response_body.as_deref()),
        ),
        SlackClientError::HttpError(error) if !error.status_code.is_server_error() => {
            SlackCallError::Refused(method, error.status_code.to_string())
        }
        SlackClientError::HttpError(error) => {
            SlackCallError::Unclear(method, error.status_code.to_string())
        }
        SlackClientError::HttpProtocolError(_) => {
            SlackCallError::Unclear(method, "the connection broke".into())
        }
        SlackClientError::ProtocolError(_) => {
            SlackCallError::Unclear(method, "the answer cannot be read".into())
        }
        _ => SlackCallError::Unclear(method, "the connection failed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_token_goes_to_slack_alone() {
        let base = "http://127.0.0.1:80/api";
        for address in [
            "https://files.slack.com/a",
            "https://slack.com/a",
            "http://127.0.0.1:80/files/1",
        ] {
            assert!(is_of_slack(address, base), "{address}");
        }
        for address in [
            "https://files.slack.com.evil.org/a",
            "http://files.slack.com/a",
            "https://evilslack.com/a",
            "http://127.0.0.1:81/a",
            "x",
        ] {
            assert!(!is_of_slack(address, base), "{address}");
        }
    }

    #[test]
    fn a_missing_scope_is_named_with_what_to_do() {
        let code = refusal(
            "missing_scope",
            Some(
                r#"{"ok":false,"error":"missing_scope","needed":"groups:write","provided":"chat:write"}"#,
            ),
        );
        let told = ChatError::from(SlackCallError::Refused("conversations.create".into(), code))
            .to_string();
        assert_eq!(
            told,
            "Slack refuses conversations.create: missing_scope groups:write; give the app that \
             scope (`vine manifest slack` has all of them) and install it again"
        );
    }

    #[test]
    fn pages_end_when_one_comes_again() {
        let mut pages = Pages::default();
        let next = |cursor: &str| json!({ "response_metadata": { "next_cursor": cursor } });
        for cursor in ["", "a", "b"] {
            assert_eq!(pages.next(), Some(cursor));
            pages.after(&next(if cursor == "a" { "b" } else { "a" }));
        }
        assert_eq!(pages.next(), None, "a, b, a");
        let mut last = Pages::default();
        assert_eq!(last.next(), Some(""));
        last.after(&next(""));
        assert_eq!(last.next(), None);
        let (mut endless, mut read) = (Pages::default(), 0);
        while let Some(_page) = endless.next() {
            read += 1;
            endless.after(&next(&read.to_string()));
        }
        assert_eq!(read, Pages::MOST);
    }

    #[test]
    fn what_is_refused_for_what_it_holds_is_told_from_rooms_and_threads() {
        let of = |method: &str, code: &str| {
            ChatError::from(SlackCallError::Refused(method.into(), code.into()))
        };
        assert!(matches!(
            of("chat.postMessage", "invalid_blocks"),
            ChatError::Unfit(_)
        ));
        assert!(matches!(
            of("chat.update", "msg_too_long"),
            ChatError::Unfit(_)
        ));
        assert!(matches!(
            of("conversations.create", "invalid_arguments"),
            ChatError::Gone(_)
        ));
        assert!(matches!(
            of("chat.postMessage", "thread_not_found"),
            ChatError::ThreadGone(_)
        ));
        assert!(matches!(
            of("chat.postMessage", "is_archived"),
            ChatError::Gone(_)
        ));
    }

    #[test]
    fn what_may_have_been_done_is_tried_again_and_limits_hold_everything() {
        let unclear = ChatError::from(SlackCallError::Unclear(
            "chat.postMessage".into(),
            "500".into(),
        ));
        assert!(matches!(unclear, ChatError::Retry { .. }));
        let limited = ChatError::from(SlackCallError::Limited(
            "chat.postMessage".into(),
            Duration::from_secs(3),
        ));
        assert!(
            matches!(limited, ChatError::NotNow { after, .. } if after == Duration::from_secs(3))
        );
    }
}
