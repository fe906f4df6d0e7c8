//! The adapter for Matrix.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use matrix_sdk::Client;
use tokio::sync::Notify;
use vine_chat::{Slot, keep_connected};
use vine_domain::{
    Ids, Timestamp,
    chat::{DesiredRoom, Fetched, Inbound, OutboxItem, Posted},
    ports::{Chat, ChatError, EventSink, ProgressPace},
};

use crate::{
    deliver, error, fetch, invitations, listen, rooms, session,
    settings::{MatrixSettings, PLATFORM},
    space, successor,
};

/// The adapter.
pub struct Matrix {
    pub(crate) settings: MatrixSettings,
    /// Set after the first sync: only then are rooms and earlier posts known.
    pub(crate) client: Slot<Client>,
}

impl Matrix {
    /// An adapter that is not connected yet; see [`Matrix::run`].
    pub fn new(settings: MatrixSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            client: Slot::default(),
        })
    }

    /// Connects and listens forever; drop it to stop. Reports problems to `ear` and retries.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn EventSink>, ids: Arc<dyn Ids>) {
        let connect = || async {
            match session::connect(&self.settings, &*ear, &*ids).await {
                Ok(client) => self.listen(&client, &*ear).await.to_string(),
                Err(error) => error.to_string(),
            }
        };
        keep_connected(&self.client, &*ear, connect).await;
    }

    async fn listen(&self, client: &Client, ear: &dyn EventSink) -> session::SessionProblem {
        let invited = Notify::new();
        tokio::select! {
            trouble = listen::run(client, ear, &self.client, &invited) => trouble,
            never = invitations::run(client, ear, &invited) => match never {},
        }
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

    fn progress_pace(&self) -> ProgressPace {
        // Synapse lets a user send one event in five seconds, unless it is configured otherwise
        // (`rc_message`), and each edit adds an event to the room's history.
        ProgressPace {
            card: Duration::from_secs(60),
            all: Duration::from_secs(20),
        }
    }

    fn rooms_at_once(&self) -> usize {
        // A homeserver limits a user, whatever the room (`rc_message` of Synapse).
        4
    }

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        let room = rooms::joined(&self.client.get()?, &dispatch.room)?;
        rooms::is_fit(&room, dispatch.encrypted).await?;
        deliver::deliver(&room, dispatch).await
    }

    async fn posted_at(&self, room: &str, reference: &str) -> Option<Timestamp> {
        fetch::posted_at(&self.client.get().ok()?, room, reference).await
    }

    async fn address(&self, room: &str, _thread: &str, reference: &str) -> Option<String> {
        Some(format!("https://matrix.to/#/{room}/{reference}"))
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::create_room(&self.client.get()?, &self.settings, wish).await
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        let client = self.client.get()?;
        let room = rooms::joined(&client, room)?;
        rooms::is_fit(&room, wish.encrypted).await?;
        rooms::sync_room(&room, wish).await?;
        space::put(&client, &self.settings, &room, wish).await?;
        rooms::is_trusted(&client, &self.settings, wish.encrypted).await
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        let client = self.client.get()?;
        let mut closed = Vec::new();
        for room in rooms {
            if let Err(ChatError::Gone(why)) = rooms::is_open(&client, room).await {
                closed.push((room.clone(), why));
            }
        }
        Ok(closed)
    }

    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError> {
        successor::of(&self.client.get()?, room).await
    }

    async fn show_activity(&self, rooms: &[String]) {
        let Ok(client) = self.client.get() else {
            return;
        };
        for room in rooms {
            rooms::show_activity(&client, room).await;
        }
    }

    async fn ping(&self) -> Result<(), ChatError> {
        let answer = self.client.get()?.whoami().await;
        answer
            .map(|_| ())
            .map_err(|error| error::chat("identifying the bot", &error.into()))
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Fetched> {
        fetch::fetched(&self.client.get().ok()?, event).await
    }

    async fn join_room(&self, room: &str, wish: &DesiredRoom) -> Result<String, ChatError> {
        rooms::join_room(&self.client.get()?, room, wish.encrypted).await
    }
}
