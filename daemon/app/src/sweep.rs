//! The sweep: ends leases whose workers are gone or silent, rings the alarms of open questions,
//! queues tasks whose predecessor is done, and ends sessions that are not worth keeping. Idempotent; runs by the clock.

use std::time::{Duration, Instant};

use crate::{App, AppResult};

/// How often to check for workers whose connection closed; costs nothing while there are none.
const EVERY: Duration = Duration::from_millis(500);
/// The store is read only every fourth round, to leave an idle machine alone.
const ROUNDS: u32 = 4;
/// A round that takes longer than this means that the process, or the whole machine, was suspended.
/// A worker renews its leases long before they would expire after that.
const STOOD: Duration = Duration::from_secs(20);

/// Runs until the daemon stops.
pub async fn run(app: App) {
    if let Err(error) = start(&app).await {
        tracing::error!(%error, "could not start the sweep: {error}");
    }
    let mut last = Instant::now();
    for round in (0..ROUNDS).cycle() {
        tokio::select! {
            () = app.core.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let stood = last.elapsed() > STOOD;
        last = Instant::now();
        let swept = async {
            if stood {
                tracing::warn!(
                    "this daemon was suspended and received no heartbeats; all leases start over"
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
    app.questions.reset_alarms().await
}

/// Starts all leases over after an absence, unless other daemons were running: they received
/// heartbeats.
async fn adopt(app: &App) -> AppResult<()> {
    if app.cluster.other_daemons().await?.is_empty() {
        app.core.store.adopt_leases().await?;
    }
    Ok(())
}

/// Adapts to a clock that was set. No lease expires until each running worker has renewed its own:
/// writes that were on their way to the store used the old clock.
async fn keep_time(app: &App) -> AppResult<()> {
    if let Some(by) = app.core.store.keep_time().await? {
        let seconds = by.abs() / 1000;
        let way = if by > 0 { "forward" } else { "back" };
        tracing::warn!(
            "the clock was set {way} by {seconds} s; leases and pauses continue unchanged"
        );
        app.fleet.moved_in_time(by);
    }
    Ok(())
}

/// One complete round.
pub async fn once(app: &App) -> AppResult<()> {
    lose_gone(app).await?;
    app.people.note_used_tokens().await?;
    let expired = match app.fleet.is_lenient() {
        true => Vec::new(),
        false => app.core.store.expired().await?,
    };
    for attempt in expired {
        app.fleet
            .lose(attempt, "the worker sent no heartbeat for a minute")
            .await?;
    }
    if app
        .core
        .store
        .sweep_sessions(&app.settings().sessions)
        .await?
        > 0
    {
        app.core.wakeups.page();
    }
    app.questions.ring_alarms().await?;
    app.tasks.unblock().await
}

async fn lose_gone(app: &App) -> AppResult<()> {
    for worker in app.fleet.gone().await? {
        app.fleet
            .lose_all(
                worker,
                "the connection to the worker closed and did not come back",
            )
            .await?;
        app.core.store.set_gone(worker).await?;
        app.core.wakeups.page();
    }
    Ok(())
}
