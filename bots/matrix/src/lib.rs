//! Matrix: a room for each repository, a thread for each task.
//!
//! `listen` reads the stream, `translate` makes of each event what it is to us, `deliver` posts, `rooms` makes rooms.
//! One client, one store, one device, for ever: the server tells repeated posts by the device.
#![warn(missing_docs)]

mod deliver;
mod error;
mod listen;
mod markup;
mod rooms;
mod session;
mod translate;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use matrix_sdk::{Client, Room, RoomState, ruma::OwnedRoomId};
use tokio::sync::watch;
use vine_domain::{
    Ids,
    chat::{Dispatch, Posted, RoomWish},
    ports::{Chat, ChatError, Ear},
};

/// As it stands in `rooms.platform`.
pub const PLATFORM: &str = "matrix";
/// How soon to ask again while there is no connection yet.
const SOON: Duration = Duration::from_millis(500);

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the homeserver's client API is.
    pub homeserver: String,
    /// The bot's user name or id.
    pub user: String,
    /// Its password; used once, at the first start.
    pub password: String,
    /// Rooms are called this and the repository's name.
    pub alias_prefix: String,
    /// A folder of our own for keys and session.
    pub state: PathBuf,
}

/// The adapter.
pub struct Matrix {
    settings: Settings,
    /// Set when the stream was read for the first time: only then rooms are known, and what was posted before.
    client: watch::Sender<Option<Client>>,
}

impl Matrix {
    /// An adapter that is not connected yet; see [`Matrix::run`].
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings, client: watch::Sender::new(None) })
    }

    /// Connects and listens, for ever; drop it to stop. Whatever goes wrong is told to `ear` and tried again.
    pub async fn run(self: Arc<Self>, ear: Arc<dyn Ear>, ids: Arc<dyn Ids>) {
        let mut pause = SOON;
        loop {
            let trouble = match session::connect(&self.settings, &*ear, &*ids).await {
                Ok(client) => listen::run(&client, &*ear, &self.client).await,
                Err(error) => error,
            };
            let worked = self.client.send_replace(None).is_some();
            ear.health(Err(trouble.to_string()));
            pause = if worked { SOON } else { (pause * 2).min(Duration::from_secs(60)) };
            tokio::time::sleep(pause).await;
        }
    }

    fn client(&self) -> Result<Client, ChatError> {
        self.client.borrow().clone().ok_or(ChatError::Limited { after: SOON })
    }

    fn room(&self, id: &str) -> Result<Room, ChatError> {
        let client = self.client()?;
        let room = OwnedRoomId::try_from(id).ok().and_then(|id| client.get_room(&id));
        match room {
            Some(room) if room.state() == RoomState::Joined => Ok(room),
            _ => Err(ChatError::Gone(format!(
                "{} is not in the room {id}; invite it, or choose another with `repo room`",
                self.settings.user
            ))),
        }
    }
}

#[async_trait]
impl Chat for Matrix {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    async fn deliver(&self, dispatch: &Dispatch) -> Result<Posted, ChatError> {
        deliver::deliver(&self.room(&dispatch.room)?, dispatch).await
    }

    async fn furnish(&self, wish: &RoomWish) -> Result<String, ChatError> {
        rooms::furnish(&self.client()?, &self.settings, wish).await
    }

    async fn enter(&self, room: &str) -> Result<String, ChatError> {
        rooms::enter(&self.client()?, room).await
    }
}
