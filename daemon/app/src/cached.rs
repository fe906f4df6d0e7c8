//! What takes a while to read and need not be of this second: read now and then; whoever looks
//! meanwhile sees what was read last, so that a look never waits for it but the first.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use vine_domain::{Timestamp, ports::StoreResult};

/// Read again when it is older than this, and than so many times what reading it took: it never
/// takes more than a twentieth of the time.
const GOOD_FOR: Duration = Duration::from_secs(2);
const RESTS: u32 = 20;
/// A read that has not come to its end by then is not waited for any more, and another begun.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was read last, and until when that is good enough.
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

    /// What `read` gave some seconds ago at most while somebody looks; `what` names it in the log.
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
            // Others who look meanwhile need not read it too.
            *self.known() = Some((now.plus(PATIENCE), Arc::clone(&known)));
            let latest = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = latest.read(now, read).await {
                    tracing::warn!(%error, "{what} cannot be read: {error}");
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

/// How long what took so long to read is good enough.
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
