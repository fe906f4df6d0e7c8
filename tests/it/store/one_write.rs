//! Single writes, as tests need them.

use std::sync::Arc;

use vine_domain::{
    AuditEntry,
    chat::Outbound,
    ports::{ClaimedTask, Commit, Say, Store, StoreError, StoreResult, Write, Written},
    schedule::ClaimRequest,
};

/// Single writes of a store.
pub trait OneWrite {
    fn write(&self, write: Write) -> impl Future<Output = StoreResult<Written>> + Send;

    fn change(
        &self,
        commits: &[Commit],
    ) -> impl Future<Output = StoreResult<Vec<StoreResult<()>>>> + Send;

    fn claim(
        &self,
        wants: &[ClaimRequest],
    ) -> impl Future<Output = StoreResult<Vec<ClaimedTask>>> + Send;

    fn say(&self, messages: &[Outbound]) -> impl Future<Output = StoreResult<()>> + Send;

    fn audit(&self, entries: &[AuditEntry]) -> impl Future<Output = StoreResult<()>> + Send;
}

impl OneWrite for Arc<dyn Store> {
    async fn write(&self, write: Write) -> StoreResult<Written> {
        self.commit(&[write]).await?.remove(0)
    }

    async fn change(&self, commits: &[Commit]) -> StoreResult<Vec<StoreResult<()>>> {
        let changes = commits.iter().cloned().map(Box::new).map(Write::Change);
        let outcomes = self.commit(&changes.collect::<Vec<_>>()).await?;
        Ok(outcomes.into_iter().map(|one| one.map(drop)).collect())
    }

    async fn claim(&self, wants: &[ClaimRequest]) -> StoreResult<Vec<ClaimedTask>> {
        match self.write(Write::Claim(wants.to_vec())).await? {
            Written::Claimed(claimed) => Ok(claimed),
            other => Err(StoreError::Corrupt(format!("{other:?}"))),
        }
    }

    async fn say(&self, messages: &[Outbound]) -> StoreResult<()> {
        let messages = messages.to_vec();
        let say = Say {
            messages,
            ..Say::default()
        };
        self.write(Write::Say(say)).await.map(drop)
    }

    async fn audit(&self, entries: &[AuditEntry]) -> StoreResult<()> {
        let entries: Vec<Write> = entries.iter().cloned().map(Write::Audit).collect();
        self.commit(&entries).await.map(drop)
    }
}
