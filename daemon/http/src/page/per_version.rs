//! What all who see everything are shown alike, read once however many of them look.

use std::sync::Arc;

use tokio::sync::Mutex;
use vine_app::{App, AppError, Caller};
use vine_domain::access::ListScope;

/// Milliseconds after which a value is read again even if nothing has happened: workers are seen
/// again without a change to the page.
const TICK: i64 = 1_000;

/// A value that was read at one version of the page.
pub struct PerVersion<T>(Mutex<Option<((u64, i64), Arc<T>)>>);

impl<T> Default for PerVersion<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerVersion<T> {
    /// What `read` finds for this person. Those who see everything share it.
    pub async fn seen_by(
        &self,
        app: &App,
        caller: &Caller,
        read: impl Future<Output = Result<T, AppError>>,
    ) -> Result<Arc<T>, AppError> {
        match app.people.sight(caller, "the page").await? {
            ListScope::Everything => self.shared(app, read).await,
            ListScope::Only(_) => read.await.map(Arc::new),
        }
    }

    /// The value at the page's present version. One caller reads it; others wait for that.
    async fn shared(
        &self,
        app: &App,
        read: impl Future<Output = Result<T, AppError>>,
    ) -> Result<Arc<T>, AppError> {
        let mut kept = self.0.lock().await;
        // Taken before reading: what changes meanwhile has a later version.
        let version = (app.wakeups().page_version(), app.now().0 / TICK);
        if let Some((at, value)) = &*kept
            && *at == version
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *kept = Some((version, Arc::clone(&value)));
        Ok(value)
    }
}
