//! The console as a chat platform: the same port, authoriser and texts as the others. Its threads are the page's own,
//! which reads them from the store, so posting is done when it is asked for.

use async_trait::async_trait;
use vine_domain::{
    chat::{Dispatch, Inbound, Posted, RoomWish},
    ports::{Chat, ChatError},
};

/// The built-in place to talk.
#[derive(Debug, Default)]
pub struct Console;

#[async_trait]
impl Chat for Console {
    fn platform(&self) -> &'static str {
        "console"
    }

    /// The console speaks to nobody but us.
    fn encrypts(&self) -> bool {
        true
    }

    async fn deliver(&self, dispatch: &Dispatch) -> Result<Posted, ChatError> {
        Ok(Posted::one(dispatch.message.place.to_string(), dispatch.message.id.to_string()))
    }

    async fn make(&self, wish: &RoomWish) -> Result<String, ChatError> {
        Ok(wish.repo.to_string())
    }

    async fn furnish(&self, _room: &str, _wish: &RoomWish) -> Result<(), ChatError> {
        Ok(())
    }

    async fn show_work(&self, _rooms: &[String]) {}

    /// Nothing comes without its words here.
    async fn fetch(&self, _event: &Inbound) -> Option<Inbound> {
        None
    }

    async fn enter(&self, room: &str, _wish: &RoomWish) -> Result<String, ChatError> {
        Err(ChatError::Gone(format!("the console has a room of its own for each repository, and none called {room}")))
    }
}
