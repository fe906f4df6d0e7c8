//! Discord on loopback: the REST API (version 10) and the gateway as far as the adapter uses them,
//! and faults on demand. `world` is what a guild holds, `rest` its calls, `gateway` how the bot
//! hears of things, `fault` what goes wrong, `control` the hands of people and tests. It is
//! believable as far as discord.py and discord.js work with it unmodified
//! (`tests/it/double_discord.rs`).

mod control;
mod fault;
mod gateway;
mod rest;
pub mod world;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State, WebSocketUpgrade},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vine_domain::clock::{Clock, System};

use self::{
    fault::{Fault, How},
    gateway::{End, Session},
    world::{NOT_FOUND, Refusal, World},
};

/// The bot's token.
pub const TOKEN: &str = "double-token";

/// A running double.
pub struct Discord {
    world: Mutex<World>,
    wire: Mutex<Wire>,
    count: AtomicU64,
    base: String,
}

/// What lies between the guild and the bot.
struct Wire {
    sessions: Vec<Session>,
    faults: Vec<Fault>,
    /// All requests of the bot, in order: method, path, body.
    calls: Vec<(String, String, Value)>,
    /// Beats are not acknowledged, and nothing is told.
    mute: bool,
    /// Until then no connection is taken.
    refused_until: i64,
    /// Milliseconds between two beats.
    beat: u64,
    /// The operator has granted the intent for message content.
    content: bool,
    /// Posts in each channel: at most one in so many milliseconds after a burst of five; `None`
    /// lets all pass.
    limit: Option<i64>,
    /// When each channel's next post is due.
    paced: std::collections::HashMap<String, i64>,
    identified: u64,
}

impl Discord {
    /// Serves until the listener fails.
    pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
        let base = format!("http://{}", listener.local_addr()?);
        let wire = Wire {
            sessions: Vec::new(),
            faults: Vec::new(),
            calls: Vec::new(),
            mute: false,
            refused_until: 0,
            beat: 41_250,
            content: true,
            limit: None,
            paced: std::collections::HashMap::new(),
            identified: 0,
        };
        let discord = Arc::new(Self {
            world: Mutex::new(World::new(&base)),
            wire: Mutex::new(wire),
            count: AtomicU64::new(0),
            base,
        });
        let routes = Router::new()
            .route("/api/v10/{*path}", any(call))
            .route("/gateway", get(connect))
            .route("/gateway/", get(connect))
            .route("/attachments/{id}/{name}", get(attachment))
            .merge(control::routes())
            .layer(DefaultBodyLimit::max(32 << 20))
            .with_state(discord);
        axum::serve(listener, routes).await
    }

    /// The guild, at the present moment.
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

    fn beat(&self) -> u64 {
        self.wire().beat
    }

    fn is_mute(&self) -> bool {
        self.wire().mute
    }

    fn grants_content(&self) -> bool {
        self.wire().content
    }

    fn gateway_url(&self) -> String {
        format!("{}/gateway", self.base.replacen("http", "ws", 1))
    }

    fn add(&self, session: Session) {
        let mut wire = self.wire();
        wire.identified += 1;
        wire.sessions.push(session);
    }

    fn forget(&self, id: &str) {
        self.wire().sessions.retain(|session| session.id != id);
    }

    fn with_session(&self, id: &str, take_up: impl FnOnce(&mut Session)) -> bool {
        let mut wire = self.wire();
        let known = wire.sessions.iter_mut().find(|session| session.id == id);
        known.map(take_up).is_some()
    }

    fn disconnected(
        &self,
        id: &str,
        out: &tokio::sync::mpsc::UnboundedSender<axum::extract::ws::Message>,
    ) {
        self.with_session(id, |session| {
            // Unless it was taken up by another connection meanwhile.
            if session
                .out
                .as_ref()
                .is_some_and(|current| current.same_channel(out))
            {
                session.out = None;
            }
        });
    }

    /// Ends all connections; `forget` says that their sessions are over too.
    fn end(&self, how: &End, forget: bool) {
        use axum::extract::ws::{CloseFrame, Message};
        let mut wire = self.wire();
        for session in &mut wire.sessions {
            let code = match how {
                End::Close(code) => *code,
                End::Cut => 0,
            };
            if let Some(out) = session.out.take() {
                let _gone = out.send(Message::Close(Some(CloseFrame {
                    code,
                    reason: "".into(),
                })));
            }
        }
        if forget {
            wire.sessions.clear();
        }
    }

    /// Sends a frame over all connections.
    fn send(&self, frame: &Value) {
        for session in &self.wire().sessions {
            if let Some(out) = &session.out {
                let _gone = out.send(axum::extract::ws::Message::text(frame.to_string()));
            }
        }
    }

    /// Tells what has come up.
    fn flush(&self) {
        let dispatches = self.world().take_dispatches();
        let mut wire = self.wire();
        if wire.mute {
            for session in &mut wire.sessions {
                session.out = None;
            }
        }
        for dispatch in &dispatches {
            wire.sessions
                .iter_mut()
                .for_each(|session| session.tell(dispatch));
        }
    }

    /// Milliseconds for which a channel takes no post.
    fn paces(&self, channel: &str) -> Option<u64> {
        let now = System.now().0;
        let mut wire = self.wire();
        let pause = wire.limit?;
        let due = wire.paced.entry(channel.to_owned()).or_insert(0);
        if *due <= now + 4 * pause {
            *due = (*due).max(now) + pause;
            return None;
        }
        u64::try_from(*due - now - 4 * pause).ok()
    }
}

type On = State<Arc<Discord>>;

async fn call(
    State(discord): On,
    method: Method,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (args, files) = rest::arguments(&headers, &body);
    discord
        .wire()
        .calls
        .push((method.to_string(), path.clone(), args.clone()));
    let mut fault = fault::take(&mut discord.wire().faults, method.as_str(), &path);
    if let ("POST", ["channels", channel, "messages"]) = (
        method.as_str(),
        path.split('/').collect::<Vec<_>>().as_slice(),
    ) && let Some(wait) = discord.paces(channel)
    {
        fault = Some(How::Limited(wait));
    }
    match fault {
        Some(How::Limited(millis)) => return limited(millis, false),
        Some(How::LimitedGlobally(millis)) => return limited(millis, true),
        Some(How::Status(status)) => return edge(status),
        Some(How::CutBefore) => return cut(),
        _ => {}
    }
    let interaction = path.starts_with("interactions/") || path.starts_with("webhooks/");
    let authorised = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|token| token.as_bytes() == format!("Bot {TOKEN}").as_bytes());
    let answer = if let Some(How::Refused(status, code)) = fault {
        Err(Refusal(status, code, "Refused"))
    } else if authorised || interaction {
        let call = rest::Call {
            method: method.as_str(),
            path: &path,
            query: query.as_deref().unwrap_or_default(),
            args: &args,
        };
        rest::answer(&discord, &call, files)
    } else {
        Err(Refusal(401, 0, "401: Unauthorized"))
    };
    discord.flush();
    match fault {
        Some(How::CutAfter) => return cut(),
        Some(How::StatusAfter(status)) => return edge(status),
        Some(How::Slow(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
        _ => {}
    }
    // discord.py takes a 429 without it for a ban at the edge.
    let mut response = match answer {
        Ok(Value::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(value) => Json(value).into_response(),
        Err(Refusal(status, code, message)) => (
            StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            Json(json!({ "message": message, "code": code })),
        )
            .into_response(),
    };
    response
        .headers_mut()
        .insert(header::VIA, header::HeaderValue::from_static("1.1 double"));
    response
}

fn limited(millis: u64, global: bool) -> Response {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of minutes at most"
    )]
    let seconds = millis as f64 / 1000.0;
    let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": global });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::VIA, header::HeaderValue::from_static("1.1 double"));
    headers.insert(
        header::RETRY_AFTER,
        header::HeaderValue::from(millis.div_ceil(1000)),
    );
    if global {
        headers.insert(
            "x-ratelimit-global",
            header::HeaderValue::from_static("true"),
        );
    }
    response
}

fn edge(status: u16) -> Response {
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
        "<html>edge</html>",
    )
        .into_response()
}

/// The connection ends in the middle of the answer.
fn cut() -> Response {
    let broken =
        futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    axum::body::Body::from_stream(broken).into_response()
}

async fn connect(State(discord): On, _uri: Uri, upgrade: WebSocketUpgrade) -> Response {
    if discord.wire().refused_until > System.now().0 || discord.is_mute() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(move |socket| gateway::serve(discord, socket))
}

async fn attachment(State(discord): On, Path((id, _)): Path<(String, String)>) -> Response {
    let bytes = discord.world().bytes.get(&id).cloned();
    bytes.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

/// What a call that nobody serves is answered.
const fn nothing() -> Result<Value, Refusal> {
    Err(NOT_FOUND)
}
