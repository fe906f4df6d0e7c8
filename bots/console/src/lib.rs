//! The console as a chat platform: the same port, authoriser and texts as the others. Its threads are the page's own,
//! which reads them from the store, so posting is done when it is asked for.

use async_trait::async_trait;
use vine_domain::{
    chat::{Dispatch, Posted},
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

    async fn deliver(&self, dispatch: &Dispatch) -> Result<Posted, ChatError> {
        Ok(Posted { thread: dispatch.message.place.to_string(), message: dispatch.message.id.to_string() })
    }
}
