//! The server's clock, which judges leases and due times. It is read regularly and advanced by our
//! monotonic clock in between, so a wrong or jumping clock on the daemon's machine does not matter.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use sqlx::{PgPool, query_scalar};
use vine_domain::{Timestamp, clock::MonotonicClock};

/// How often to read it. Clocks drift by less than a millisecond in this time.
const EVERY: Duration = Duration::from_secs(2);
/// Reads per sample; the fastest is the most accurate.
const SAMPLES: u32 = 3;

/// Reads the server's clock, and keeps reading it while the clock is in use.
pub async fn follow(pool: &PgPool) -> sqlx::Result<Arc<MonotonicClock>> {
    let clock = Arc::new(MonotonicClock::begin(ask(pool).await?));
    tokio::spawn(keep_asking(Arc::downgrade(&clock), pool.clone()));
    Ok(clock)
}

/// The server's current time.
async fn ask(pool: &PgPool) -> sqlx::Result<Timestamp> {
    let mut quickest = Duration::MAX;
    let mut best = (Timestamp(0), Instant::now());
    for _ in 0..SAMPLES {
        let sent = Instant::now();
        let told = query_scalar!(
            r#"SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS "now!""#
        );
        let told = told.fetch_one(pool).await?;
        let took = sent.elapsed();
        if took < quickest {
            (quickest, best) = (took, (Timestamp(told), sent + took / 2));
        }
    }
    let (told, at) = best;
    Ok(told.plus(at.elapsed()))
}

async fn keep_asking(clock: Weak<MonotonicClock>, pool: PgPool) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(clock) = clock.upgrade().filter(|_| !pool.is_closed()) else {
            return;
        };
        match ask(&pool).await {
            Ok(now) => clock.hear(now),
            Err(error) => tracing::debug!("could not read the server's clock: {error}"),
        }
    }
}
