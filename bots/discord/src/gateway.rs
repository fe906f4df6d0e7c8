//! The connection over which Discord sends events, in order. Each event is stored with its position
//! in the stream, so that the next process can resume the session where this one stopped.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

const DIAL: Duration = Duration::from_secs(15);
const HELLO: Duration = Duration::from_secs(20);
/// A connection that lasts at least this long counts as successful.
const GOOD: Duration = Duration::from_secs(30);
/// The longest pause between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(60);
/// The pause before a new session.
const IDENTIFY: Duration = Duration::from_secs(3);
/// Discord allows a thousand new sessions a day and then resets the token. After a few short-lived
/// sessions the pause grows to this, which stays below that limit.
const SLOWLY: Duration = Duration::from_secs(90);
const FEW: u32 = 3;
/// After this many failed attempts to resume, the session is abandoned.
const HOPELESS: u32 = 10;
/// Closing with this code keeps the session; 1000 and 1001 would end it.
const LEAVE: u16 = 4000;

/// A session that can be resumed, and how far it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The session; empty if there is none to resume.
    pub session: String,
    /// The URL for resuming it.
    pub url: String,
    /// The last handled event.
    pub seq: u64,
    /// The highest message ID up to which nothing is missing; 0 before the first.
    pub seen: u64,
    /// The bot and the intents of the session: a resumed session would keep its old intents.
    #[serde(default)]
    pub asked: String,
}

/// Receives events.
#[async_trait]
pub trait EventHandler: Send {
    /// Handles an event; `place` is the position after it. An error ends the connection, and the
    /// event comes again if the session is resumed.
    async fn event(
        &mut self,
        kind: &str,
        data: &Value,
        place: &mut ResumePoint,
    ) -> Result<(), GatewayEnd>;
    /// Reports the state of the connection.
    fn health(&self, health: Result<(), String>);
}

/// How to connect to Discord.
pub struct Gateway {
    /// The URL for a new session.
    pub url: String,
    /// The bot's token.
    pub token: String,
    /// The events to receive.
    pub intents: u64,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended, by how to continue.
pub enum GatewayEnd {
    /// The session can be resumed.
    Again(String),
    /// The session has ended; start a new one.
    Afresh(String),
    /// Only a person can fix it.
    Lasting(String),
}

impl From<String> for GatewayEnd {
    fn from(why: String) -> Self {
        Self::Again(why)
    }
}

#[derive(Deserialize)]
struct GatewayFrame {
    op: u8,
    #[serde(default)]
    s: Option<u64>,
    #[serde(default)]
    t: Option<String>,
    #[serde(default)]
    d: Value,
}

impl Gateway {
    /// Listens until a problem that only a person can fix.
    pub async fn run(&self, mut place: ResumePoint, hear: &mut impl EventHandler) -> String {
        let mut failed = 0_u32;
        let mut fresh = 0_u32;
        loop {
            let begun = Instant::now();
            let (end, stood) = self.once(&mut place, hear).await;
            let why = match end {
                GatewayEnd::Lasting(why) => return why,
                GatewayEnd::Again(why) => why,
                GatewayEnd::Afresh(why) => {
                    place.session.clear();
                    why
                }
            };
            tracing::info!("the connection to Discord ended: {why}");
            failed = if stood { 0 } else { failed + 1 };
            if failed >= HOPELESS {
                // The resume URL may be unreachable.
                place.session.clear();
            }
            fresh = if begun.elapsed() > GOOD {
                0
            } else {
                fresh + u32::from(place.session.is_empty())
            };
            if failed > 1 {
                hear.health(Err(format!("no connection to Discord: {why}")));
            }
            sleep(if place.session.is_empty() {
                before_new(fresh).max(again(failed))
            } else {
                again(failed)
            })
            .await;
        }
    }

    /// Runs one connection until it ends; also returns whether it was established.
    async fn once(
        &self,
        place: &mut ResumePoint,
        hear: &mut impl EventHandler,
    ) -> (GatewayEnd, bool) {
        let base = if place.session.is_empty() || place.url.is_empty() {
            &self.url
        } else {
            &place.url
        };
        let limits = WebSocketConfig::default()
            .max_message_size(Some(64 << 20))
            .max_frame_size(Some(64 << 20));
        let address = format!("{}/?v=10&encoding=json", base.trim_end_matches('/'));
        let socket =
            match timeout(DIAL, connect_async_with_config(address, Some(limits), true)).await {
                Ok(Ok((socket, _))) => socket,
                Ok(Err(error)) => {
                    return (
                        GatewayEnd::Again(format!("could not connect: {error}")),
                        false,
                    );
                }
                Err(_) => return (GatewayEnd::Again("connecting timed out".into()), false),
            };
        let mut connection = GatewayConnection {
            socket,
            beat: None,
            answered: true,
            begun: Instant::now(),
            stood: false,
        };
        match connection.listen(self, place, hear).await {
            Ok(never) => match never {},
            Err(end) => {
                let _gone_already = connection
                    .socket
                    .close(Some(CloseFrame {
                        code: LEAVE.into(),
                        reason: "".into(),
                    }))
                    .await;
                (end, connection.stood)
            }
        }
    }
}

/// The pause after this many failures: none at first, then 1, 2, 4 … 60 s.
fn again(failed: u32) -> Duration {
    if failed <= 1 {
        Duration::ZERO
    } else {
        Duration::from_secs(1 << (failed - 2).min(6)).min(PAUSE)
    }
}

/// The pause before a new session after `fresh` short-lived ones.
fn before_new(fresh: u32) -> Duration {
    IDENTIFY
        .saturating_mul(1 << fresh.saturating_sub(FEW).min(5))
        .min(SLOWLY)
}

struct GatewayConnection {
    socket: Socket,
    beat: Option<Interval>,
    /// Whether the last heartbeat was acknowledged.
    answered: bool,
    begun: Instant,
    /// Whether Discord has accepted us.
    stood: bool,
}

impl GatewayConnection {
    async fn listen(
        &mut self,
        gateway: &Gateway,
        place: &mut ResumePoint,
        hear: &mut impl EventHandler,
    ) -> Result<std::convert::Infallible, GatewayEnd> {
        loop {
            let message = match &mut self.beat {
                None => timeout(
                    (self.begun + HELLO).saturating_duration_since(Instant::now()),
                    self.socket.next(),
                )
                .await
                .map_err(|_| GatewayEnd::Again("no hello from Discord".into()))?,
                Some(beat) => tokio::select! {
                    _ = beat.tick() => {
                        self.send_beat(place).await?;
                        continue;
                    }
                    message = self.socket.next() => message,
                },
            };
            let frame = match message {
                Some(Ok(Message::Text(text))) => serde_json::from_str::<GatewayFrame>(&text).ok(),
                Some(Ok(Message::Close(frame))) => {
                    return Err(closed(frame.map(|frame| u16::from(frame.code))));
                }
                Some(Ok(_)) => None,
                Some(Err(error)) => return Err(GatewayEnd::Again(error.to_string())),
                None => return Err(GatewayEnd::Again("the connection was lost".into())),
            };
            if let Some(frame) = frame {
                self.take(frame, gateway, place, hear).await?;
            }
        }
    }

    async fn take(
        &mut self,
        frame: GatewayFrame,
        gateway: &Gateway,
        place: &mut ResumePoint,
        hear: &mut impl EventHandler,
    ) -> Result<(), GatewayEnd> {
        match frame.op {
            0 => {
                let stands = matches!(frame.t.as_deref(), Some("READY" | "RESUMED"));
                dispatched(frame, place, hear).await?;
                self.stood |= stands;
                Ok(())
            }
            1 => self.send(&json!({ "op": 1, "d": place.seq })).await,
            7 => Err(GatewayEnd::Again("Discord asked us to reconnect".into())),
            9 if frame.d == true => Err(GatewayEnd::Again(
                "Discord asked us to resume the session".into(),
            )),
            9 => Err(GatewayEnd::Afresh("the session has ended".into())),
            10 => {
                let every = Duration::from_millis(
                    frame.d["heartbeat_interval"]
                        .as_u64()
                        .unwrap_or(41_250)
                        .max(50),
                );
                // The first heartbeat comes early, so that bots do not all send at the same time.
                let mut beat = interval_at(Instant::now() + every.mul_f64(0.3), every);
                beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
                self.beat = Some(beat);
                self.send(&greeting(gateway, place)).await
            }
            11 => {
                self.answered = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn send_beat(&mut self, place: &ResumePoint) -> Result<(), GatewayEnd> {
        if !self.answered {
            return Err(GatewayEnd::Again("no reply to the heartbeat".into()));
        }
        self.answered = false;
        self.send(&json!({ "op": 1, "d": place.seq })).await
    }

    async fn send(&mut self, frame: &Value) -> Result<(), GatewayEnd> {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .map_err(|error| GatewayEnd::Again(error.to_string()))
    }
}

async fn dispatched(
    frame: GatewayFrame,
    place: &mut ResumePoint,
    hear: &mut impl EventHandler,
) -> Result<(), GatewayEnd> {
    let kind = frame.t.unwrap_or_default();
    let mut next = place.clone();
    next.seq = frame.s.unwrap_or(place.seq);
    if kind == "READY" {
        let text = |key: &str| frame.d[key].as_str().unwrap_or_default().to_owned();
        (next.session, next.url) = (text("session_id"), text("resume_gateway_url"));
    }
    hear.event(&kind, &frame.d, &mut next).await?;
    *place = next;
    if matches!(kind.as_str(), "READY" | "RESUMED") {
        hear.health(Ok(()));
    }
    Ok(())
}

fn greeting(gateway: &Gateway, place: &ResumePoint) -> Value {
    if !place.session.is_empty() {
        return json!({ "op": 6, "d": { "token": gateway.token, "session_id": place.session, "seq": place.seq } });
    }
    let properties =
        json!({ "os": std::env::consts::OS, "browser": "agentvine", "device": "agentvine" });
    json!({ "op": 2, "d": { "token": gateway.token, "intents": gateway.intents, "properties": properties, "compress": false } })
}

/// How to continue after a close code (reference, "Gateway Close Event Codes").
fn closed(code: Option<u16>) -> GatewayEnd {
    match code {
        Some(4004) => GatewayEnd::Lasting(
            "Discord does not accept the bot token; set a new `chat.discord.token`"
                .into(),
        ),
        Some(4014) => GatewayEnd::Lasting(
            "Discord does not let the bot read messages: turn on \"Message Content Intent\" under \"Bot\" in the developer portal, or set \
             `message_content = false` in [chat.discord] and answer with buttons and commands"
                .into(),
        ),
        Some(4011) => GatewayEnd::Lasting(
            "the bot is in too many servers for one connection; use a separate bot"
                .into(),
        ),
        Some(code @ (4010 | 4012 | 4013)) => GatewayEnd::Lasting(format!(
            "Discord refused the connection with code {code}"
        )),
        Some(code @ (4003 | 4007 | 4009)) => GatewayEnd::Afresh(format!("closed with code {code}")),
        Some(code) => GatewayEnd::Again(format!("closed with code {code}")),
        None => GatewayEnd::Again("closed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_taken_up_unless_it_is_over_and_people_are_asked_only_where_they_can_help() {
        for code in [None, Some(1000), Some(1001), Some(4000), Some(4008)] {
            assert!(matches!(closed(code), GatewayEnd::Again(_)), "{code:?}");
        }
        assert!(
            [4003, 4007, 4009]
                .into_iter()
                .all(|code| matches!(closed(Some(code)), GatewayEnd::Afresh(_)))
        );
        assert!(
            [4004, 4010, 4011, 4012, 4013, 4014]
                .into_iter()
                .all(|code| matches!(closed(Some(code)), GatewayEnd::Lasting(_)))
        );
    }

    #[test]
    fn the_first_try_comes_at_once_and_new_sessions_are_rare() {
        assert_eq!(
            [0, 1, 2, 3, 4, 30].map(|failed| again(failed).as_secs()),
            [0, 0, 1, 2, 4, 60]
        );
        assert_eq!(
            [0, 3, 4, 5, 30].map(|fresh| before_new(fresh).as_secs()),
            [3, 3, 6, 12, 90]
        );
    }
}
