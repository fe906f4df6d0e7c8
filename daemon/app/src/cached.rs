//! A cache for values that are slow to read and may be slightly old. They are read again in the
//! background; callers get the last value, so that only the first one waits.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use vine_domain::{Timestamp, ports::StoreResult};

/// A value is read again when it is older than this and than [`RESTS`] times what reading it took,
/// so that reading never takes more than a twentieth of the time.
const GOOD_FOR: Duration = Duration::from_secs(2);
const RESTS: u32 = 20;
/// A read that takes longer than this is not waited for any more, and another one starts.
const PATIENCE: Duration = Duration::from_secs(60);

/// The last value, and until when it is fresh enough.
pub struct Cached<T>(Mutex<Option<(Timestamp, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Send + Sync + 'static> Cached<T> {
    fn known(&self) -> MutexGuard<'_, Option<(Timestamp, Arc<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of `read`, a few seconds old at most while somebody is looking; `what` names it in
    /// the log.
    pub async fn of(
        self: &Arc<Self>,
        now: Timestamp,
        what: &'static str,
        read: impl Future<Output = StoreResult<T>> + Send + 'static,
    ) -> StoreResult<Arc<T>> {
        let Some((until, known)) = self.known().clone() else {
            return self.read(now, read).await;
        };
        if now > until {
            // Other callers must not read it too.
            *self.known() = Some((now.plus(PATIENCE), Arc::clone(&known)));
            let latest = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = latest.read(now, read).await {
                    tracing::warn!(%error, "could not read {what}: {error}");
                }
            });
        }
        Ok(known)
    }

    async fn read(
        &self,
        now: Timestamp,
        read: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<Arc<T>> {
        let begun = Instant::now();
        let new = Arc::new(read.await?);
        *self.known() = Some((now.plus(good_for(begun.elapsed())), Arc::clone(&new)));
        Ok(new)
    }
}

/// How long a value stays fresh enough, by how long reading it took.
fn good_for(took: Duration) -> Duration {
    GOOD_FOR.max(took * RESTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_to_read_is_read_seldom() {
        let seconds = Duration::from_secs;
        assert_eq!(
            [Duration::ZERO, seconds(1), seconds(30)].map(good_for),
            [seconds(2), seconds(20), seconds(600)]
        );
    }
}
