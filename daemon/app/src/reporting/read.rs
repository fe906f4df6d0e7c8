//! Numbers that are read now and then.

use std::sync::Arc;

use vine_domain::ports::StoreResult;

use crate::{
    AppResult,
    reporting::{
        Reporting,
        numbers::{self, NumberGroup},
        spending::{self, NamedSpending},
        trends::{self, Trends},
    },
};

impl Reporting {
    /// Recent activity, a few seconds old at most while somebody is looking.
    pub async fn trends(&self) -> StoreResult<Arc<Trends>> {
        let now = self.clock.now();
        let read = trends::read(Arc::clone(&self.store), now);
        self.trends.of(now, "recent activity", read).await
    }

    /// What attempts of the last days cost.
    pub async fn spent(&self) -> StoreResult<Arc<NamedSpending>> {
        let now = self.clock.now();
        let store = Arc::clone(&self.store);
        let read = async move { spending::read(&*store, now).await };
        self.spending.of(now, "the cost of attempts", read).await
    }

    /// The key numbers of the day, a few seconds old at most while somebody is looking.
    pub async fn numbers(&self) -> StoreResult<Arc<Vec<NumberGroup>>> {
        let now = self.clock.now();
        let store = Arc::clone(&self.store);
        let trends = Arc::clone(&self.trends);
        let read = async move {
            let latest = trends::read(Arc::clone(&store), now);
            let trends = trends.of(now, "recent activity", latest).await?;
            numbers::read(&*store, now, &trends).await
        };
        self.numbers.of(now, "the numbers of the day", read).await
    }

    /// Whether the store takes a write now.
    pub async fn can_write(&self) -> AppResult<()> {
        Ok(self.write_probe.check(&*self.store).await?)
    }
}
