//! Ending leases.

use vine_domain::{WorkerId, attempt::Attempt, lifecycle::Event};

use crate::{AppError, AppResult, fleet::Fleet};

impl Fleet {
    /// Ends all leases of a worker.
    pub(crate) async fn lose_all(&self, worker: WorkerId, why: &str) -> AppResult<()> {
        for attempt in self.store.leases_of(worker).await? {
            self.lose(attempt, why).await?;
        }
        Ok(())
    }

    /// Ends one lease; no error if it has just ended.
    pub(crate) async fn lose(&self, attempt: Attempt, why: &str) -> AppResult<()> {
        match self
            .tasks
            .transition(
                attempt.task,
                Event::LeaseLost {
                    attempt,
                    why: why.into(),
                },
            )
            .await
        {
            Ok(_) => {
                self.metrics.expired();
                Ok(())
            }
            Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The clock was set by this many milliseconds, forward or back.
    pub(crate) fn moved_in_time(&self, by: i64) {
        self.presence.moved(by);
        self.wakeups.page();
    }

    /// Whether leases are not checked for expiry at the moment.
    pub(crate) fn is_lenient(&self) -> bool {
        self.presence.is_lenient()
    }

    /// Workers that are gone, by `Presence::gone`, and have sent no heartbeat to another daemon
    /// since.
    pub(crate) async fn gone(&self) -> AppResult<Vec<WorkerId>> {
        let mut gone = Vec::new();
        for (id, cut) in self.presence.gone(self.clock.now()) {
            if self
                .store
                .worker(id)
                .await?
                .is_some_and(|worker| worker.seen <= cut)
            {
                gone.push(id);
            }
        }
        Ok(gone)
    }

    async fn hand_back(&self, id: WorkerId) -> AppResult<()> {
        for attempt in self.store.leases_of(id).await? {
            self.give_up(attempt, Event::Released { by: id, attempt })
                .await?;
        }
        Ok(())
    }

    /// A worker stops for a while: what it holds is handed back without a failure.
    pub async fn goodbye(&self, id: WorkerId) -> AppResult<()> {
        self.hand_back(id).await?;
        self.presence.leaves(id);
        self.store.set_gone(id).await?;
        self.wakeups.page();
        Ok(())
    }

    /// A worker leaves for good: what it holds is handed back without a failure. It is removed
    /// first, so that it claims nothing more.
    pub async fn deregister(&self, id: WorkerId) -> AppResult<()> {
        self.store.remove_worker(id).await?;
        self.people.forget_tokens();
        self.hand_back(id).await?;
        self.wakeups.page();
        Ok(())
    }
}
