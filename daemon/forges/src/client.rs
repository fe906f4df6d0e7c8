//! HTTP with one forge: our token, its limits, and answers that have not changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH},
};
use serde_json::Value;
use vine_domain::{
    Branch,
    clock::{System, Timestamp},
    forge::{ForgeKind, ForgeProject, ForgeUser},
    ports::{ForgeError, ForgeResult},
};

use crate::{
    json::{list, text, user},
    settings::{BadSettings, ForgeSettings},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause after a failure that the forge says nothing about.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause after a limit was reached, if the forge names none.
const LIMITED: Duration = Duration::from_secs(60);
/// The longest pause that a forge may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Bytes of a log that are read, from its end.
const LOG: usize = 64 * 1024;
/// Bytes of a log that are read at all.
const LONGEST_LOG: usize = 64 << 20;
/// Answers that are remembered.
const REMEMBERED: usize = 2_000;
/// Entries on a page, and pages of a list.
const PAGE: usize = 100;
const PAGES: usize = 10;

/// An answer with the tag by which the forge tells whether it has changed.
type Tagged = (String, Arc<Value>);

/// HTTP with one forge.
pub struct Client {
    http: reqwest::Client,
    base: String,
    kind: ForgeKind,
    known: Mutex<HashMap<String, Tagged>>,
}

impl Client {
    pub fn new(settings: &ForgeSettings) -> Result<Self, BadSettings> {
        let mut headers = HeaderMap::new();
        let value = match settings.kind {
            // Not GitLab's own header: it would be sent on to wherever an answer redirects.
            ForgeKind::Github | ForgeKind::Gitlab => format!("Bearer {}", settings.token),
            ForgeKind::Forgejo => format!("token {}", settings.token),
        };
        let bad = |_| BadSettings("the token has characters that no token has".into());
        let mut token = HeaderValue::from_str(&value).map_err(bad)?;
        token.set_sensitive(true);
        headers.insert(AUTHORIZATION, token);
        if settings.kind == ForgeKind::Github {
            let version = HeaderName::from_static("x-github-api-version");
            headers.insert(version, HeaderValue::from_static("2022-11-28"));
            let accept = HeaderValue::from_static("application/vnd.github+json");
            headers.insert(ACCEPT, accept);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("agentvine/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(PATIENCE)
            .build()
            .map_err(|error| BadSettings(error.to_string()))?;
        Ok(Self {
            http,
            base: settings.api_url.trim_end_matches('/').to_owned(),
            kind: settings.kind,
            known: Mutex::default(),
        })
    }

    /// An answer; the one before if the forge says that it has not changed, which costs nothing of its limit.
    pub async fn get(&self, path: &str) -> ForgeResult<Arc<Value>> {
        let known = self.known().get(path).cloned();
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some((tag, _)) = &known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(away)?;
        if let (StatusCode::NOT_MODIFIED, Some((_, value))) = (response.status(), known) {
            return Ok(value);
        }
        let tag = response
            .headers()
            .get(ETAG)
            .and_then(|tag| tag.to_str().ok());
        let tag = tag.map(str::to_owned);
        let value = Arc::new(self.read(response).await?);
        if let Some(tag) = tag {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(path.to_owned(), (tag, Arc::clone(&value)));
        }
        Ok(value)
    }

    /// A whole list, page by page; what is beyond [`PAGES`] pages is left out.
    pub async fn all(&self, path: &str) -> ForgeResult<Vec<Value>> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let size = match self.kind {
            ForgeKind::Forgejo => "limit",
            ForgeKind::Github | ForgeKind::Gitlab => "per_page",
        };
        // Forgejo gives at most fifty.
        let most = if self.kind == ForgeKind::Forgejo {
            50
        } else {
            PAGE
        };
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let part = self
                .get(&format!("{path}{sign}{size}={most}&page={page}"))
                .await?;
            let part = list(&part);
            all.extend(part.iter().cloned());
            if part.len() < most {
                break;
            }
        }
        Ok(all)
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> ForgeResult<Value> {
        let url = format!("{}{path}", self.base);
        let sent = self.http.request(method, url).json(body).send().await;
        self.read(sent.map_err(away)?).await
    }

    /// Whose token ours is; `name` is the field with the name.
    pub async fn account(&self, name: &str) -> ForgeResult<ForgeUser> {
        let account = self.get("/user").await?;
        let none = || ForgeError::Refused("it does not tell whose token ours is".into());
        user(&account, name).ok_or_else(none)
    }

    /// The branch that the project at this path merges into.
    pub async fn default_branch(&self, path: &str) -> ForgeResult<Branch> {
        let found = self.get(path).await?;
        let named = text(&found["default_branch"]).parse();
        named.map_err(|_| ForgeError::Refused("it names no default branch".into()))
    }

    /// Whether a head is the merge of a base into the head before: what an update does, of GitHub and Forgejo.
    pub async fn is_updated(
        &self,
        project: &ForgeProject,
        now: &str,
        before: &str,
    ) -> ForgeResult<()> {
        let path = format!("/repos/{}/git/commits/{now}", project.path);
        let commit = self.get(&path).await?;
        let parents = list(&commit["parents"]);
        match parents.len() > 1 && parents[0]["sha"] == before {
            true => Ok(()),
            false => Err(ForgeError::Moved),
        }
    }

    /// The end of a log; `None` if there is none.
    pub async fn log(&self, path: &str) -> ForgeResult<Option<String>> {
        let request = self.http.get(format!("{}{path}", self.base));
        let mut response = request.send().await.map_err(away)?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let mut end = Vec::new();
        let mut read = 0;
        while let Some(part) = response.chunk().await.map_err(away)? {
            read += part.len();
            end.extend_from_slice(&part);
            if end.len() > 2 * LOG {
                end.drain(..end.len() - LOG);
            }
            if read > LONGEST_LOG {
                return Ok(None);
            }
        }
        Ok(Some(String::from_utf8_lossy(&end).into_owned()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tagged>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, response: Response) -> ForgeResult<Value> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let body = response.text().await.map_err(away)?;
        match body.trim() {
            "" => Ok(Value::Null),
            text => serde_json::from_str(text).map_err(|error| ForgeError::Retry {
                why: format!("its answer is not JSON: {error}"),
                after: PAUSE,
            }),
        }
    }

    async fn refused(&self, response: Response) -> ForgeError {
        let status = response.status();
        let pause = asked_pause(response.headers());
        let body = response.text().await.unwrap_or_default();
        let why = said(status, &body);
        match status {
            StatusCode::TOO_MANY_REQUESTS => ForgeError::Retry {
                why,
                after: pause.unwrap_or(LIMITED),
            },
            // GitHub's secondary limits are not always named in a header.
            StatusCode::FORBIDDEN if pause.is_some() || why.contains("rate limit") => {
                ForgeError::Retry {
                    why,
                    after: pause.unwrap_or(LIMITED),
                }
            }
            StatusCode::METHOD_NOT_ALLOWED if is_passing(&why) => {
                ForgeError::Retry { why, after: PAUSE }
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                ForgeError::Retry {
                    why,
                    after: pause.unwrap_or(PAUSE),
                }
            }
            StatusCode::CONFLICT => ForgeError::Conflict(why),
            StatusCode::UNAUTHORIZED => {
                ForgeError::Refused(format!("it does not accept our token ({why})"))
            }
            _ => ForgeError::Refused(why),
        }
    }
}

/// Whether a merge was refused only for the moment.
fn is_passing(why: &str) -> bool {
    ["try again later", "Base branch was modified"]
        .iter()
        .any(|words| why.contains(words))
}

fn away(error: reqwest::Error) -> ForgeError {
    // The address may hold the name of a private project, and is in our configuration.
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    ForgeError::Retry {
        why: format!("it cannot be reached: {error}{}", cause.unwrap_or_default()),
        after: PAUSE,
    }
}

/// How long the forge asks us to wait: `Retry-After`, or until its limit starts again.
fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let pause = match number("retry-after") {
        Some(seconds) => seconds,
        None => {
            let left = number("x-ratelimit-remaining").or(number("ratelimit-remaining"))?;
            let reset = number("x-ratelimit-reset").or(number("ratelimit-reset"))?;
            if left > 0 {
                return None;
            }
            let now: Timestamp = vine_domain::Clock::now(&System);
            reset - now.0 / 1000 + 1
        }
    };
    let pause = Duration::from_secs(u64::try_from(pause.max(1)).unwrap_or(1));
    Some(pause.min(LONGEST_PAUSE))
}

/// What the forge said, in one line.
fn said(status: StatusCode, body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let message = match (&value["message"], &value["error"]) {
        (Value::String(message), _) => message.clone(),
        (_, Value::String(error)) => error.clone(),
        (Value::Null, _) => String::new(),
        (other, _) => other.to_string(),
    };
    let details = list(&value["errors"]).iter();
    let details = details.filter_map(|one| one["message"].as_str().or(one.as_str()));
    let parts: Vec<&str> = std::iter::once(message.as_str()).chain(details).collect();
    let said = parts
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let said: String = said.chars().take(300).collect();
    match said.is_empty() {
        true => format!("it answered {status}"),
        false => format!("it answered {}: {said}", status.as_u16()),
    }
}
