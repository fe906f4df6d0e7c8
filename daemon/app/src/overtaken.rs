//! Edits and deletions that come before what they change: connections overtake each other. They are
//! kept for it, so that it is read as its author left it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vine_domain::{
    Timestamp,
    chat::{Act, Inbound},
};

/// Platforms bring what they did not deliver again within this; what was not said to us never comes.
pub(crate) const LIFE: Duration = Duration::from_secs(60);

/// What is changed, and by whom: the platform, the event, the author of the change; empty where the
/// platform does not say who took words away.
type Key = (String, String, String);

/// Changes that may come before what they change.
#[derive(Debug, Default)]
pub(crate) struct Overtaken(Mutex<HashMap<Key, Kept>>);

#[derive(Debug)]
struct Kept {
    change: Inbound,
    since: Timestamp,
    /// What it changes was read as it is now.
    applied: bool,
}

/// How something is to be read that was changed before it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// As these words.
    Into(String),
    /// Not at all.
    Away,
}

impl Overtaken {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a change of `of`. What was deleted stays so, whatever edit comes after.
    pub(crate) fn keep(&self, of: &str, change: &Inbound, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, kept| now.since(kept.since) < 2 * LIFE);
        let key = key(&change.platform, of, &change.author);
        let deleted = |kept: &Kept| matches!(kept.change.act, Act::Deleted(_));
        let newer =
            |kept: &Kept| kept.change.event == change.event || kept.change.said > change.said;
        if all
            .get(&key)
            .is_some_and(|kept| deleted(kept) || newer(kept))
        {
            return;
        }
        all.insert(
            key,
            Kept {
                change: change.clone(),
                since: now,
                applied: false,
            },
        );
    }

    /// How an event that has come is to be read, if its author changed it before. Servers let anybody
    /// claim to change the words of others: nobody else's change counts.
    pub(crate) fn apply(&self, event: &Inbound) -> Option<Changed> {
        let mut all = self.all();
        let by = |who: &str| key(&event.platform, &event.event, who);
        let found = [by(&event.author), by("")]
            .into_iter()
            .find(|key| all.contains_key(key))?;
        let kept = all.get_mut(&found)?;
        kept.applied = true;
        Some(match kept.change.act {
            Act::Deleted(_) => Changed::Away,
            _ => Changed::Into(kept.change.text.clone()),
        })
    }

    /// Whether `of` was read as this change left it.
    pub(crate) fn is_applied(&self, of: &str, change: &Inbound) -> bool {
        let all = self.all();
        let kept = all.get(&key(&change.platform, of, &change.author));
        kept.is_some_and(|kept| kept.applied && kept.change.event == change.event)
    }
}

fn key(platform: &str, of: &str, author: &str) -> Key {
    (platform.to_owned(), of.to_owned(), author.to_owned())
}

#[cfg(test)]
mod tests {
    use vine_domain::chat::Spot;

    use super::*;

    fn event(name: &str, text: &str, act: Act) -> Inbound {
        Inbound {
            event: name.into(),
            platform: "slack".into(),
            author: "ann".into(),
            spot: Spot::Ours {
                task: None,
                question: None,
            },
            text: text.into(),
            act,
            said: None,
            left_out: None,
            private: false,
        }
    }

    #[test]
    fn what_was_changed_before_it_came_is_read_as_it_was_left() {
        let (overtaken, yes) = (Overtaken::default(), event("1", "Yes", Act::Said));
        assert_eq!(overtaken.apply(&yes), None);
        let edit = event("1:edited", "No", Act::Edited("1".into()));
        overtaken.keep("1", &edit, Timestamp(0));
        assert!(!overtaken.is_applied("1", &edit));
        assert_eq!(overtaken.apply(&yes), Some(Changed::Into("No".into())));
        assert!(overtaken.is_applied("1", &edit));
        let deletion = event("1:deleted", "", Act::Deleted("1".into()));
        overtaken.keep("1", &deletion, Timestamp(1));
        overtaken.keep("1", &edit, Timestamp(2));
        assert_eq!(overtaken.apply(&yes), Some(Changed::Away));
        let others = Inbound {
            author: "eve".into(),
            ..event("2:edited", "No", Act::Edited("2".into()))
        };
        overtaken.keep("2", &others, Timestamp(3));
        assert_eq!(overtaken.apply(&event("2", "Yes", Act::Said)), None);
    }
}
