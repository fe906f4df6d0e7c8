//! Response URLs for private replies, which work even where we are not allowed to post. They are
//! valid for half an hour and kept in memory only, since a URL lets its holder post in our name.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long Slack accepts replies (documentation, "Handling user interaction"), with a margin.
const LIFE: Duration = Duration::from_secs(29 * 60);

/// Response URLs by event.
#[derive(Debug, Default)]
pub struct PendingResponses(Mutex<HashMap<String, (String, Instant)>>);

impl PendingResponses {
    /// Adds a response URL.
    pub fn add(&self, event: &str, address: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, since)| since.elapsed() < LIFE);
        all.insert(event.to_owned(), (address.to_owned(), Instant::now()));
    }

    /// The response URL of an event, if it has not expired.
    pub fn address(&self, event: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (address, since) = all.get(event)?;
        (since.elapsed() < LIFE).then(|| address.clone())
    }
}
