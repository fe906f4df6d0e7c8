//! Claims of workers.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};
use vine_domain::{assignment::Assignment, schedule::ClaimRequest};

use crate::{
    AppResult,
    fleet::{Fleet, dispatcher::PendingClaim},
};

impl Fleet {
    /// Claims work; waits up to `wait` for the first task, then returns what there is, perhaps
    /// nothing.
    pub async fn claim(
        &self,
        mut want: ClaimRequest,
        wait: Duration,
    ) -> AppResult<Vec<Assignment>> {
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        self.isolation.refresh().await?;
        want.without
            .extend(self.isolation.known.out_of_reach(want.worker));
        let (reply, answer) = oneshot::channel();
        let waiting = PendingClaim {
            want,
            until: Instant::now() + wait,
            reply,
        };
        // A stopping daemon assigns no work.
        if self.claims.send(waiting).await.is_err() {
            return Ok(Vec::new());
        }
        answer.await.unwrap_or_else(|_| Ok(Vec::new()))
    }
}
