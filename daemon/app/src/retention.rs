//! Retention: seals decisions, removes what is older than the policy allows, and removes the oldest
//! if the database grows too large. In small steps, so that nobody waits; in one daemon at a time.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    App, AppResult,
    cluster::leadership::{self, NoGossip},
};

/// How often to check whether something must be sealed.
const LOOK: Duration = Duration::from_secs(1);
/// How often to remove what is old, and how long to wait before the first time: a machine whose
/// clock is wrong at its start has corrected it by then.
const AGE: Duration = Duration::from_secs(600);
/// How often to measure the size at least.
const MEASURE: Duration = Duration::from_secs(60);
/// More bytes than agents and people write in a second, by far.
const PER_SECOND: u64 = 16 << 20;
/// At most this many steps in a round: the next one sees the new size.
const STEPS: u32 = 10;
/// The pause between two steps of a round.
const BREATH: Duration = Duration::from_millis(20);
/// Space for what is written until the next check, and for the write-ahead log: a tenth of the
/// maximum size, but at least this.
const RESERVE: u64 = 12 << 20;

/// Runs until the daemon stops.
pub async fn run(app: App) {
    let stop = &app.core.stop;
    leadership::run(&app.cluster, stop, "keeping", &NoGossip, |_| work(&app)).await;
}

async fn work(app: &App) {
    let mut aged = Instant::now();
    let mut measured = Instant::now();
    loop {
        let round = async {
            while app.core.store.seal().await? > 0 {}
            if Instant::now() >= measured {
                measured = Instant::now() + fit(app).await?;
            }
            if aged.elapsed() >= AGE {
                while app.core.store.prune(&app.settings().retention).await? > 0 {
                    tokio::time::sleep(BREATH).await;
                }
                aged = Instant::now();
            }
            AppResult::Ok(())
        };
        if let Err(error) = round.await {
            tracing::error!(%error, "could not seal or remove old data: {error}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Removes the oldest data until the database is small enough. Returns when to measure it again.
async fn fit(app: &App) -> AppResult<Duration> {
    let Some(most) = app.settings().retention.size else {
        app.reporting.too_large.set(None);
        return Ok(LOOK);
    };
    let room = most - (most / 10).max(RESERVE).min(most / 2);
    let mut trouble = None;
    let mut left = 0;
    // The size may drop only later.
    for _ in 0..STEPS {
        let size = app.core.store.size().await?;
        if size <= room {
            left = room - size;
            break;
        }
        if app.core.store.shrink().await? == 0 {
            let mb = most >> 20;
            trouble = Some(format!(
                "the database is about to exceed {mb} MB (`keep.size_mb`), and nothing more may be removed from it"
            ));
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    if app.reporting.too_large.set(trouble.clone()) {
        if let Some(trouble) = trouble {
            tracing::warn!("{trouble}");
        }
        app.core.wakeups.page();
    }
    Ok(until_full(left))
}

/// How long it takes at least to write this many bytes: measuring a large database costs more than
/// anything else that an idle daemon does.
fn until_full(left: u64) -> Duration {
    Duration::from_secs(left / PER_SECOND).clamp(LOOK, MEASURE)
}
