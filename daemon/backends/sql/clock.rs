//! The clock of the database: what happens when somebody sets it.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use vine_domain::{Timestamp, failure::LONGEST_BACKOFF, ports::StoreResult};

use super::run::{Fetch as _, Run as _};
use crate::{
    Connection, Database, engine,
    statement::{scalar, statement},
};

impl Database {
    /// Follows the clock if somebody set it; returns by how many milliseconds.
    pub(super) async fn follow_clock(&self) -> StoreResult<Option<i64>> {
        let by = self.clock.strayed();
        if by == 0 {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let now = self.now();
        if self.is_first_to_see(&mut tx).await? {
            shift(&mut tx, now, by).await?;
        }
        engine::commit(tx).await?;
        self.clock.follow(by);
        self.era
            .store(self.era_in_force().await?, Ordering::Relaxed);
        Ok(Some(by))
    }

    /// Several daemons follow one clock. The first to notice a change shifts the stored times.
    async fn is_first_to_see(&self, tx: &mut Connection) -> StoreResult<bool> {
        let known = self.era.load(Ordering::Relaxed);
        let moved = statement!("UPDATE settings SET era = era + 1 WHERE era = $1", known);
        let moved = moved.run(&mut *tx).await?;
        Ok(moved > 0)
    }

    async fn era_in_force(&self) -> StoreResult<i64> {
        let era = scalar!(i64, "SELECT era FROM settings");
        era.one(self.quick()).await
    }

    /// Whether stored leases match this daemon's clock: another daemon may have noticed first that
    /// the clock was set. If this one does not notice within [`SEES`], it adopts the era.
    pub(super) async fn has_the_clock(&self) -> StoreResult<bool> {
        let era = self.era_in_force().await?;
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if era == self.era.load(Ordering::Relaxed) {
            *behind = None;
            return Ok(true);
        }
        let since = *behind.get_or_insert_with(Instant::now);
        if since.elapsed() > SEES {
            self.era.store(era, Ordering::Relaxed);
        }
        Ok(false)
    }
}

/// Every daemon checks its clock more often than this.
const SEES: Duration = Duration::from_secs(30);

/// Shifts leases, pauses and the times when workers were last seen. Orders due after the longest
/// backoff stay: they wait for a time of day, such as the end of a limit.
async fn shift(tx: &mut Connection, now: Timestamp, by: i64) -> StoreResult<()> {
    for moved in [
        statement!(
            "UPDATE tasks SET lease_until = lease_until + $1 WHERE lease_worker IS NOT NULL",
            by
        ),
        statement!(
            "UPDATE work_orders SET due = due + $1 WHERE due <= $2",
            by,
            now.plus(LONGEST_BACKOFF).0
        ),
        statement!(
            "UPDATE outbox SET due = due + $1 WHERE posted IS NULL AND due > $2",
            by,
            now.0.min(now.0.saturating_add(by))
        ),
        statement!("UPDATE workers SET seen = seen + $1", by),
        statement!("UPDATE leases SET expires = expires + $1", by),
    ] {
        moved.run(&mut *tx).await?;
    }
    Ok(())
}
