//! People who wait for an answer that they alone see, where Slack lets us answer them even if we may
//! not speak there. The addresses live half an hour and are kept in memory only: they let their
//! holder speak in our name.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long Slack takes answers (documentation, "Handling user interaction"), with a margin.
const LIFE: Duration = Duration::from_secs(29 * 60);

/// Addresses for answers, by the events that they answer.
#[derive(Debug, Default)]
pub struct PendingResponses(Mutex<HashMap<String, (String, Instant)>>);

impl PendingResponses {
    /// Somebody waits.
    pub fn add(&self, event: &str, address: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, since)| since.elapsed() < LIFE);
        all.insert(event.to_owned(), (address.to_owned(), Instant::now()));
    }

    /// Where to answer, if somebody still waits.
    pub fn address(&self, event: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (address, since) = all.get(event)?;
        (since.elapsed() < LIFE).then(|| address.clone())
    }
}
