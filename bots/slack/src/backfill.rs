//! What was said while no connection was open. Slack brings events again for some six minutes;
//! after that they are only to be found where they stand.

use std::time::Duration;

use serde_json::{Value, json};
use vine_domain::{
    MessageId,
    chat::{Batch, Echo, Inbound},
    ports::{Ear, Stored},
};

use crate::{Session, api::CallError, heard, reference, ts_of};

/// Slack lets an app read fifty pages a minute (reference, tier 3).
const PACE: Duration = Duration::from_millis(1_250);
const SOON: Duration = Duration::from_secs(1);

/// Where to look.
enum Place {
    /// In a channel, after this moment.
    Channel(String, String),
    /// In a thread, as (channel, root).
    Thread(String, String),
}

/// Reads all threads whose tasks are not over, and what was said in our channels since we heard
/// something last. What is known already is known.
pub async fn run(session: &Session, ear: &dyn Ear) {
    for place in places(ear).await {
        let mut pause = SOON;
        while let Err(after) = look_through(session, ear, &place).await {
            tokio::time::sleep(after.unwrap_or(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn places(ear: &dyn Ear) -> Vec<Place> {
    loop {
        match stored_places(ear).await {
            Ok(places) => return places,
            Err(error) => {
                tracing::error!(%error, "where to look for what was said meanwhile cannot be read: \
                 {error}");
            }
        }
        tokio::time::sleep(SOON).await;
    }
}

async fn stored_places(ear: &dyn Ear) -> Stored<Vec<Place>> {
    let mut places: Vec<Place> = ear
        .threads()
        .await?
        .into_iter()
        .map(|(channel, root)| Place::Thread(channel, root))
        .collect();
    if let Some(since) = ear.cursor().await?.as_deref().and_then(shortly_before) {
        places.extend(
            ear.rooms()
                .await?
                .into_iter()
                .map(|channel| Place::Channel(channel, since.clone())),
        );
    }
    Ok(places)
}

/// Events do not come in order, and Slack brings again what was not acknowledged for some minutes.
fn shortly_before(ts: &str) -> Option<String> {
    let seconds: i64 = ts.split('.').next()?.parse().ok()?;
    Some(format!("{}.000000", seconds - 600))
}

/// An error says that it is to be tried again, and may say when.
async fn look_through(
    session: &Session,
    ear: &dyn Ear,
    place: &Place,
) -> Result<(), Option<Duration>> {
    let mut cursor = String::new();
    loop {
        let (channel, page) = page(session, place, &cursor).await;
        let page = match page {
            Ok(page) => page,
            Err(CallError::Limited(_, after)) => return Err(Some(after)),
            Err(CallError::Unclear(..)) => return Err(None),
            // The channel is gone or closed to us; that is said elsewhere.
            Err(CallError::Refused(..)) => return Ok(()),
        };
        let messages = || page["messages"].as_array().into_iter().flatten();
        let mut events: Vec<_> = messages()
            .filter_map(|message| said(session, channel, message))
            .collect();
        events.sort_by(|a, b| a.event.cmp(&b.event));
        let echoes = messages()
            .filter_map(|message| echo(session, channel, message))
            .collect();
        if let Err(error) = ear
            .hear(Batch {
                events,
                echoes,
                ..Batch::default()
            })
            .await
        {
            tracing::error!(%error, "what was found could not be stored: {error}");
            return Err(None);
        }
        match page["response_metadata"]["next_cursor"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut cursor),
            _ => return Ok(()),
        }
    }
}

async fn page<'a>(
    session: &Session,
    place: &'a Place,
    cursor: &str,
) -> (&'a str, Result<Value, CallError>) {
    let common = [
        ("limit", "100"),
        ("cursor", cursor),
        ("include_all_metadata", "true"),
    ];
    match place {
        Place::Channel(channel, since) => {
            let args: Vec<_> = common
                .into_iter()
                .chain([("channel", channel.as_str()), ("oldest", since)])
                .collect();
            (
                channel,
                session.api.read("conversations.history", &args).await,
            )
        }
        Place::Thread(channel, root) => {
            let args: Vec<_> = common
                .into_iter()
                .chain([("channel", channel.as_str()), ("ts", ts_of(root))])
                .collect();
            (
                channel,
                session.api.read("conversations.replies", &args).await,
            )
        }
    }
}

/// A message of ours. What it was an answer to may have been posted just before we died; and where
/// Slack has posted a message twice, both copies are known by its key.
pub fn echo(session: &Session, channel: &str, message: &Value) -> Option<Echo> {
    let (ts, payload) = (
        message["ts"].as_str()?,
        &message["metadata"]["event_payload"],
    );
    let key = payload["key"]
        .as_str()
        .filter(|_| message["user"] == session.us.user.as_str())?;
    let part = payload["part"].as_str()?.parse().ok()?;
    Some(Echo {
        message: MessageId(key.parse().ok()?),
        reference: reference(channel, ts),
        part,
        last: payload["last"] == "true",
    })
}

/// The same as if it came over a connection.
fn said(session: &Session, channel: &str, message: &Value) -> Option<Inbound> {
    let mut event = message.clone();
    event["type"] = json!("message");
    event["channel"] = json!(channel);
    heard("events_api", &json!({ "event": event }), &session.us)
}
