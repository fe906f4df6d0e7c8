//! How the app hears of things: over its sockets, or by signed requests (`requests`); what is not
//! acknowledged comes again.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Slack, requests, world::Notice};

/// How long the app may take (documentation: three seconds for everything).
const PATIENCE: Duration = Duration::from_secs(3);
/// Official clients drop a connection that is not pinged for half a minute.
const PING: Duration = Duration::from_secs(5);
/// When what was not acknowledged comes again, in seconds after the first time (documentation of
/// the Events API).
const AGAIN: [u64; 3] = [0, 60, 300];

/// An open connection of the app.
pub struct Socket {
    pub id: u64,
    /// Frames on their way.
    pub out: mpsc::UnboundedSender<Message>,
    /// It takes what is sent and answers nothing.
    pub deaf: bool,
    /// Tells it that the network lies: nothing comes through any more, for so long, and neither side
    /// hears of it.
    pub freeze: mpsc::UnboundedSender<Duration>,
}

/// Delivers one thing, and again while nobody acknowledges it.
pub async fn deliver(slack: Arc<Slack>, notice: Notice) {
    let (kind, payload, answers) = match &notice {
        Notice::Event(payload) => ("events_api", payload, false),
        Notice::Command(payload) => ("slash_commands", payload, true),
        Notice::Interaction(payload) => ("interactive", payload, true),
    };
    if let Some(answer) = once(&slack, kind, payload, answers, 0).await {
        return take_answer(&slack, &notice, &answer);
    }
    if answers {
        // A person sees an error; nothing is repeated but by them.
        slack.note_failed(&notice);
        return;
    }
    for (number, after) in AGAIN.into_iter().enumerate() {
        let wait = Duration::from_secs(after).mul_f64(slack.retry_room_now());
        tokio::time::sleep(wait).await;
        if once(&slack, kind, payload, answers, number + 1)
            .await
            .is_some()
        {
            return;
        }
    }
}

fn take_answer(slack: &Slack, notice: &Notice, answer: &Value) {
    let mut world = slack.world();
    match notice {
        Notice::Command(command) => world.replied(command, answer),
        Notice::Interaction(payload) if payload["type"] == "view_submission" => {
            world.submitted(payload["view"]["id"].as_str().unwrap_or_default(), answer);
        }
        Notice::Event(_) | Notice::Interaction(_) => {}
    }
}

/// `None` when it was not acknowledged in time.
async fn once(
    slack: &Arc<Slack>,
    kind: &str,
    payload: &Value,
    answers: bool,
    attempt: usize,
) -> Option<Value> {
    let patience = PATIENCE.mul_f64(slack.retry_room_now().max(0.1));
    if let Some(door) = slack.door() {
        let mut answer = None;
        for _ in 0..slack.copies() {
            let now = slack.world().now;
            answer = requests::send(&door, kind, payload, attempt, patience, now).await;
        }
        return answer;
    }
    let id = format!("env-{}", slack.next());
    let mut frame = json!({ "envelope_id": id, "type": kind, "payload": payload, "accepts_response_payload": answers });
    if kind == "events_api" {
        frame["retry_attempt"] = json!(attempt);
        frame["retry_reason"] = json!(if attempt == 0 { "" } else { "timeout" });
    }
    let (sender, receiver) = oneshot::channel();
    slack.expect(&id, sender);
    let copies = slack.copies();
    for _ in 0..copies {
        if !slack.send(&frame) {
            slack.forget(&id);
            return None;
        }
    }
    let acknowledged = tokio::time::timeout(patience, receiver).await;
    slack.forget(&id);
    acknowledged.ok()?.ok()
}

/// Serves one connection until either side ends it.
pub async fn serve(slack: Arc<Slack>, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (out, mut frames) = mpsc::unbounded_channel();
    let (freeze, mut frozen) = mpsc::unbounded_channel();
    let id = slack.next();
    let greeted = slack.greets();
    if greeted {
        let hello = json!({ "type": "hello", "num_connections": slack.connections() + 1, "connection_info": { "app_id": super::world::APP },
            "debug_info": { "host": "double", "build_number": 1, "approximate_connection_time": 18060 } });
        let _gone = sink.send(Message::text(hello.to_string())).await;
        slack.opened(Socket {
            id,
            out,
            deaf: false,
            freeze,
        });
    } else {
        slack.opened(Socket {
            id,
            out,
            deaf: true,
            freeze,
        });
    }
    let mut pings = tokio::time::interval(PING);
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => {
                    let last = matches!(frame, Message::Close(_));
                    if sink.send(frame).await.is_err() || last { break }
                }
                // Cut: no close frame, the connection just ends.
                None => break,
            },
            heard = stream.next() => match heard {
                Some(Ok(Message::Text(text))) => slack.acknowledged(id, &text),
                Some(Ok(Message::Close(_))) => {
                    let _gone = sink.close().await;
                    break;
                }
                Some(Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            Some(span) = frozen.recv() => {
                tokio::time::sleep(span).await;
                break;
            }
            _ = pings.tick() => if sink.send(Message::Ping("double".into())).await.is_err() { break },
        }
    }
    slack.closed(id);
}
