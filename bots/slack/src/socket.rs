//! The connections over which Slack sends events. The crate carries frames; we decide when to open,
//! leave and give up a connection, since the crate's listener loses acknowledgements when a
//! connection is refreshed, and hangs when Slack hangs (measured).
//!
//! Two connections are kept open independently, so that a silently dead one stops nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use slack_morphism::{
    clients_manager::{SlackSocketModeClientsManager, SlackSocketModeClientsManagerFactory},
    listener::SlackClientEventsListenerEnvironment,
    prelude::{
        SlackApiToken, SlackClient, SlackClientSocketModeConfig, SlackSocketModeClientListener,
        SlackSocketModeWssClientId,
    },
};
use tokio::{sync::mpsc, time::Instant};
use vine_chat::SOON;
use vine_domain::ports::{ChatError, EventSink};

use crate::{
    api::{WebApi, connector},
    backfill,
    errors::SlackCallError,
    intake,
    session::{ENDED, SlackSession, SlackSettings},
};

/// How long to wait for Slack's hello on a new connection.
const HELLO: Duration = Duration::from_secs(10);
/// How long the old connection is still read after the new one is open.
const OVERLAP: Duration = Duration::from_millis(300);
/// Seconds between pings; two missed ones mean that the connection is dead.
const PING: u64 = 10;
/// A connection that lasts at least this long counts as successful.
const STEADY: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(60);

/// A connection that is closed when dropped: an open one would consume Slack's events for an old
/// session.
struct SocketConnection {
    manager: Arc<dyn SlackSocketModeClientsManager + Send + Sync>,
    /// How long it is still read after that.
    linger: Duration,
}

impl SocketConnection {
    /// Closes the connection after a while, so that remaining events are read.
    fn end_after(mut self, linger: Duration) {
        self.linger = linger;
    }
}

impl Drop for SocketConnection {
    fn drop(&mut self) {
        let manager = Arc::clone(&self.manager);
        let linger = self.linger;
        tokio::spawn(async move {
            tokio::time::sleep(linger).await;
            manager.shutdown().await;
        });
    }
}

type ConnectionSigns = mpsc::UnboundedReceiver<ConnectionSign>;

/// What a connection reports to its keeper.
#[derive(Debug, PartialEq)]
enum ConnectionSign {
    Hello,
    /// Slack asks us to move to a new connection.
    Leave,
    Dead,
}

/// Why there is no connection.
enum SocketError {
    /// Temporary; retry after this pause.
    Passing(String, Duration),
    /// Only a person can fix it.
    Lasting(String),
}

/// State shared by the keepers.
struct SocketState<'a> {
    session: &'a SlackSession,
    settings: &'a SlackSettings,
    app_token: &'a str,
    ear: &'a Arc<dyn EventSink>,
    /// Number of open connections.
    open: AtomicUsize,
    /// A connection died silently, and no backfill has started since.
    died: AtomicBool,
    /// Called when a first connection is open again.
    heard: &'a (dyn Fn() + Send + Sync),
}

/// Keeps connections open until a problem that a new connection does not fix. `heard` is called
/// whenever one is open after there was none.
pub async fn run(
    session: &SlackSession,
    settings: &SlackSettings,
    app_token: &str,
    ear: &Arc<dyn EventSink>,
    heard: &(dyn Fn() + Send + Sync),
) -> String {
    let line = SocketState {
        session,
        settings,
        app_token,
        ear,
        open: AtomicUsize::new(0),
        died: AtomicBool::new(false),
        heard,
    };
    let second = async {
        tokio::time::sleep(SOON).await;
        keep(&line).await
    };
    tokio::select! {
        trouble = keep(&line) => trouble,
        trouble = second => trouble,
    }
}

/// Keeps one connection open.
async fn keep(line: &SocketState<'_>) -> String {
    let mut old: Option<SocketConnection> = None;
    let mut pause = SOON;
    loop {
        match open(line).await {
            Ok((connection, mut signs)) => {
                let begun = Instant::now();
                if let Some(old) = old.take() {
                    old.end_after(OVERLAP);
                }
                line.greeted();
                let sign = tokio::select! {
                    sign = signs.recv() => sign,
                    () = line.session.ended.notified() => return ENDED.into(),
                };
                line.open.fetch_sub(1, Ordering::SeqCst);
                pause = if begun.elapsed() > STEADY {
                    SOON
                } else {
                    (pause * 2).min(PAUSE)
                };
                if sign == Some(ConnectionSign::Leave) {
                    old = Some(connection);
                } else {
                    line.died.store(true, Ordering::SeqCst);
                    drop(connection);
                    if line.open.load(Ordering::SeqCst) > 0 {
                        line.missed();
                    }
                    // A connection that ends at once must not be reopened in a tight loop.
                    tokio::time::sleep(if begun.elapsed() > STEADY {
                        Duration::ZERO
                    } else {
                        pause
                    })
                    .await;
                }
            }
            Err(SocketError::Lasting(why)) => return why,
            Err(SocketError::Passing(why, after)) => {
                line.failed(why);
                tokio::time::sleep(pause.max(after)).await;
                pause = (pause * 2).min(PAUSE);
            }
        }
    }
}

impl SocketState<'_> {
    fn greeted(&self) {
        self.ear.health(Ok(self.session.account.clone()));
        if self.open.fetch_add(1, Ordering::SeqCst) == 0 {
            (self.heard)();
        }
        self.missed();
    }

    /// Backfills what Slack sent to a connection that died silently.
    fn missed(&self) {
        if self.died.swap(false, Ordering::SeqCst) {
            backfill::start_repeatedly(self.session, self.ear);
        }
    }

    fn failed(&self, why: String) {
        if self.open.load(Ordering::SeqCst) == 0 {
            self.ear.health(Err(why));
        }
    }
}

/// Opens a connection and waits for Slack's hello. An API call comes first, to tell a bad token
/// from a bad network.
async fn open(line: &SocketState<'_>) -> Result<(SocketConnection, ConnectionSigns), SocketError> {
    let settings = line.settings;
    may_connect(&settings.api_url, line.app_token).await?;
    let client = Arc::new(SlackClient::new(
        connector(&settings.api_url).map_err(SocketError::Lasting)?,
    ));
    let environment = Arc::new(SlackClientEventsListenerEnvironment::new(Arc::clone(
        &client,
    )));
    let connection = SocketConnection {
        manager: SlackSocketModeClientsManagerFactory::new_clients_manager(
            &*client.http_api.connector,
            environment,
        ),
        linger: Duration::ZERO,
    };
    let (sign, mut signs) = mpsc::unbounded_channel();
    let listener = Arc::new(SocketListener {
        session: line.session.clone(),
        ear: Arc::clone(line.ear),
        sign,
    });
    let config = SlackClientSocketModeConfig::new()
        .with_max_connections_count(1)
        .with_initial_backoff_in_seconds(0)
        .with_reconnect_timeout_in_seconds(HELLO.as_secs() + 1)
        .with_ping_interval_in_seconds(PING)
        .with_ping_failure_threshold_times(2);
    let registered = connection
        .manager
        .register_new_token(&config, SlackApiToken::new(line.app_token.into()), listener)
        .await;
    registered.map_err(|_| {
        SocketError::Passing("could not prepare a connection".to_owned(), Duration::ZERO)
    })?;
    connection.manager.start().await;
    match tokio::time::timeout(HELLO, signs.recv()).await {
        Ok(Some(ConnectionSign::Hello)) => Ok((connection, signs)),
        _ => Err(SocketError::Passing(
            "no hello from Slack".into(),
            Duration::ZERO,
        )),
    }
}

async fn may_connect(api_url: &str, app_token: &str) -> Result<(), SocketError> {
    let api = WebApi::new(api_url, app_token).map_err(SocketError::Lasting)?;
    match tokio::time::timeout(HELLO, api.call("apps.connections.open", &json!({}))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error @ SlackCallError::Refused(..))) => {
            Err(SocketError::Lasting(ChatError::from(error).to_string()))
        }
        Ok(Err(SlackCallError::Limited(method, after))) => Err(SocketError::Passing(
            format!("{method}: rate limited by Slack; retry after {after:?}"),
            after,
        )),
        Ok(Err(error)) => Err(SocketError::Passing(error.to_string(), Duration::ZERO)),
        Err(_) => Err(SocketError::Passing(
            "no response from Slack".into(),
            Duration::ZERO,
        )),
    }
}

struct SocketListener {
    session: SlackSession,
    ear: Arc<dyn EventSink>,
    sign: mpsc::UnboundedSender<ConnectionSign>,
}

impl SocketListener {
    /// Handles an envelope and returns its acknowledgement.
    async fn take(&self, envelope: &Value) -> Option<String> {
        let id = envelope["envelope_id"].as_str()?;
        let kind = envelope["type"].as_str().unwrap_or_default();
        let shown = intake::take(&self.session, &self.ear, kind, &envelope["payload"]).await?;
        let answer = if shown.is_null() {
            json!({ "envelope_id": id })
        } else {
            json!({ "envelope_id": id, "payload": shown })
        };
        Some(answer.to_string())
    }
}

#[async_trait]
impl SlackSocketModeClientListener for SocketListener {
    async fn on_message(&self, _id: &SlackSocketModeWssClientId, body: String) -> Option<String> {
        let frame: Value = serde_json::from_str(&body).ok()?;
        let sign = match frame["type"].as_str() {
            Some("hello") => ConnectionSign::Hello,
            Some("disconnect") => ConnectionSign::Leave,
            _ => return self.take(&frame).await,
        };
        let _nobody_keeps_it_any_more = self.sign.send(sign);
        None
    }

    async fn on_error(&self, error: Box<dyn std::error::Error + Send + Sync>) {
        tracing::debug!("error on the connection to Slack: {error}");
    }

    async fn on_disconnect(&self, _id: &SlackSocketModeWssClientId) {
        let _nobody_keeps_it_any_more = self.sign.send(ConnectionSign::Dead);
    }
}
