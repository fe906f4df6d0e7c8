//! Whether the store takes a write now. Health that only reads looks away from a full disk.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};
use vine_domain::ports::StoreError;

use crate::{App, AppResult};

/// Strangers may ask; so many of them together cause one write in this time.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What the last write came to.
#[derive(Default)]
pub struct WriteProbe(Mutex<Option<(Instant, Option<String>)>>);

impl App {
    /// Writes, unless that was done within the last second; an error is what the store says.
    pub async fn can_write(&self) -> AppResult<()> {
        let mut last = self.pulse.0.lock().await;
        let known = last.take().filter(|(at, _)| at.elapsed() < GOOD_FOR);
        let (at, wrong) = match known {
            Some(known) => known,
            None => {
                let wrote = self.store.probe_write().await;
                (Instant::now(), wrote.err().map(|error| error.to_string()))
            }
        };
        *last = Some((at, wrong.clone()));
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(StoreError::Unavailable(wrong.into()).into()),
        }
    }
}
