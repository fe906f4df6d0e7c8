//! The sweep: ends leases whose workers are gone or silent. Idempotent; runs by the clock.

use std::time::Duration;

use crate::{App, Done};

const EVERY: Duration = Duration::from_millis(500);

/// Runs until the daemon stops.
pub async fn run(app: App) {
    if let Err(error) = app.store.adopt_leases().await {
        tracing::error!(%error, "cannot adopt leases: {error}");
    }
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = once(&app).await {
            tracing::error!(%error, "the sweep failed: {error}");
        }
    }
}

/// One round.
pub async fn once(app: &App) -> Done<()> {
    for worker in app.gone() {
        app.lose_all(worker, "the connection to its worker closed and did not come back").await?;
    }
    for attempt in app.store.expired().await? {
        app.lose(attempt, "nothing was heard of its worker for a whole lease").await?;
    }
    Ok(())
}
