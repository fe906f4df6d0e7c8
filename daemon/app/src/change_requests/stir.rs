//! Hints that something has happened: the requests of a project are looked at soon.

use vine_domain::forge::ForgeProject;

use crate::{AppResult, change_requests::ChangeRequests};

impl ChangeRequests {
    /// Has the live requests of a project looked at soon. This is stored when the call returns.
    pub async fn stir(&self, project: &ForgeProject) -> AppResult<()> {
        let at = self.hints.next_look(project, self.clock.now());
        if self.store.stir_requests(project, at).await? > 0 {
            self.wakeups.outbox();
        }
        Ok(())
    }

    /// Counts a webhook by its outcome.
    pub fn count_event(&self, outcome: &'static str) {
        self.metrics.forge_event(outcome);
    }
}
