//! Wake-ups between daemons. They carry no data: a daemon that receives one checks the store.

use async_trait::async_trait;

use crate::ids::WorkerId;

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wakeup {
    /// There may be something to claim.
    Work,
    /// There may be a message for this worker.
    Worker(WorkerId),
    /// There may be something to post.
    Outbox,
    /// There may be a room to create.
    Rooms,
    /// Something that the page shows has changed.
    Page,
    /// Anything: wake-ups may have been lost, or a daemon has joined or left.
    Anything,
}

/// Carries wake-ups between daemons, as a best effort.
#[async_trait]
pub trait WakeupBus: Send + Sync {
    /// Sends wake-ups to the other daemons.
    async fn tell(&self, hints: &[Wakeup]) -> Result<(), String>;
    /// Receives wake-ups until the connection is lost, and returns the reason. A new listener has
    /// missed everything sent before.
    async fn listen(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> String;
    /// What is wrong with the usual way of sending wake-ups, to show to people.
    fn trouble(&self) -> Option<String>;
}

impl Wakeup {
    /// The text that is sent: a word, followed by the worker if any.
    pub fn to_text(self) -> String {
        match self {
            Self::Work => "work".into(),
            Self::Worker(id) => format!("worker:{id}"),
            Self::Outbox => "outbox".into(),
            Self::Rooms => "rooms".into(),
            Self::Page => "page".into(),
            Self::Anything => "anything".into(),
        }
    }

    /// Unknown words, from newer versions, mean [`Wakeup::Anything`].
    pub fn from_text(text: &str) -> Self {
        match text.split_once(':') {
            Some(("worker", id)) => id.parse().map_or(Self::Anything, Self::Worker),
            _ => [Self::Work, Self::Outbox, Self::Rooms, Self::Page]
                .into_iter()
                .find(|hint| hint.to_text() == text)
                .unwrap_or(Self::Anything),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Ids, System};

    #[test]
    fn hints_travel_as_words_and_unknown_ones_mean_anything() {
        let all = [
            Wakeup::Work,
            Wakeup::Worker(WorkerId(System.uuid())),
            Wakeup::Outbox,
            Wakeup::Rooms,
            Wakeup::Page,
            Wakeup::Anything,
        ];
        for hint in all {
            assert_eq!(Wakeup::from_text(&hint.to_text()), hint);
        }
        assert_eq!(Wakeup::from_text("of-tomorrow"), Wakeup::Anything);
        assert_eq!(Wakeup::from_text("worker:none"), Wakeup::Anything);
    }
}
