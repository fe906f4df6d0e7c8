//! Caches the owners of tokens for a moment, so that a busy worker is not looked up with every
//! call.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use vine_domain::{User, WorkerId};

/// Every daemon refuses a revoked token after at most this long.
const MOMENT: Duration = Duration::from_secs(1);
/// At most this many are cached.
const MOST: usize = 20_000;

/// The owner of a token.
#[derive(Debug, Clone)]
pub(crate) enum TokenOwner {
    /// A person.
    Person(User),
    /// A worker.
    Worker(WorkerId),
}

/// Tokens that were seen in the last moment, by their hashes.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    owners: Mutex<HashMap<String, (TokenOwner, Instant)>>,
    /// Used tokens that are not yet noted in the store.
    used: Mutex<HashSet<String>>,
    ended: Notify,
}

impl TokenCache {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (TokenOwner, Instant)>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached owner.
    pub fn owner(&self, hash: &str) -> Option<TokenOwner> {
        self.all()
            .get(hash)
            .filter(|(_, at)| at.elapsed() < MOMENT)
            .map(|(owner, _)| owner.clone())
    }

    /// Caches an owner for a moment.
    pub fn note(&self, hash: String, owner: TokenOwner) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, (_, at)| at.elapsed() < MOMENT);
        }
        if all.len() < MOST {
            all.insert(hash, (owner, Instant::now()));
        }
    }

    /// Notes that a token was used.
    pub fn used(&self, hash: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < MOST {
            used.insert(hash.to_owned());
        }
    }

    /// The tokens that were used since the last call.
    pub fn take_used(&self) -> Vec<String> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.drain().collect()
    }

    /// Forgets all owners: somebody lost a token or a right.
    pub fn forget(&self) {
        self.all().clear();
        self.ended.notify_waiters();
    }

    /// Waits until somebody loses a token or a right.
    pub async fn forgotten(&self) {
        self.ended.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::clock::{Ids, System};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_known_for_a_moment_and_forgotten_at_once_when_it_is_revoked() {
        let known = TokenCache::default();
        let worker = TokenOwner::Worker(WorkerId(System.uuid()));
        known.note("a".into(), worker.clone());
        assert!(known.owner("a").is_some() && known.owner("b").is_none());
        tokio::time::sleep(MOMENT).await;
        assert!(known.owner("a").is_none());
        known.note("a".into(), worker);
        known.forget();
        assert!(known.owner("a").is_none());
    }
}
