//! Turns: what must happen one after the other for one key, and at the same time for others.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// With this many keys, those that nobody uses are forgotten.
const KEYS: usize = 1000;

/// While it lives, nobody else has the same key's turn.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// The turns of all keys.
#[derive(Debug)]
pub(crate) struct Turns<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Waits for the key's turn, behind those that asked before.
    pub async fn take(&self, key: K) -> Turn {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= KEYS {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry(key).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_key_waits_and_another_does_not() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(1).await;
        let _other = turns.take(2).await;
        let again = {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { drop(turns.take(1).await) })
        };
        tokio::task::yield_now().await;
        assert!(!again.is_finished());
        drop(first);
        again.await.expect("its turn came");
    }

    #[tokio::test]
    async fn keys_that_nobody_uses_are_forgotten_and_used_ones_are_not() {
        let turns = Turns::default();
        let used = turns.take(0).await;
        for key in 1..=2 * KEYS {
            drop(turns.take(key).await);
        }
        assert!(turns.0.lock().expect("whole").len() <= KEYS + 1);
        assert!(turns.0.lock().expect("whole").contains_key(&0));
        drop(used);
    }
}
