//! The sweep: ends leases whose workers are gone or silent, rings the alarms of open questions, and
//! ends sessions that are not worth keeping. Idempotent; runs by
//! the clock.

use std::time::{Duration, Instant};

use crate::{App, AppResult};

/// How soon a worker whose connection closed is looked for; costs nothing while none is.
const EVERY: Duration = Duration::from_millis(500);
/// Only each so many rounds the store is asked, to leave an idle machine alone.
const ROUNDS: u32 = 4;
/// Whoever does not come round for so long stood still, with the whole machine perhaps. A worker renews a
/// lease long before what is left of it then.
const STOOD: Duration = Duration::from_secs(20);

/// Runs until the daemon stops.
pub async fn run(app: App) {
    if let Err(error) = start(&app).await {
        tracing::error!(%error, "the sweep cannot begin: {error}");
    }
    let mut last = Instant::now();
    for round in (0..ROUNDS).cycle() {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let stood = last.elapsed() > STOOD;
        last = Instant::now();
        let swept = async {
            if stood {
                tracing::warn!(
                    "this daemon stood still, so workers could not be heard; their leases begin anew"
                );
                adopt(&app).await?;
            }
            keep_time(&app).await?;
            match round {
                0 => once(&app).await,
                _ => lose_gone(&app).await,
            }
        };
        let swept = swept.await;
        if let Err(error) = swept {
            tracing::error!(%error, "the sweep failed: {error}");
        }
    }
}

async fn start(app: &App) -> AppResult<()> {
    adopt(app).await?;
    app.reset_alarms().await
}

/// Begins all leases anew after an absence, unless other daemons lived: they heard of workers meanwhile.
async fn adopt(app: &App) -> AppResult<()> {
    if app.other_daemons().await?.is_empty() {
        app.store.adopt_leases().await?;
    }
    Ok(())
}

/// Follows a clock that was set. Leases are left alone until each worker that lives has renewed its own:
/// what was on its way to the store was measured with the clock before.
async fn keep_time(app: &App) -> AppResult<()> {
    if let Some(by) = app.store.keep_time().await? {
        let (seconds, way) = (by.abs() / 1000, if by > 0 { "forward" } else { "back" });
        tracing::warn!(
            "the clock was set {way} by {seconds} s; leases and pauses go on as they were"
        );
        app.moved_in_time(by);
    }
    Ok(())
}

/// One whole round.
pub async fn once(app: &App) -> AppResult<()> {
    lose_gone(app).await?;
    app.note_used_tokens().await?;
    let expired = match app.is_lenient() {
        true => Vec::new(),
        false => app.store.expired().await?,
    };
    for attempt in expired {
        app.lose(attempt, "nothing was heard of its worker for a whole lease")
            .await?;
    }
    if app.store.sweep_sessions(&app.settings().sessions).await? > 0 {
        app.wakes.page();
    }
    app.ring_alarms().await
}

async fn lose_gone(app: &App) -> AppResult<()> {
    for worker in app.gone().await? {
        app.lose_all(
            worker,
            "the connection to its worker closed and did not come back",
        )
        .await?;
        app.store.set_gone(worker).await?;
        app.wakes.page();
    }
    Ok(())
}
