//! Matrix: a room for each repository, a thread for each task.
//!
//! `listen` reads the sync stream, `translate` turns events into our types, `fetch` gets missing
//! keys and files, `deliver` posts, `rooms` creates rooms, `session` keeps our device and its keys.
//! There is one client, one store and one device forever, since the homeserver detects repeated
//! posts by device.
#![warn(missing_docs)]

mod deliver;
mod error;
mod fetch;
mod history;
mod invitations;
mod listen;
mod markup;
mod order;
mod pieces;
mod private;
mod recovery;
mod rooms;
mod session;
mod space;
mod successor;
mod translate;
mod upload;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use matrix_sdk::Client;
use tokio::sync::{Notify, watch};
use vine_domain::{
    Ids, Timestamp,
    chat::{DesiredRoom, Inbound, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink},
};

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "matrix";
/// How soon to retry while there is no connection.
const SOON: Duration = Duration::from_millis(500);

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct MatrixSettings {
    /// The URL of the homeserver's client API.
    pub homeserver: String,
    /// The bot's user name or ID.
    pub user: String,
    /// The bot's password; used once, at the first start.
    pub password: String,
    /// Room aliases are this prefix and the repository's name.
    pub alias_prefix: String,
    /// Our folder for keys and the session.
    pub state: PathBuf,
    /// The file with the recovery key, with which a new device can read old encrypted messages.
    /// Created if missing.
    pub recovery_key: PathBuf,
}

/// The adapter.
pub struct Matrix {
    settings: MatrixSettings,
    /// Set after the first sync: only then are rooms and earlier posts known.
    client: watch::Sender<Option<Client>>,
}

impl Matrix {
    /// An adapter that is not connected yet; see [`Matrix::run`].
    pub fn new(settings: MatrixSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            client: watch::Sender::new(None),
        })
    }

    /// Connects and listens forever; drop it to stop. Reports problems to `ear` and retries.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn EventSink>, ids: Arc<dyn Ids>) {
        let mut pause = SOON;
        loop {
            let trouble = match session::connect(&self.settings, &*ear, &*ids).await {
                Ok(client) => self.listen(&client, &*ear).await,
                Err(error) => error,
            };
            let worked = self.client.send_replace(None).is_some();
            ear.health(Err(trouble.to_string()));
            pause = if worked {
                SOON
            } else {
                (pause * 2).min(Duration::from_secs(60))
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn listen(&self, client: &Client, ear: &dyn EventSink) -> session::SessionProblem {
        let invited = Notify::new();
        tokio::select! {
            trouble = listen::run(client, ear, &self.client, &invited) => trouble,
            never = invitations::run(client, ear, &invited) => match never {},
        }
    }

    fn client(&self) -> Result<Client, ChatError> {
        self.client
            .borrow()
            .clone()
            .ok_or_else(|| error::not_connected(SOON))
    }
}

/// What a person did, if this room event reports something relevant.
pub fn heard(event: &serde_json::Value, room: &str, us: &str) -> Option<Inbound> {
    match translate::translate(
        event,
        room,
        &translate::AccountIdentity { id: us.to_owned() },
    )? {
        translate::RoomEvent::Person(inbound) => Some(inbound),
        translate::RoomEvent::Echo(_) => None,
    }
}

#[async_trait]
impl Chat for Matrix {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn encrypts(&self) -> bool {
        true
    }

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        let room = rooms::joined(&self.client()?, &dispatch.room)?;
        rooms::is_fit(&room, dispatch.encrypted).await?;
        deliver::deliver(&room, dispatch).await
    }

    async fn posted_at(&self, room: &str, reference: &str) -> Option<Timestamp> {
        fetch::posted_at(&self.client().ok()?, room, reference).await
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::create_room(&self.client()?, &self.settings, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        let client = self.client()?;
        let room = rooms::joined(&client, room)?;
        rooms::is_fit(&room, wish.encrypted).await?;
        rooms::sync_room(&room, wish).await?;
        space::put(&client, &self.settings, &room, wish).await?;
        rooms::is_trusted(&client, &self.settings, wish.encrypted).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        let client = self.client()?;
        let mut closed = Vec::new();
        for room in rooms {
            if let Err(ChatError::Gone(why)) = rooms::is_open(&client, room).await {
                closed.push((room.clone(), why));
            }
        }
        Ok(closed)
    }

    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError> {
        successor::of(&self.client()?, room).await
    }

    async fn show_activity(&self, rooms: &[String]) {
        let Ok(client) = self.client() else { return };
        for room in rooms {
            rooms::show_activity(&client, room).await;
        }
    }

    async fn ping(&self) -> Result<(), ChatError> {
        let answer = self.client()?.whoami().await;
        answer
            .map(|_| ())
            .map_err(|error| error::chat("identifying the bot", &error.into()))
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Inbound> {
        fetch::fetched(&self.client().ok()?, event).await
    }

    async fn join_room(&self, room: &str, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::join_room(&self.client()?, room, wish.encrypted).await
    }
}
