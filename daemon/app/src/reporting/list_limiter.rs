//! Limits long lists: one at a time for each person, and few at a time altogether, so that their
//! total memory is bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{AppError, AppResult, Caller};

/// A list with more entries than this is a long one.
const LONG: u32 = 100;
/// At most this many long lists are built at the same time.
const AT_ONCE: usize = 2;

/// Who may build a long list now.
pub struct ListLimiter {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for ListLimiter {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            each: Mutex::default(),
        }
    }
}

impl ListLimiter {
    /// Waits until a list of up to `limit` entries may be built for this person.
    pub async fn turn(&self, caller: &Caller, limit: u32) -> AppResult<ListPermit> {
        if limit <= LONG {
            return Ok(ListPermit { _own: None });
        }
        let stopping = |_| AppError::Stopping;
        let own = self.of(caller.id()).acquire_owned().await;
        let all = Arc::clone(&self.all).acquire_owned().await;
        Ok(ListPermit {
            _own: Some((own.map_err(stopping)?, all.map_err(stopping)?)),
        })
    }

    /// The semaphore of one person. Unused ones are removed.
    fn of(&self, whom: String) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, turns| Arc::strong_count(turns) > 1);
        let own = each.entry(whom);
        Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

/// While it is held, the list may be built.
pub struct ListPermit {
    _own: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wants_nothing_takes_no_memory() {
        let turns = ListLimiter::default();
        let ann = turns.of("ann".into());
        assert!(Arc::ptr_eq(&ann, &turns.of("ann".into())));
        drop(ann);
        drop(turns.of("ben".into()));
        drop(turns.of("cid".into()));
        assert_eq!(turns.each.lock().expect("not poisoned").len(), 1);
    }
}
