//! One call of the Web API and how to handle its outcome. Arguments and responses are plain JSON,
//! since the typed models lose text and reject responses of successful calls (measured).

use crate::errors::SlackCallError;

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use slack_morphism::{
    errors::SlackClientError,
    prelude::{
        SlackApiToken, SlackClient, SlackClientHyperConnector, SlackClientHyperHttpsConnector,
    },
};
use vine_domain::chat::pieces::FilePiece;

/// Longer than Slack usually takes: a request that completes after we gave up is posted twice.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// A Web API client for one token.
pub struct WebApi {
    base: String,
    client: SlackClient<SlackClientHyperHttpsConnector>,
    token: SlackApiToken,
    /// For what the crate does not support: response headers and data that is not JSON.
    http: reqwest::Client,
}

/// A connector for any URL; the stock one only supports https.
pub fn connector(base: &str) -> Result<SlackClientHyperHttpsConnector, String> {
    let mut http = hyper_util::client::legacy::connect::HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    let tls = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let tls = tls.map_err(|error| format!("could not load the system's certificates: {error}"))?;
    let https = tls
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Ok(SlackClientHyperConnector::from(https).with_slack_api_url(base.trim_end_matches('/')))
}

impl WebApi {
    /// Makes no request.
    pub fn new(base: &str, token: &str) -> Result<Self, String> {
        // A file that redirects leads to a login page.
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

    /// The owner of the token, and its scopes separated by commas.
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

    /// Downloads a file.
    ///
    /// # Errors
    /// Says why the download failed.
    pub async fn download(&self, address: &str) -> Result<Vec<u8>, String> {
        // Our token must only go to Slack, whatever URL a message gives for its file.
        if !is_of_slack(address, &self.base) {
            return Err("not a URL of Slack".into());
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

    /// Posts a text as a file.
    pub async fn upload(
        &self,
        channel: &str,
        thread: Option<&str>,
        piece: &FilePiece,
    ) -> Result<(), SlackCallError> {
        let length = piece.bytes.len().to_string();
        let place = self
            .read(
                "files.getUploadURLExternal",
                &[("filename", piece.name.as_str()), ("length", &length)],
            )
            .await?;
        let unclear = |error: reqwest::Error| {
            SlackCallError::Unclear("upload".into(), error.without_url().to_string())
        };
        let sent = self
            .http
            .post(place["upload_url"].as_str().unwrap_or_default())
            .body(piece.bytes.clone())
            .send()
            .await;
        let answer = sent.map_err(unclear)?;
        // Slack takes no such file, and will not take it later.
        if answer.status().is_client_error() {
            let code = answer.status().to_string();
            return Err(SlackCallError::Refused("files.upload".into(), code));
        }
        answer.error_for_status().map_err(unclear)?;
        let file = json!([{ "id": place["file_id"], "title": piece.title }]);
        let mut args = json!({ "files": file, "channel_id": channel });
        if let Some(thread) = thread {
            args["thread_ts"] = json!(thread);
        }
        self.call("files.completeUploadExternal", &args)
            .await
            .map(drop)
    }

    /// Calls a method with JSON arguments.
    pub async fn call(&self, method: &str, args: &Value) -> Result<Value, SlackCallError> {
        let session = self.client.open_session(&self.token);
        let call = session
            .http_session_api
            .http_post::<_, Value>(method, args, None);
        ended(method, tokio::time::timeout(PATIENCE, call).await)
    }

    /// Calls a reading method, which takes no JSON.
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

    /// The messages of a channel or a thread, with metadata. A thread is read completely, since it
    /// starts with its oldest reply; of a channel, only the latest hundred messages are read.
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
        let mut found = Vec::new();
        let mut pages = Pages::default();
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

    /// Replies through a response URL, which also works where we are not allowed to post.
    pub async fn respond(&self, address: &str, answer: &Value) -> Result<(), String> {
        if !is_of_slack(address, &self.base) {
            return Err("not a URL of Slack".into());
        }
        let sent = self.http.post(address).json(answer).send().await;
        sent.and_then(reqwest::Response::error_for_status)
            .map(drop)
            .map_err(|error| error.without_url().to_string())
    }
}

/// The cursors of a paged response. Also ends when the server repeats a page, and after more pages
/// than any real list has.
#[derive(Debug, Default)]
pub struct Pages {
    read: HashSet<String>,
    cursor: String,
    end: bool,
}

impl Pages {
    /// The most pages to read, each with at least a hundred entries.
    const MOST: usize = 1_000;

    /// The cursor of the next page, empty for the first.
    pub fn next(&mut self) -> Option<&str> {
        let known = !self.read.insert(self.cursor.clone());
        if self.end || known || self.read.len() > Self::MOST {
            if known && !self.end {
                tracing::warn!(
                    "Slack returned a page cursor a second time; later pages are not read"
                );
            }
            return None;
        }
        Some(&self.cursor)
    }

    /// Continues after this page.
    pub fn after(&mut self, page: &Value) {
        let next = page["response_metadata"]["next_cursor"].as_str();
        next.unwrap_or_default().clone_into(&mut self.cursor);
        self.end = self.cursor.is_empty();
    }
}

/// Whether a URL is on the Web API's host or another host of Slack.
fn is_of_slack(address: &str, base: &str) -> bool {
    let (Ok(address), Ok(base)) = (reqwest::Url::parse(address), reqwest::Url::parse(base)) else {
        return false;
    };
    let theirs = |host: &str| host == "slack.com" || host.ends_with(".slack.com");
    address.origin() == base.origin()
        || (address.scheme() == "https" && address.host_str().is_some_and(theirs))
}

/// The metadata by which we recognize our message. Its key is opaque, since anyone can read it.
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
            format!("no response within {PATIENCE:?}"),
        )),
    }
}

/// The error code; for a missing scope also its name.
fn refusal(code: &str, body: Option<&str>) -> String {
    let needed = body
        .filter(|_| code == "missing_scope")
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    match needed.as_ref().and_then(|body| body["needed"].as_str()) {
        Some(needed) => format!("{code} {needed}"),
        None => code.to_owned(),
    }
}

/// Keeps only the codes, since the texts of these errors contain whole bodies.
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
            SlackCallError::Unclear(method, "the connection was lost".into())
        }
        SlackClientError::ProtocolError(_) => {
            SlackCallError::Unclear(method, "the response cannot be read".into())
        }
        _ => SlackCallError::Unclear(method, "the connection failed".into()),
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::ports::ChatError;

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
            "Slack refused conversations.create: missing_scope groups:write; give the app that \
             scope (`vine manifest slack` lists all of them) and reinstall it"
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
        let mut endless = Pages::default();
        let mut read = 0;
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
