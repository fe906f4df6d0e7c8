//! What all who see everything are shown alike, read once however many of them look.

use std::sync::Arc;

use tokio::sync::Mutex;
use vine_app::{App, AppError, Caller};
use vine_domain::access::ListScope;

/// Milliseconds after which a value is read again even if nothing has happened: workers are seen
/// again without a change to the page.
const TICK: i64 = 1_000;
/// A value that is so many ticks old is not shown any more.
const OLD: i64 = 3;

/// A value, and when it was read.
struct Kept<T> {
    /// The version of the page.
    version: u64,
    /// The tick in which it was read.
    read: i64,
    /// The last tick in which somebody began to read it again.
    renewed: i64,
    value: Arc<T>,
}

/// A value that was read at one version of the page. Cheap to clone.
pub struct PerVersion<T>(Arc<Mutex<Option<Kept<T>>>>);

impl<T> Default for PerVersion<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for PerVersion<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync + 'static> PerVersion<T> {
    /// What `read` finds for this person. Those who see everything share it.
    pub async fn seen_by<R>(
        &self,
        app: &App,
        caller: &Caller,
        read: impl FnOnce(App, Caller) -> R,
    ) -> Result<Arc<T>, AppError>
    where
        R: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        let read = read(app.clone(), caller.clone());
        match app.people.sight(caller, "the page").await? {
            ListScope::Everything => self.shared(app, read).await,
            ListScope::Only(_) => read.await.map(Arc::new),
        }
    }

    /// The value at the page's present version, or a later one. One caller reads it, and others wait
    /// for that; if only time has passed, it is read behind them.
    async fn shared(
        &self,
        app: &App,
        read: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<Arc<T>, AppError> {
        // Taken before reading: what changes meanwhile has a later version.
        let (version, tick) = (app.wakeups().page_version(), app.now().0 / TICK);
        let mut kept = Arc::clone(&self.0).lock_owned().await;
        let known = kept.as_mut().filter(|known| known.version >= version);
        if let Some(known) = known.filter(|known| (tick - known.read).abs() < OLD) {
            let value = Arc::clone(&known.value);
            if known.renewed != tick {
                known.renewed = tick;
                tokio::spawn(self.clone().renew(known.version, tick, read));
            }
            return Ok(value);
        }
        // The first caller may hang up while the others wait.
        let read = tokio::spawn(async move {
            let value = Arc::new(read.await?);
            *kept = Some(Kept {
                version,
                read: tick,
                renewed: tick,
                value: Arc::clone(&value),
            });
            Ok(value)
        });
        read.await.unwrap_or(Err(AppError::Stopping))
    }

    async fn renew(self, version: u64, tick: i64, read: impl Future<Output = Result<T, AppError>>) {
        match read.await {
            Ok(value) => {
                let mut kept = self.0.lock().await;
                let is_newer = |known: &&mut Kept<T>| known.version == version && known.read < tick;
                if let Some(known) = kept.as_mut().filter(is_newer) {
                    known.value = Arc::new(value);
                    known.read = tick;
                }
            }
            Err(error) => tracing::warn!("could not read what the page shows: {error}"),
        }
    }
}
