//! People who used something of Discord's and wait for words that they alone see. What answers to
//! them carry lives a quarter of an hour and is kept in memory only: it lets its holder speak in
//! our name.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long Discord takes answers (reference, "Followup Messages"), with a margin.
const LIFE: Duration = Duration::from_secs(14 * 60);

/// Tokens of interactions, by their ids.
#[derive(Debug, Default)]
pub struct PendingInteractions(Mutex<HashMap<String, PendingInteraction>>);

#[derive(Debug)]
struct PendingInteraction {
    token: String,
    since: Instant,
    /// What is shown to them can be amended; else it has to be said anew.
    deferred: bool,
    told: bool,
}

/// How a person can be told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyRoute {
    /// By amending what they see already.
    Amend(String),
    /// By something new.
    Anew(String),
}

impl PendingInteractions {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, PendingInteraction>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody waits; `deferred` says that they see something which is to be amended.
    pub fn add(&self, id: &str, token: &str, deferred: bool) {
        let mut all = self.all();
        all.retain(|_, entry| entry.since.elapsed() < LIFE);
        all.insert(
            id.to_owned(),
            PendingInteraction {
                token: token.to_owned(),
                since: Instant::now(),
                deferred,
                told: false,
            },
        );
    }

    /// How to tell whoever waits; `None` when nobody does any more.
    pub fn way(&self, id: &str) -> Option<ReplyRoute> {
        let mut all = self.all();
        let entry = all
            .get_mut(id)
            .filter(|entry| entry.since.elapsed() < LIFE)?;
        let first = entry.deferred && !entry.told;
        entry.told = true;
        Some(if first {
            ReplyRoute::Amend(entry.token.clone())
        } else {
            ReplyRoute::Anew(entry.token.clone())
        })
    }

    /// The same, if nothing was told so far.
    pub fn untold(&self, id: &str) -> Option<ReplyRoute> {
        let told = self.all().get(id).is_none_or(|entry| entry.told);
        if told { None } else { self.way(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_they_see_is_amended_once_and_then_added_to() {
        let waiting = PendingInteractions::default();
        waiting.add("1", "t1", true);
        waiting.add("2", "t2", false);
        assert_eq!(waiting.untold("1"), Some(ReplyRoute::Amend("t1".into())));
        assert_eq!(waiting.untold("1"), None);
        assert_eq!(waiting.way("1"), Some(ReplyRoute::Anew("t1".into())));
        assert_eq!(
            (waiting.way("2"), waiting.way("3")),
            (Some(ReplyRoute::Anew("t2".into())), None)
        );
    }
}
