//! The audit, the depths of queues, and whether the database is too large.

use vine_domain::{AuditEntry, Timestamp, Verb, ledger::LedgerEntry, queue::QueueDepths};

use crate::{AppResult, Caller, reporting::Reporting};

impl Reporting {
    /// Why the database is larger than allowed, if it is.
    pub fn too_large(&self) -> Option<String> {
        self.too_large.get()
    }

    /// The sealed decisions and answers since a moment and after an entry; with the hash of the
    /// entry before the first.
    pub async fn records(
        &self,
        caller: &Caller,
        after: u64,
        since: Timestamp,
        limit: u32,
    ) -> AppResult<(String, Vec<LedgerEntry>)> {
        self.people
            .allow(caller, Verb::Inspect, None, "audit")
            .await?;
        // The result includes everything that was decided so far.
        while self.store.seal().await? > 0 {}
        Ok(self.store.records(after, since, limit).await?)
    }

    /// How many entries each queue has.
    pub async fn depths(&self) -> AppResult<QueueDepths> {
        Ok(self.store.depths().await?)
    }

    /// The latest entries of the audit, latest first.
    pub async fn audit_lines(&self, limit: u32) -> AppResult<Vec<(Timestamp, AuditEntry)>> {
        Ok(self.store.audit_lines(limit).await?)
    }
}
