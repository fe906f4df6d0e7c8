//! The server's clock, which judges leases and due times. Asked now and then; our monotonic clock carries
//! it on, so that a wrong or jumping clock of a daemon's machine decides nothing.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use sqlx::{PgPool, query_scalar};
use vine_domain::{Timestamp, clock::MonotonicClock};

/// Quartz drifts by less than a millisecond in this time; a step of the server's clock is seen after it.
const EVERY: Duration = Duration::from_secs(2);
/// The quickest of so many answers tells best.
const SAMPLES: u32 = 3;

/// Asks the server and goes on asking while somebody uses the clock.
pub async fn follow(pool: &PgPool) -> sqlx::Result<Arc<MonotonicClock>> {
    let clock = Arc::new(MonotonicClock::begin(ask(pool).await?));
    tokio::spawn(keep_asking(Arc::downgrade(&clock), pool.clone()));
    Ok(clock)
}

/// The server's time of now.
async fn ask(pool: &PgPool) -> sqlx::Result<Timestamp> {
    let (mut quickest, mut best) = (Duration::MAX, (Timestamp(0), Instant::now()));
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
            Err(error) => tracing::debug!("the server's clock cannot be read: {error}"),
        }
    }
}
