//! Whose a token is, remembered for a moment: a worker that ends a task ten times a second is
//! looked up once.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use vine_domain::{User, WorkerId};

/// A revoked token is refused by every daemon after this long at the latest.
const MOMENT: Duration = Duration::from_secs(1);
/// At most so many are remembered.
const MOST: usize = 20_000;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    /// A person.
    Person(User),
    /// A worker.
    Worker(WorkerId),
}

/// Tokens that were seen in the last moment, by their hashes.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, (Owner, Instant)>>);

impl Known {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (Owner, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose it was a moment ago.
    pub fn owner(&self, hash: &str) -> Option<Owner> {
        self.all()
            .get(hash)
            .filter(|(_, at)| at.elapsed() < MOMENT)
            .map(|(owner, _)| owner.clone())
    }

    /// Remembers it for a moment.
    pub fn note(&self, hash: String, owner: Owner) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, (_, at)| at.elapsed() < MOMENT);
        }
        if all.len() < MOST {
            all.insert(hash, (owner, Instant::now()));
        }
    }

    /// Somebody has lost something.
    pub fn forget(&self) {
        self.all().clear();
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::clock::{Ids, System};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_known_for_a_moment_and_forgotten_at_once_when_it_is_revoked() {
        let (known, worker) = (Known::default(), Owner::Worker(WorkerId(System.uuid())));
        known.note("a".into(), worker.clone());
        assert!(known.owner("a").is_some() && known.owner("b").is_none());
        tokio::time::sleep(MOMENT).await;
        assert!(known.owner("a").is_none());
        known.note("a".into(), worker);
        known.forget();
        assert!(known.owner("a").is_none());
    }
}
