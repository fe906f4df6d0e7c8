//! Claims of workers.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};
use vine_domain::{assignment::Assignment, schedule::ClaimRequest};

use crate::{AppResult, fleet::Fleet, waiting_claims::PendingClaim};

impl Fleet {
    /// Claims work; waits up to `wait` for the first task, then returns what there is, perhaps
    /// nothing.
    pub async fn claim(&self, want: ClaimRequest, wait: Duration) -> AppResult<Vec<Assignment>> {
        // A stopping daemon assigns no work.
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let (claim, tasks) = self.pending(want, wait).await?;
        self.writes.claim(claim).await;
        tokio::select! {
            tasks = tasks => Ok(tasks.unwrap_or_default()),
            () = self.stop.cancelled() => Ok(Vec::new()),
        }
    }

    /// A claim of what this worker may have, and where its tasks arrive.
    pub(super) async fn pending(
        &self,
        mut want: ClaimRequest,
        wait: Duration,
    ) -> AppResult<(PendingClaim, oneshot::Receiver<Vec<Assignment>>)> {
        self.isolation.refresh().await?;
        want.without
            .extend(self.isolation.known.out_of_reach(want.worker));
        Ok(PendingClaim::new(want, Instant::now() + wait))
    }
}
