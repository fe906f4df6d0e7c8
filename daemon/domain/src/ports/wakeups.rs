//! Wake-ups between daemons. They carry no data: whoever hears one looks into the store.

use async_trait::async_trait;

use crate::ids::WorkerId;

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wakeup {
    /// There may be something to claim.
    Work,
    /// There may be something to tell this worker.
    Worker(WorkerId),
    /// There may be something to post.
    Outbox,
    /// There may be a room to make.
    Rooms,
    /// Something that people look at has changed.
    Page,
    /// Anything: hints may have been lost, or somebody has come or gone.
    Anything,
}

/// Carries hints between daemons, as well as it can.
#[async_trait]
pub trait WakeupBus: Send + Sync {
    /// Tells the other daemons.
    async fn tell(&self, hints: &[Wakeup]) -> Result<(), String>;
    /// Hears what others tell until the connection is lost, and says why it was. Whoever begins to
    /// listen has missed what was told before.
    async fn listen(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> String;
    /// What is wrong with the usual way of hints, so that people can see it.
    fn trouble(&self) -> Option<String>;
}

impl Wakeup {
    /// As it travels: a word, with the worker behind it.
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

    /// What a newer version tells and we do not know may be anything.
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
