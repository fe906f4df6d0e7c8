//! HTTP with one forge: our token, its limits, and answers that have not changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{
        ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LINK,
    },
};
use serde_json::Value;
use vine_domain::{
    Branch, Clock,
    forge::{ForgeKind, ForgeProject, ForgeUser, GitToken},
    ports::{ForgeError, ForgeResult},
};

use crate::{
    app_tokens::{AppTokens, At},
    json::{list, text, user},
    refusal::{PAUSE, away, refused},
    settings::{BadSettings, ForgeAuth, ForgeSettings},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a log that are read, from its end.
const LOG: usize = 64 * 1024;
/// Bytes of a log that are read at all.
const LONGEST_LOG: usize = 64 << 20;
/// Answers that are remembered.
const REMEMBERED: usize = 2_000;
/// Entries on a page, and pages of a list.
const PAGE: usize = 100;
const PAGES: usize = 10;

/// An answer of a forge.
#[derive(Clone)]
struct Page {
    value: Arc<Value>,
    /// Whether the forge has more of the list.
    has_next: bool,
}

/// An answer with the tag by which the forge tells whether it has changed.
type Tagged = (String, Page);

/// What calls are authenticated with.
enum ClientAuth {
    Token(HeaderValue),
    App(Box<AppTokens>),
}

impl ClientAuth {
    fn of(settings: &ForgeSettings, clock: &Arc<dyn Clock>) -> Result<Self, BadSettings> {
        let token = match &settings.auth {
            ForgeAuth::App(key) => {
                let tokens = AppTokens::new(key, Arc::clone(clock))?;
                return Ok(Self::App(Box::new(tokens)));
            }
            ForgeAuth::Token(token) => token,
        };
        let value = match settings.kind {
            // Not GitLab's own header: it would be sent on to wherever an answer redirects.
            ForgeKind::Github | ForgeKind::Gitlab => format!("Bearer {token}"),
            ForgeKind::Forgejo => format!("token {token}"),
        };
        let bad = |_| BadSettings("the token has characters that no token has".into());
        let mut token = HeaderValue::from_str(&value).map_err(bad)?;
        token.set_sensitive(true);
        Ok(Self::Token(token))
    }
}

/// HTTP with one forge.
pub struct Client {
    http: reqwest::Client,
    base: String,
    kind: ForgeKind,
    auth: ClientAuth,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, Tagged>>,
}

impl Client {
    pub fn new(settings: &ForgeSettings, clock: Arc<dyn Clock>) -> Result<Self, BadSettings> {
        let auth = ClientAuth::of(settings, &clock)?;
        let mut headers = HeaderMap::new();
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
            auth,
            clock,
            known: Mutex::default(),
        })
    }

    /// An answer; the one before if the forge says that it has not changed, which costs nothing of its limit.
    pub async fn get(&self, path: &str) -> ForgeResult<Arc<Value>> {
        Ok(self.page(path).await?.value)
    }

    async fn page(&self, path: &str) -> ForgeResult<Page> {
        let known = self.known().get(path).cloned();
        let mut request = self.request(Method::GET, path).await?;
        if let Some((tag, _)) = &known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(away)?;
        if let (StatusCode::NOT_MODIFIED, Some((_, page))) = (response.status(), known) {
            return Ok(page);
        }
        let header = |name| response.headers().get(name)?.to_str().ok();
        let tag = header(ETAG).map(str::to_owned);
        // RFC 8288; all three forges send it.
        let has_next = header(LINK).is_some_and(|links| links.contains("rel=\"next\""));
        let value = Arc::new(self.read(response).await?);
        let page = Page { value, has_next };
        if let Some(tag) = tag {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(path.to_owned(), (tag, page.clone()));
        }
        Ok(page)
    }

    /// A whole list, page by page; what is beyond [`PAGES`] pages is left out.
    pub async fn all(&self, path: &str) -> ForgeResult<Vec<Value>> {
        self.pages(path, |answer| list(answer)).await
    }

    /// The same for a list that answers have under a name, beside how many there are in all.
    pub async fn all_in(&self, path: &str, name: &str) -> ForgeResult<Vec<Value>> {
        self.pages(path, |answer| list(&answer[name])).await
    }

    async fn pages(
        &self,
        path: &str,
        part_of: impl Fn(&Value) -> &[Value] + Send,
    ) -> ForgeResult<Vec<Value>> {
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
        for number in 1..=PAGES {
            let page = format!("{path}{sign}{size}={most}&page={number}");
            let page = self.page(&page).await?;
            let part = part_of(&page.value);
            all.extend(part.iter().cloned());
            // A server may give less on a page than it is asked for.
            let total = page.value["total_count"].as_u64().unwrap_or_default();
            let has_next = page.has_next || part.len() >= most || total > all.len() as u64;
            if part.is_empty() || !has_next {
                return Ok(all);
            }
        }
        tracing::warn!(
            "{path} has more than {} entries; the rest was not read",
            all.len()
        );
        Ok(all)
    }

    pub async fn send(&self, method: Method, path: &str, body: &Value) -> ForgeResult<Value> {
        let request = self.request(method, path).await?;
        let sent = request.json(body).send().await;
        self.read(sent.map_err(away)?).await
    }

    /// A call, with our token.
    async fn request(&self, method: Method, path: &str) -> ForgeResult<RequestBuilder> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Ok(match &self.auth {
            ClientAuth::Token(token) => request.header(AUTHORIZATION, token.clone()),
            ClientAuth::App(app) => match app.for_call(self.at(), path).await? {
                Some(token) => request.bearer_auth(token.reveal()),
                None => request,
            },
        })
    }

    fn at(&self) -> At<'_> {
        At {
            http: &self.http,
            base: &self.base,
            now: self.clock.now(),
        }
    }

    /// A token for git in the project at this path; `None` if ours is not an App's.
    pub async fn git_token(&self, project: &str) -> ForgeResult<Option<GitToken>> {
        match &self.auth {
            ClientAuth::Token(_) => Ok(None),
            ClientAuth::App(app) => app.for_git(self.at(), project).await.map(Some),
        }
    }

    /// What our App may do in the project at this path; `None` if ours is not an App's token.
    pub async fn app_rights(&self, project: &str) -> ForgeResult<Option<Value>> {
        match &self.auth {
            ClientAuth::Token(_) => Ok(None),
            ClientAuth::App(app) => {
                let installation = app.installation(self.at(), project).await?;
                Ok(Some(installation["permissions"].clone()))
            }
        }
    }

    /// Whose token ours is; `name` is the field with the name.
    pub async fn account(&self, name: &str) -> ForgeResult<ForgeUser> {
        if let ClientAuth::App(app) = &self.auth {
            return app.account(self.at()).await;
        }
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
        let request = self.request(Method::GET, path).await?;
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

    /// Why a call was refused. A token of an App that is not accepted is not used again: the next call has a new one.
    async fn refused(&self, response: Response) -> ForgeError {
        let is_taken_back = response.status() == StatusCode::UNAUTHORIZED;
        match (refused(response, self.clock.now()).await, &self.auth) {
            (ForgeError::Refused(why), ClientAuth::App(app)) if is_taken_back => {
                app.forget();
                ForgeError::Retry { why, after: PAUSE }
            }
            (error, _) => error,
        }
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
}
