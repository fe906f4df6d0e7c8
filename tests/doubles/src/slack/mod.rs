//! Slack on loopback: the Web API methods that the adapter uses, Socket Mode with acknowledgements
//! and redelivery, commands, buttons, modals and shortcuts, and faults on demand. `world` is what a
//! workspace holds, `web` its methods, `deliver` how the app hears of things, `fault` what goes
//! wrong, `control` the hands of people and tests. It is believable as far as the official SDKs
//! work with it unmodified (`tests/it/double_slack.rs`).

mod control;
mod deliver;
mod fault;
pub mod requests;
mod web;
pub mod world;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};
use vine_domain::clock::{Clock, System};

use self::{
    deliver::Socket,
    fault::{Fault, How},
    requests::Door,
    world::{Notice, World, merge},
};

pub use web::SCOPES;

/// The tokens of the one installation.
pub const BOT_TOKEN: &str = "xoxb-double";
pub const APP_TOKEN: &str = "xapp-double";

/// A running double.
pub struct Slack {
    world: Mutex<World>,
    wire: Mutex<Wire>,
    count: AtomicU64,
}

/// What lies between the workspace and the app.
struct Wire {
    sockets: Vec<Socket>,
    /// Who waits for the acknowledgement of an envelope.
    expected: HashMap<String, oneshot::Sender<Value>>,
    faults: Vec<Fault>,
    /// Posts in each channel: at most one in so many milliseconds after a burst of three; `None`
    /// lets all pass.
    limit: Option<i64>,
    /// When each channel's next post is due, in milliseconds since 1970.
    paced: HashMap<String, i64>,
    /// Where the app listens, when it has no sockets.
    door: Option<Door>,
    /// What the app was given when it was installed.
    scopes: String,
    /// The next connections get no hello.
    silent: u32,
    /// Each envelope is sent so often.
    copies: u32,
    /// Times of the documentation are multiplied by this.
    hurry: f64,
    /// All calls of the app, in order.
    calls: Vec<(String, Value)>,
    /// The token counts no more.
    revoked: bool,
    /// Each page names itself as the next one.
    endless: bool,
    /// What nobody acknowledged in time, and nothing repeats.
    failed: Vec<Value>,
}

impl Slack {
    /// Serves until the listener fails.
    pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
        let base = format!("http://{}", listener.local_addr()?);
        let wire = Wire {
            sockets: Vec::new(),
            expected: HashMap::new(),
            faults: Vec::new(),
            limit: None,
            paced: HashMap::new(),
            door: None,
            scopes: SCOPES.into(),
            silent: 0,
            copies: 1,
            hurry: 1.0,
            calls: Vec::new(),
            revoked: false,
            endless: false,
            failed: Vec::new(),
        };
        let slack = Arc::new(Self {
            world: Mutex::new(World::new(&base)),
            wire: Mutex::new(wire),
            count: AtomicU64::new(0),
        });
        let routes = Router::new()
            .route("/api/{method}", any(method))
            .route("/socket", get(socket))
            .route("/upload/{id}", post(uploaded))
            .route("/files/{id}", get(file))
            .route("/hooks/{id}", post(hook))
            .merge(control::routes())
            .with_state(slack);
        axum::serve(listener, routes).await
    }

    /// The workspace, at the present moment.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = System.now().0;
        world
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn retry_room_now(&self) -> f64 {
        self.wire().hurry
    }

    fn copies(&self) -> u32 {
        self.wire().copies
    }

    fn door(&self) -> Option<Door> {
        self.wire().door.clone()
    }

    fn connections(&self) -> usize {
        self.wire().sockets.len()
    }

    /// Whether a new connection is greeted.
    fn greets(&self) -> bool {
        let mut wire = self.wire();
        let greets = wire.silent == 0;
        wire.silent = wire.silent.saturating_sub(1);
        greets
    }

    fn opened(&self, socket: Socket) {
        self.wire().sockets.push(socket);
    }

    fn closed(&self, id: u64) {
        self.wire().sockets.retain(|socket| socket.id != id);
    }

    fn expect(&self, envelope: &str, sender: oneshot::Sender<Value>) {
        self.wire().expected.insert(envelope.into(), sender);
    }

    fn forget(&self, envelope: &str) {
        self.wire().expected.remove(envelope);
    }

    /// Sends a frame over one open connection, in turn; `false` when there is none.
    fn send(&self, frame: &Value) -> bool {
        let turn = self.next();
        let wire = self.wire();
        let Ok(count) = u64::try_from(wire.sockets.len()) else {
            return false;
        };
        let Some(socket) = turn
            .checked_rem(count)
            .and_then(|at| wire.sockets.get(usize::try_from(at).ok()?))
        else {
            return false;
        };
        socket
            .out
            .send(axum::extract::ws::Message::text(frame.to_string()))
            .is_ok()
    }

    /// A frame of the app has come over a connection.
    fn acknowledged(&self, socket: u64, frame: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else {
            return;
        };
        let mut wire = self.wire();
        if wire.sockets.iter().any(|one| one.id == socket && one.deaf) {
            return;
        }
        if let Some(waiting) = frame["envelope_id"]
            .as_str()
            .and_then(|id| wire.expected.remove(id))
        {
            let _too_late = waiting.send(frame["payload"].clone());
        }
    }

    /// Whether a channel takes a post now.
    fn paces(&self, channel: &str) -> bool {
        let now = System.now().0;
        let mut wire = self.wire();
        let Some(pause) = wire.limit else { return true };
        let due = wire.paced.entry(channel.to_owned()).or_insert(0);
        let passes = *due <= now + 2 * pause;
        if passes {
            *due = (*due).max(now) + pause;
        }
        passes
    }

    fn note_failed(&self, notice: &Notice) {
        let (Notice::Event(payload) | Notice::Command(payload) | Notice::Interaction(payload)) =
            notice;
        self.wire().failed.push(payload.clone());
    }

    /// Sends what has come up on its way.
    fn flush(self: &Arc<Self>) {
        for notice in self.world().take_notices() {
            tokio::spawn(deliver::deliver(Arc::clone(self), notice));
        }
    }
}

type On = State<Arc<Slack>>;

/// `/api/<method>`: arguments as JSON, as a form or in the query, like the real one.
async fn method(
    State(slack): On,
    Path(method): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let args = arguments(&query, &headers, &body);
    slack.wire().calls.push((method.clone(), args.clone()));
    let mut fault = fault::take(&mut slack.wire().faults, &method);
    if method == "chat.postMessage" && !slack.paces(args["channel"].as_str().unwrap_or_default()) {
        fault = Some(How::Limited(1));
    }
    match fault {
        Some(How::Limited(seconds)) => {
            let retry = [(header::RETRY_AFTER, seconds.to_string())];
            return (
                StatusCode::TOO_MANY_REQUESTS,
                retry,
                Json(json!({ "ok": false, "error": "ratelimited" })),
            )
                .into_response();
        }
        Some(How::Status(status)) => {
            return StatusCode::from_u16(status)
                .unwrap_or(StatusCode::BAD_GATEWAY)
                .into_response();
        }
        Some(How::CutBefore) => return cut(),
        Some(How::Late(millis)) => {
            let (slack, args) = (Arc::clone(&slack), args.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                let _nobody_waits = web::call(&mut slack.world(), &method, &args);
                slack.flush();
            });
            return cut();
        }
        Some(How::CutAfter | How::Slow(_) | How::Refused(_)) | None => {}
    }
    let token = token(&headers, &args);
    let revoked = slack.wire().revoked;
    let endless = slack.wire().endless;
    let refused = match &fault {
        Some(How::Refused(code)) => Some(code.clone()),
        _ => None,
    };
    let answer = match (method.as_str(), token.as_deref()) {
        (_, None) => Err("not_authed"),
        (_, Some(BOT_TOKEN)) if revoked => Err("token_revoked"),
        _ if refused.is_some() => Err(""),
        ("apps.connections.open", Some(APP_TOKEN)) => {
            Ok(json!({ "url": format!("{}/socket", slack.world().base.replacen("http", "ws", 1)) }))
        }
        ("apps.connections.open", Some(BOT_TOKEN)) => Err("not_allowed_token_type"),
        (method, Some(BOT_TOKEN)) => web::call(&mut slack.world(), method, &args),
        _ => Err("invalid_auth"),
    };
    slack.flush();
    match fault {
        Some(How::CutAfter) => return cut(),
        Some(How::Slow(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
        _ => {}
    }
    let mut body = json!({ "ok": answer.is_ok() });
    match answer {
        Ok(more) => merge(&mut body, &more),
        Err(code) => body["error"] = refused.map_or_else(|| json!(code), |code| json!(code)),
    }
    if endless && body["response_metadata"].is_object() {
        body["response_metadata"]["next_cursor"] = json!("again");
    }
    let scopes = slack.wire().scopes.clone();
    ([("x-oauth-scopes", scopes)], Json(body)).into_response()
}

fn arguments(query: &HashMap<String, String>, headers: &HeaderMap, body: &Bytes) -> Value {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let mut args = json!({});
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    if kind.starts_with("application/json") {
        merge(&mut args, &serde_json::from_slice(body).unwrap_or_default());
    } else {
        for (key, text) in fields {
            // Clients that send forms put JSON into single fields.
            let nested = matches!(
                key.as_str(),
                "blocks" | "metadata" | "view" | "files" | "attachments"
            );
            args[&key] = nested
                .then(|| serde_json::from_str(&text).ok())
                .flatten()
                .unwrap_or(json!(text));
        }
    }
    for (key, text) in query {
        args[key] = json!(text);
    }
    args
}

fn token(headers: &HeaderMap, args: &Value) -> Option<String> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| args["token"].as_str()).map(str::to_owned)
}

/// The connection ends in the middle of the answer.
fn cut() -> Response {
    let broken =
        futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    axum::body::Body::from_stream(broken).into_response()
}

async fn socket(State(slack): On, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| deliver::serve(slack, socket))
}

async fn uploaded(
    State(slack): On,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/"));
    let bytes = if form { part(&body) } else { body.to_vec() };
    slack.world().bytes.insert(id, bytes);
    "OK".into_response()
}

/// A file's content; without a token Slack sends people to its log-in page.
async fn file(State(slack): On, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if token(&headers, &Value::Null).as_deref() != Some(BOT_TOKEN) {
        return (StatusCode::FOUND, [(header::LOCATION, "/signin")]).into_response();
    }
    let bytes = slack.world().bytes.get(&id).cloned();
    bytes.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

/// The content of the only part of a form.
fn part(body: &[u8]) -> Vec<u8> {
    let find = |pattern: &[u8], from: usize| {
        body[from..]
            .windows(pattern.len())
            .position(|window| window == pattern)
            .map(|at| at + from)
    };
    let boundary = find(b"\r\n", 0).unwrap_or(0);
    let begin = find(b"\r\n\r\n", 0).map_or(0, |at| at + 4);
    let end = find(&[b"\r\n", &body[..boundary]].concat(), begin).unwrap_or(body.len());
    body[begin..end].to_vec()
}

async fn hook(State(slack): On, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let done = slack.world().respond(&id, &body);
    slack.flush();
    match done {
        Ok(()) => "ok".into_response(),
        Err(code) => (StatusCode::NOT_FOUND, code).into_response(),
    }
}
