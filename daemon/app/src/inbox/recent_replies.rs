//! Who got which reply lately where others can read it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use vine_domain::{Timestamp, chat::Inbound};

/// Where others can read it, one person gets the same reply at most once in this time: each is a
/// message, and platforms have limits.
const AGAIN: Duration = Duration::from_secs(3600);

/// The replies that people got lately where others can read them.
#[derive(Debug, Default)]
pub(crate) struct RecentReplies(Mutex<HashMap<(String, String), Timestamp>>);

impl RecentReplies {
    /// Whether the author of `event` is due a reply about this; if so, it is recorded as sent.
    pub(crate) fn due(&self, event: &Inbound, about: &str, now: Timestamp) -> bool {
        let key = (
            format!("{}:{}", event.platform, event.author),
            about.to_owned(),
        );
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.since(*at) < AGAIN);
        let due = !told.contains_key(&key);
        if due {
            told.insert(key, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::chat::{InboundKind, Location};

    use super::*;

    #[test]
    fn people_hear_the_same_once_an_hour() {
        let by = |author: &str| Inbound {
            event: "1".into(),
            platform: "slack".into(),
            author: author.into(),
            spot: Location::Ours {
                task: None,
                question: None,
            },
            text: String::new(),
            act: InboundKind::Said,
            said: None,
            left_out: None,
            private: false,
            direct: false,
        };
        let told = RecentReplies::default();
        let ann = by("ann");
        let ben = by("ben");
        assert!(told.due(&ann, "a", Timestamp(0)) && told.due(&ben, "a", Timestamp(0)));
        assert!(told.due(&ann, "b", Timestamp(0)));
        assert!(!told.due(&ann, "a", Timestamp(3_599_999)));
        assert!(told.due(&ann, "a", Timestamp(3_600_000)));
    }
}
