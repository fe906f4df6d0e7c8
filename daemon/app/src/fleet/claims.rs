//! Claims of workers.

use std::time::Duration;

use tokio::time::Instant;
use vine_domain::{assignment::Assignment, schedule::ClaimRequest};

use crate::{
    AppResult,
    fleet::Fleet,
    waiting_claims::{ClaimReply, PendingClaim},
};

impl Fleet {
    /// Claims work; waits up to `wait` for the first task, then returns what there is, perhaps
    /// nothing.
    pub async fn claim(&self, want: ClaimRequest, wait: Duration) -> AppResult<Vec<Assignment>> {
        // A stopping daemon assigns no work.
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let (claim, reply) = self.pending(want, wait).await?;
        self.writes.claim(claim).await;
        tokio::select! {
            biased;
            tasks = reply.tasks() => Ok(tasks),
            () = self.stop.cancelled() => Ok(Vec::new()),
        }
    }

    /// A claim of what this worker may have, and where its tasks arrive.
    pub(super) async fn pending(
        &self,
        mut want: ClaimRequest,
        wait: Duration,
    ) -> AppResult<(PendingClaim, ClaimReply)> {
        self.isolation.refresh().await?;
        want.without
            .extend(self.isolation.known.out_of_reach(want.worker));
        Ok(self.writes.pending(want, Instant::now() + wait))
    }
}
