//! Reads messages that were posted while no connection was open. Slack resends events for about six
//! minutes; after that we have to read the channels.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use vine_domain::{
    MessageId,
    chat::{Inbound, InboundBatch, OurPost},
    ports::{EventSink, StoreResult},
};

use crate::{
    api::Pages,
    errors::SlackCallError,
    ids::{reference, ts_of},
    session::{LookBack, SlackSession},
    translate::heard,
};

/// Slack allows fifty pages a minute (reference, tier 3).
const PACE: Duration = Duration::from_millis(1_250);
const SOON: Duration = Duration::from_secs(1);

/// A place to read.
enum HistoryPlace {
    /// A channel, from this moment on.
    Channel(String, String),
    /// A thread, as (channel, root).
    Thread(String, String),
}

/// Pauses between the backfills after a connection died without a disconnect message: Slack may
/// need some time to notice that nobody is listening.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(120),
    Duration::from_secs(240),
];

/// Backfills what Slack sent, and may still send, to a connection that died silently.
pub fn start_repeatedly(session: &SlackSession, ear: &Arc<dyn EventSink>) {
    start(session, ear);
    let known = session.clone();
    let ear = Arc::clone(ear);
    let task = tokio::spawn(async move {
        for pause in LOOKS {
            tokio::time::sleep(pause).await;
            start(&known, &ear);
        }
    });
    let mut again = session
        .gap
        .again
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(old) = again.replace(task.abort_handle()) {
        old.abort();
    }
}

/// Starts a background backfill of messages that no connection received; one at a time.
pub fn start(session: &SlackSession, ear: &Arc<dyn EventSink>) {
    let mut look = session.gap.look();
    session.gap.whole.store(false, Ordering::SeqCst);
    if *look != LookBack::Over {
        *look = LookBack::Again;
        return;
    }
    *look = LookBack::UnderWay;
    drop(look);
    let known = session.clone();
    let ear = Arc::clone(ear);
    tokio::spawn(async move {
        loop {
            run(&known, &*ear).await;
            let mut look = known.gap.look();
            if *look != LookBack::Again {
                *look = LookBack::Over;
                known.gap.whole.store(true, Ordering::SeqCst);
                return;
            }
            *look = LookBack::UnderWay;
        }
    });
}

/// Reads the threads of all unfinished tasks, and our channels from the last event on. Known
/// messages are ignored when they are stored.
pub async fn run(session: &SlackSession, ear: &dyn EventSink) {
    for place in places(ear).await {
        let mut pause = SOON;
        while let Err(after) = look_through(session, ear, &place).await {
            tokio::time::sleep(after.unwrap_or(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn places(ear: &dyn EventSink) -> Vec<HistoryPlace> {
    loop {
        match stored_places(ear).await {
            Ok(places) => return places,
            Err(error) => {
                tracing::error!(%error, "could not load the backfill targets: {error}");
            }
        }
        tokio::time::sleep(SOON).await;
    }
}

async fn stored_places(ear: &dyn EventSink) -> StoreResult<Vec<HistoryPlace>> {
    let mut places: Vec<HistoryPlace> = ear
        .threads()
        .await?
        .into_iter()
        .map(|(channel, root)| HistoryPlace::Thread(channel, root))
        .collect();
    let Some(cursor) = ear.cursor().await? else {
        // First connection: earlier messages were not for us, later ones will be found.
        ear.ingest(InboundBatch {
            cursor: Some(format!("{}.000000", ear.now().0 / 1000)),
            ..InboundBatch::default()
        })
        .await?;
        return Ok(places);
    };
    if let Some(since) = shortly_before(&cursor) {
        places.extend(
            ear.rooms()
                .await?
                .into_iter()
                .map(|channel| HistoryPlace::Channel(channel, since.clone())),
        );
    }
    Ok(places)
}

/// Events arrive out of order, and Slack resends what was not acknowledged for some minutes.
fn shortly_before(ts: &str) -> Option<String> {
    let seconds: i64 = ts.split('.').next()?.parse().ok()?;
    Some(format!("{}.000000", seconds - 600))
}

/// An error means "retry", after the given pause if there is one.
async fn look_through(
    session: &SlackSession,
    ear: &dyn EventSink,
    place: &HistoryPlace,
) -> Result<(), Option<Duration>> {
    let mut pages = Pages::default();
    while let Some(cursor) = pages.next() {
        let (channel, page) = page(session, place, cursor).await;
        let page = match page {
            Ok(page) => page,
            Err(SlackCallError::Limited(_, after)) => return Err(Some(after)),
            Err(SlackCallError::Unclear(..)) => return Err(None),
            // The channel was deleted or is closed to us; health reports that.
            Err(SlackCallError::Refused(..)) => return Ok(()),
        };
        let all: Vec<&Value> = page["messages"].as_array().into_iter().flatten().collect();
        // A channel's history is newest first: what follows our joining was not for us.
        let came = all
            .iter()
            .position(|message| is_our_coming(message, &session.us.user));
        let came = came.filter(|_| matches!(place, HistoryPlace::Channel(..)));
        let messages = || all[..came.unwrap_or(all.len())].iter().copied();
        let mut events: Vec<_> = messages()
            .flat_map(|message| said(session, channel, message))
            .collect();
        events.sort_by(|a, b| a.event.cmp(&b.event));
        let echoes = messages()
            .filter_map(|message| echo(session, channel, message))
            .collect();
        if let Err(error) = ear
            .ingest(InboundBatch {
                events,
                echoes,
                ..InboundBatch::default()
            })
            .await
        {
            tracing::error!(%error, "could not store missed messages: {error}");
            return Err(None);
        }
        if came.is_some() {
            break;
        }
        pages.after(&page);
    }
    Ok(())
}

fn is_our_coming(message: &Value, us: &str) -> bool {
    let joins = matches!(
        message["subtype"].as_str(),
        Some("channel_join" | "group_join")
    );
    joins && message["user"] == us
}

async fn page<'a>(
    session: &SlackSession,
    place: &'a HistoryPlace,
    cursor: &str,
) -> (&'a str, Result<Value, SlackCallError>) {
    let common = [
        ("limit", "100"),
        ("cursor", cursor),
        ("include_all_metadata", "true"),
    ];
    match place {
        HistoryPlace::Channel(channel, since) => {
            let args: Vec<_> = common
                .into_iter()
                .chain([("channel", channel.as_str()), ("oldest", since)])
                .collect();
            (
                channel,
                session.api.read("conversations.history", &args).await,
            )
        }
        HistoryPlace::Thread(channel, root) => {
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

/// A message of ours, identified by its key: it may have been posted just before a crash, and Slack
/// may have posted it twice.
pub fn echo(session: &SlackSession, channel: &str, message: &Value) -> Option<OurPost> {
    let ts = message["ts"].as_str()?;
    let payload = &message["metadata"]["event_payload"];
    let key = payload["key"]
        .as_str()
        .filter(|_| message["user"] == session.us.user.as_str())?;
    let part = payload["part"].as_str()?.parse().ok()?;
    Some(OurPost {
        message: MessageId(key.parse().ok()?),
        reference: reference(channel, ts),
        part,
        last: payload["last"] == "true",
    })
}

/// What a connection would have brought: the message, and its latest edit.
fn said(session: &SlackSession, channel: &str, message: &Value) -> Vec<Inbound> {
    let mut event = message.clone();
    event["type"] = json!("message");
    event["channel"] = json!(channel);
    let edit = json!({ "type": "message", "subtype": "message_changed", "channel": channel, "message": message });
    [event, edit]
        .into_iter()
        .filter_map(|event| heard("events_api", &json!({ "event": event }), &session.us))
        .collect()
}
