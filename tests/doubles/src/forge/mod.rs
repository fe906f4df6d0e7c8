//! GitHub, GitLab and Forgejo on loopback: one world of projects, whose branches are those of real bare
//! repositories, behind three APIs as far as the adapters use them. Written by their documents:
//! `@octokit/openapi` (GitHub, REST 2022-11-28), GitLab's REST API resources (18.0), Forgejo's
//! `swagger.v1.json` (11.0).

pub mod apps;
mod forgejo;
pub mod git;
mod github;
mod gitlab;
pub mod hooks;
pub mod world;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use self::world::{User, World};

/// A running double.
#[derive(Clone, Default)]
pub struct Forge(Arc<Inside>);

#[derive(Default)]
struct Inside {
    world: Mutex<World>,
    wire: Mutex<Wire>,
}

#[derive(Default)]
struct Wire {
    base: String,
    faults: Vec<Fault>,
    /// Method, path and body of each call that was let in.
    calls: Vec<(String, String, Value)>,
    /// Calls that were answered with "not modified".
    unchanged: usize,
}

/// The next call whose method and path hold this goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    pub path: String,
    pub how: How,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// It is answered with this status, and nothing is done.
    Status(u16),
    /// It is done, and then the connection ends.
    CutAfter,
    /// It is refused for so many seconds.
    Limited(u32),
    /// It is refused as too much at once, as GitHub's secondary limits are: not with their usual status.
    Secondary,
    /// It is done after so many milliseconds.
    Slow(u64),
}

/// A call, taken apart.
pub(crate) struct Call<'a> {
    pub method: &'a str,
    /// The parts of the path below the API, decoded.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub body: Value,
    pub user: User,
    pub base: &'a str,
    /// The most entries on a page, whatever the caller asks for.
    pub page_cap: usize,
}

impl Call<'_> {
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// One page of a list.
    pub fn page(&self, all: Vec<Value>) -> Answer {
        let (part, has_next) = self.part(all);
        Answer::Page(Value::Array(part), has_next)
    }

    /// The same under a name, with how many there are in all.
    pub fn page_in(&self, name: &str, all: Vec<Value>) -> Answer {
        let total = all.len();
        let (part, has_next) = self.part(all);
        Answer::Page(json!({ "total_count": total, name: part }), has_next)
    }

    fn part(&self, all: Vec<Value>) -> (Vec<Value>, bool) {
        let number = |name: &str| self.query(name).and_then(|text| text.parse().ok());
        let size: usize = number("per_page").or(number("limit")).unwrap_or(30);
        let size = size.min(self.page_cap);
        let page: usize = number("page").unwrap_or(1);
        let has_next = all.len() > size * page;
        let skipped = size * page.saturating_sub(1);
        let part = all.into_iter().skip(skipped).take(size);
        (part.collect(), has_next)
    }
}

/// What is answered.
pub(crate) enum Answer {
    Json(u16, Value),
    /// A page of a list, and whether there is another.
    Page(Value, bool),
    Text(String),
    Nothing(u16),
}

impl Answer {
    pub fn ok(value: Value) -> Self {
        Self::Json(200, value)
    }

    pub fn made(value: Value) -> Self {
        Self::Json(201, value)
    }

    pub fn refused(status: u16, message: &str) -> Self {
        Self::Json(status, json!({ "message": message }))
    }
}

impl Forge {
    /// Opens one, and serves until the process ends.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let forge = Self::default();
        forge.wire().base = base;
        let app = Router::new().fallback(call).with_state(forge.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        forge
    }

    /// The address of an API: of `github`, `gitlab` or `forgejo`.
    pub fn api(&self, kind: &str) -> String {
        let base = self.wire().base.clone();
        match kind {
            "github" => format!("{base}/github"),
            "gitlab" => format!("{base}/gitlab/api/v4"),
            _ => format!("{base}/forgejo/api/v1"),
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on.
    pub fn fails(&self, fault: Fault) {
        self.wire().faults.push(fault);
    }

    /// How many faults have not come yet.
    pub fn faults_left(&self) -> usize {
        self.wire().faults.len()
    }

    /// The calls so far whose method and path hold this, each with its path and body.
    pub fn calls(&self, method: &str, path: &str) -> Vec<(String, Value)> {
        let wire = self.wire();
        let meant = |call: &&(String, String, Value)| call.0 == method && call.1.contains(path);
        let found = wire.calls.iter().filter(meant);
        found
            .map(|(_, path, body)| (path.clone(), body.clone()))
            .collect()
    }

    /// How many calls were answered with "not modified".
    pub fn unchanged(&self) -> usize {
        self.wire().unchanged
    }

    fn fault(&self, method: &str, path: &str) -> Option<How> {
        let mut wire = self.wire();
        let meant = |fault: &Fault| fault.method == method && path.contains(&fault.path);
        let at = wire.faults.iter().position(meant)?;
        Some(wire.faults.remove(at).how)
    }
}

async fn call(
    State(forge): State<Forge>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let whole = uri.path_and_query().map_or("/", |path| path.as_str());
    let fault = forge.fault(method.as_str(), whole);
    match fault {
        Some(How::Status(status)) => return plain(status, "a page of a proxy"),
        Some(How::Limited(seconds)) => {
            let limited = plain(429, "{\"message\":\"too many requests\"}");
            return ([("retry-after", seconds.to_string())], limited).into_response();
        }
        Some(How::Secondary) => {
            let limited = plain(
                403,
                "{\"message\":\"You have exceeded a secondary rate limit\"}",
            );
            return ([("retry-after", "1")], limited).into_response();
        }
        Some(How::Slow(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
        Some(How::CutAfter) | None => {}
    }
    let (answer, is_known) = forge.answer(&method, &uri, &headers, &body);
    if matches!(fault, Some(How::CutAfter)) {
        let end =
            futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
        return Body::from_stream(end).into_response();
    }
    if is_known {
        forge.wire().unchanged += 1;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    match answer {
        Answer::Nothing(status) => plain(status, ""),
        Answer::Text(text) => plain(200, &text),
        Answer::Page(value, has_next) => {
            let tag = tag(&value);
            let body = plain(200, &value.to_string());
            let mut links = HeaderMap::new();
            if has_next {
                links.insert("link", next(&forge.wire().base, &uri));
            }
            let headers = [("etag", tag), ("content-type", "application/json".into())];
            (links, headers, body).into_response()
        }
        Answer::Json(status, value) => {
            let tag = tag(&value);
            let body = plain(status, &value.to_string());
            (
                [("etag", tag), ("content-type", "application/json".into())],
                body,
            )
                .into_response()
        }
    }
}

/// The address of the next page, as the forges give it.
fn next(base: &str, uri: &Uri) -> HeaderValue {
    let query = uri.query().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let page = pairs.iter().find(|(name, _)| name == "page");
    let page: usize = page.and_then(|(_, page)| page.parse().ok()).unwrap_or(1);
    pairs.retain(|(name, _)| name != "page");
    pairs.push(("page".into(), (page + 1).to_string()));
    let query = serde_urlencoded::to_string(pairs).expect("pairs");
    let link = format!("<{base}{}?{query}>; rel=\"next\"", uri.path());
    link.parse().expect("a header")
}

fn plain(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, text.to_owned()).into_response()
}

fn tag(value: &Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let short: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{short}\"")
}

impl Forge {
    /// The answer, and whether the caller has it already.
    fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (Answer, bool) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let path = uri.path().trim_matches('/');
        let mut parts = path.split('/').map(decoded);
        let kind = parts.next().unwrap_or_default();
        let token = match kind.as_str() {
            "github" => header("authorization")
                .and_then(|text| text.split_once(' '))
                .filter(|(scheme, _)| ["bearer", "token"].contains(&scheme.to_lowercase().as_str()))
                .map(|(_, token)| token),
            "forgejo" => header("authorization").and_then(|text| text.strip_prefix("token ")),
            _ => header("private-token")
                .or_else(|| header("authorization").and_then(|text| text.strip_prefix("Bearer "))),
        };
        let skipped = if kind == "github" { 0 } else { 2 };
        let query = uri.query().unwrap_or_default();
        let base = self.wire().base.clone();
        let mut world = self.world();
        let page_cap = world.page_cap.unwrap_or(usize::MAX);
        let path: Vec<String> = parts.skip(skipped).collect();
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        if kind == "github" {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            let answer = apps::answer(&mut world, method.as_str(), &parts, token, &sent);
            if let Some(answer) = answer {
                return (answer, false);
            }
        }
        let project = path.get(1..3).map_or_else(String::new, |two| two.join("/"));
        let Some(user) = token.and_then(|token| world.caller(token, &project)) else {
            return (Answer::refused(401, "Bad credentials"), false);
        };
        let call = Call {
            method: method.as_str(),
            path,
            query: serde_urlencoded::from_str(query).unwrap_or_default(),
            body: sent,
            user,
            base: &base,
            page_cap,
        };
        self.wire()
            .calls
            .push((call.method.to_owned(), uri.to_string(), call.body.clone()));
        let answer = match kind.as_str() {
            "github" => github::answer(&mut world, &call),
            "gitlab" => gitlab::answer(&mut world, &call),
            "forgejo" => forgejo::answer(&mut world, &call),
            _ => Answer::refused(404, "Not Found"),
        };
        let known = header("if-none-match");
        let is_known = matches!(&answer, Answer::Json(200, value) | Answer::Page(value, _) if call.method == "GET" && known == Some(&tag(value)));
        (answer, is_known)
    }
}

/// Percent-decoded.
fn decoded(part: &str) -> String {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(&format!("x={}", part.replace('+', "%2B"))).unwrap_or_default();
    pairs
        .into_iter()
        .next()
        .map(|(_, value)| value)
        .unwrap_or_default()
}
