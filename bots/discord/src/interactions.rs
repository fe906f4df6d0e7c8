//! Interactions that wait for a private reply. Their tokens are valid for a quarter of an hour and
//! are kept in memory only, since a token lets its holder post in our name.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long Discord accepts replies (reference, "Followup Messages"), with a margin.
const LIFE: Duration = Duration::from_secs(14 * 60);

/// Tokens of interactions by ID.
#[derive(Debug, Default)]
pub struct PendingInteractions(Mutex<HashMap<String, PendingInteraction>>);

#[derive(Debug)]
struct PendingInteraction {
    token: String,
    since: Instant,
    /// Whether there is a deferred reply to edit; if not, a new message is posted.
    deferred: bool,
    told: bool,
}

/// How to reply to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyRoute {
    /// By editing the deferred reply.
    Amend(String),
    /// By posting a new message.
    Fresh(String),
}

impl PendingInteractions {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, PendingInteraction>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an interaction; `deferred` means that its reply is to be edited.
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

    /// How to reply to an interaction; `None` if it has expired.
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
            ReplyRoute::Fresh(entry.token.clone())
        })
    }

    /// The same, if there was no reply so far.
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
        assert_eq!(waiting.way("1"), Some(ReplyRoute::Fresh("t1".into())));
        assert_eq!(
            (waiting.way("2"), waiting.way("3")),
            (Some(ReplyRoute::Fresh("t2".into())), None)
        );
    }
}
