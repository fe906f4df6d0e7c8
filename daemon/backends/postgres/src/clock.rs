//! The server's clock, which judges leases and due times. Asked now and then; in between our
//! monotonic clock carries it on, so that a wrong or jumping clock of a daemon's machine decides
//! nothing.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{PgPool, query_scalar};
use vine_domain::{Clock, Timestamp};

/// Quartz drifts by less than a millisecond in this time.
const EVERY: Duration = Duration::from_secs(10);
/// The quickest of so many answers tells best.
const SAMPLES: u32 = 3;

/// The server's time, carried on by our monotonic clock.
pub struct Server {
    begun: Instant,
    /// The server's time at `begun`, in milliseconds.
    at: AtomicI64,
}

impl Server {
    /// Asks the server and goes on asking while somebody uses the clock.
    pub async fn follow(pool: &PgPool) -> sqlx::Result<Arc<dyn Clock>> {
        let clock = Arc::new(Self {
            begun: Instant::now(),
            at: AtomicI64::new(0),
        });
        clock.ask(pool).await?;
        tokio::spawn(keep_asking(Arc::downgrade(&clock), pool.clone()));
        Ok(clock)
    }

    async fn ask(&self, pool: &PgPool) -> sqlx::Result<()> {
        let (mut quickest, mut best) = (Duration::MAX, 0);
        for _ in 0..SAMPLES {
            let sent = Instant::now();
            let told = query_scalar!(
                r#"SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS "now!""#
            );
            let told = told.fetch_one(pool).await?;
            let took = sent.elapsed();
            if took < quickest {
                let middle = sent + took / 2;
                (quickest, best) = (took, told - millis(middle - self.begun));
            }
        }
        self.at.store(best, Ordering::Relaxed);
        Ok(())
    }
}

async fn keep_asking(clock: Weak<Server>, pool: PgPool) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(clock) = clock.upgrade().filter(|_| !pool.is_closed()) else {
            return;
        };
        if let Err(error) = clock.ask(&pool).await {
            tracing::debug!("the server's clock cannot be read: {error}");
        }
    }
}

impl Clock for Server {
    fn now(&self) -> Timestamp {
        Timestamp(self.at.load(Ordering::Relaxed) + millis(self.begun.elapsed()))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
