//! Leases on duties that only one daemon may perform.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{query, query_scalar};
use vine_domain::ports::{LeaseOutcome, Leases, StoreResult};

use crate::{
    Database,
    sql::run::{Fetch as _, Run as _},
};

#[async_trait]
impl Leases for Database {
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
        note: &str,
    ) -> StoreResult<LeaseOutcome> {
        let now = self.now();
        let held = query_scalar!(
            "INSERT INTO leases (name, holder, expires, note) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = \
             excluded.expires, note = excluded.note
             WHERE leases.holder = excluded.holder OR leases.expires < $5 RETURNING holder",
            name,
            holder,
            now.plus(life).0,
            note,
            now.0
        );
        if held.maybe(&self.pool).await?.is_some() {
            return Ok(LeaseOutcome::Ours);
        }
        let note = query_scalar!("SELECT note FROM leases WHERE name = $1", name);
        Ok(LeaseOutcome::Theirs(
            note.maybe(&self.pool).await?.unwrap_or_default(),
        ))
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        let released = query!(
            "DELETE FROM leases WHERE name = $1 AND holder = $2",
            name,
            holder
        );
        released.run(&self.pool).await.map(drop)
    }

    async fn held(&self, prefix: &str) -> StoreResult<Vec<(String, String)>> {
        let rows = query!(
            "SELECT name, note FROM leases WHERE starts_with(name, $1) AND expires >= $2 ORDER BY \
             name",
            prefix,
            self.now().0
        );
        let rows = rows.all(&self.pool).await?;
        Ok(rows.into_iter().map(|row| (row.name, row.note)).collect())
    }
}
