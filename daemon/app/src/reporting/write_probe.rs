//! Whether the store takes a write now. A health check that only reads does not notice a full disk.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};
use vine_domain::ports::{Store, StoreError, StoreResult};

/// Anybody can trigger this; all requests together cause at most one write in this time.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The outcome of the last write.
#[derive(Default)]
pub(super) struct WriteProbe(Mutex<Option<(Instant, Option<String>)>>);

impl WriteProbe {
    /// Writes, unless that was done within the last second; returns the error of the store.
    pub async fn check(&self, store: &dyn Store) -> StoreResult<()> {
        let mut last = self.0.lock().await;
        let known = last.take().filter(|(at, _)| at.elapsed() < GOOD_FOR);
        let (at, wrong) = match known {
            Some(known) => known,
            None => {
                let wrote = store.probe_write().await;
                (Instant::now(), wrote.err().map(|error| error.to_string()))
            }
        };
        *last = Some((at, wrong.clone()));
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(StoreError::Unavailable(wrong.into())),
        }
    }
}
