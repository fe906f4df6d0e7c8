//! The connection over which Slack tells us things. The crate carries frames; when to open, to leave and to give up is ours: its own
//! listener loses acknowledgements when a connection is refreshed, and hangs where Slack hangs (measured).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use slack_morphism::{
    clients_manager::{SlackSocketModeClientsManager, SlackSocketModeClientsManagerFactory},
    listener::SlackClientEventsListenerEnvironment,
    prelude::{SlackApiToken, SlackClient, SlackClientSocketModeConfig, SlackSocketModeClientListener, SlackSocketModeWssClientId},
};
use tokio::sync::{mpsc, watch};
use vine_domain::{chat::Batch, ports::Ear};

use crate::{
    Session, Settings,
    api::{Api, connector},
    backfill, modal,
    translate::{Heard, translate},
};

/// Slack greets a new connection within this, or it is given up.
const HELLO: Duration = Duration::from_secs(10);
/// An old connection is read on for so long after the new one is there.
const OVERLAP: Duration = Duration::from_millis(300);
/// A peer that is gone is noticed after two of these.
const PING: u64 = 10;

type Manager = Arc<dyn SlackSocketModeClientsManager + Send + Sync>;

/// What a connection tells its keeper.
#[derive(Debug, PartialEq)]
enum Sign {
    Hello,
    /// Slack wants us to move over to a new connection.
    Leave,
    Dead,
}

/// Listens until something is wrong that a new connection does not mend.
pub async fn run(session: &Session, settings: &Settings, ear: &Arc<dyn Ear>, ready: &watch::Sender<Option<Session>>) -> String {
    let mut old: Option<Manager> = None;
    let mut missed = true;
    loop {
        let (manager, mut signs) = match open(session, settings, ear).await {
            Ok(opened) => opened,
            Err(trouble) => {
                close(old, Duration::ZERO).await;
                return trouble;
            }
        };
        close(old.take(), OVERLAP).await;
        if ready.borrow().is_none() {
            ready.send_replace(Some(session.clone()));
        }
        ear.health(Ok(format!("{} in {}", session.us.user, session.us.team)));
        if missed {
            backfill(session, ear);
        }
        match signs.recv().await {
            Some(Sign::Leave) => old = Some(manager),
            _ => close(Some(manager), Duration::ZERO).await,
        }
        missed = old.is_none();
    }
}

/// Looks for what was said while nobody listened, beside what comes now.
fn backfill(session: &Session, ear: &Arc<dyn Ear>) {
    let (session, ear) = (session.clone(), Arc::clone(ear));
    tokio::spawn(async move { backfill::run(&session, &ear).await });
}

/// Closes a connection after a while, so that what it still brings is read.
async fn close(manager: Option<Manager>, after: Duration) {
    if let Some(manager) = manager {
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            manager.shutdown().await;
        });
    }
}

/// A connection that has been greeted. A call of our own comes first: it tells a bad token from a bad network.
async fn open(session: &Session, settings: &Settings, ear: &Arc<dyn Ear>) -> Result<(Manager, mpsc::UnboundedReceiver<Sign>), String> {
    let checked = Api::new(&settings.api_url, &settings.app_token)?;
    let tried = tokio::time::timeout(HELLO, checked.call("apps.connections.open", &json!({}))).await;
    tried.map_err(|_| "Slack does not answer".to_owned())?.map_err(|error| vine_domain::ports::ChatError::from(error).to_string())?;

    let client = Arc::new(SlackClient::new(connector(&settings.api_url)?));
    let environment = Arc::new(SlackClientEventsListenerEnvironment::new(Arc::clone(&client)));
    let manager: Manager = SlackSocketModeClientsManagerFactory::new_clients_manager(&*client.http_api.connector, environment);
    let (sign, mut signs) = mpsc::unbounded_channel();
    let listener = Arc::new(Listener { session: session.clone(), ear: Arc::clone(ear), sign });
    let config = SlackClientSocketModeConfig::new()
        .with_max_connections_count(1)
        .with_initial_backoff_in_seconds(0)
        .with_reconnect_timeout_in_seconds(HELLO.as_secs() + 1)
        .with_ping_interval_in_seconds(PING)
        .with_ping_failure_threshold_times(2);
    let registered = manager.register_new_token(&config, SlackApiToken::new(settings.app_token.clone().into()), listener).await;
    registered.map_err(|_| "no connection could be prepared".to_owned())?;
    manager.start().await;
    match tokio::time::timeout(HELLO, signs.recv()).await {
        Ok(Some(Sign::Hello)) => Ok((manager, signs)),
        _ => {
            manager.shutdown().await;
            Err("Slack does not greet the connection".into())
        }
    }
}

struct Listener {
    session: Session,
    ear: Arc<dyn Ear>,
    sign: mpsc::UnboundedSender<Sign>,
}

impl Listener {
    /// Stores what an envelope brings and gives the acknowledgement; nothing when it could not be stored: it comes again then.
    async fn take(&self, envelope: &Value) -> Option<String> {
        let id = envelope["envelope_id"].as_str()?;
        let mut answer = json!({ "envelope_id": id });
        match translate(envelope["type"].as_str().unwrap_or_default(), &envelope["payload"], &self.session.us) {
            Heard::Person(inbound) => {
                if let Err(error) = self.ear.hear(Batch { events: vec![inbound], ..Batch::default() }).await {
                    tracing::error!(%error, "an envelope could not be stored and is not acknowledged: {error}");
                    return None;
                }
            }
            Heard::Write(trigger, to) => {
                let api = Arc::clone(&self.session.api);
                tokio::spawn(async move { modal::open(&api, &trigger, &to).await });
            }
            Heard::Empty => answer["payload"] = modal::refused(),
            Heard::Nothing => {}
        }
        Some(answer.to_string())
    }
}

#[async_trait]
impl SlackSocketModeClientListener for Listener {
    async fn on_message(&self, _id: &SlackSocketModeWssClientId, body: String) -> Option<String> {
        let frame: Value = serde_json::from_str(&body).ok()?;
        let sign = match frame["type"].as_str() {
            Some("hello") => Sign::Hello,
            Some("disconnect") => Sign::Leave,
            _ => return self.take(&frame).await,
        };
        let _nobody_keeps_it_any_more = self.sign.send(sign);
        None
    }

    async fn on_error(&self, error: Box<dyn std::error::Error + Send + Sync>) {
        tracing::debug!("the connection to Slack: {error}");
    }

    async fn on_disconnect(&self, _id: &SlackSocketModeWssClientId) {
        let _nobody_keeps_it_any_more = self.sign.send(Sign::Dead);
    }
}
