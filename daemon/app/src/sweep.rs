//! The sweep: ends leases whose workers are gone or silent, rings the alarms of open questions, and
//! ends sessions that are not worth keeping. Idempotent; runs by
//! the clock.

use std::time::Duration;

use crate::{App, Done};

/// How soon a worker whose connection closed is looked for; costs nothing while none is.
const EVERY: Duration = Duration::from_millis(500);
/// Only each so many rounds the store is asked, to leave an idle machine alone.
const ROUNDS: u32 = 4;

/// Runs until the daemon stops.
pub async fn run(app: App) {
    if let Err(error) = start(&app).await {
        tracing::error!(%error, "the sweep cannot begin: {error}");
    }
    for round in (0..ROUNDS).cycle() {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let swept = if round == 0 {
            once(&app).await
        } else {
            lose_gone(&app).await
        };
        if let Err(error) = swept {
            tracing::error!(%error, "the sweep failed: {error}");
        }
    }
}

async fn start(app: &App) -> Done<()> {
    // While other daemons live, workers were heard of in our absence too.
    if app.daemons().await?.is_empty() {
        app.store.adopt_leases().await?;
    }
    app.store.reset_alarms().await?;
    Ok(())
}

/// One whole round.
pub async fn once(app: &App) -> Done<()> {
    lose_gone(app).await?;
    for attempt in app.store.expired().await? {
        app.lose(attempt, "nothing was heard of its worker for a whole lease")
            .await?;
    }
    if app.store.sweep_sessions(&app.settings.sessions).await? > 0 {
        app.wakes.page();
    }
    app.ring_alarms().await
}

async fn lose_gone(app: &App) -> Done<()> {
    for worker in app.gone().await? {
        app.lose_all(
            worker,
            "the connection to its worker closed and did not come back",
        )
        .await?;
    }
    Ok(())
}
