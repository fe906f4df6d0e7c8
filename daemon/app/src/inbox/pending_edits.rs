//! Edits that wait for their message.

use std::collections::HashMap;

use vine_domain::chat::{Inbound, InboundKind, attachment::has_file};

/// Changes that wait to be processed, by platform and changed event.
#[derive(Debug, Default)]
pub(crate) struct PendingEdits(HashMap<(String, String), Vec<Inbound>>);

impl PendingEdits {
    /// Adds the changes among events that are processed together.
    pub(crate) fn gather<'a>(&mut self, events: impl Iterator<Item = &'a Inbound>) {
        for event in events {
            if let InboundKind::Edited(of) | InboundKind::Deleted(of) = &event.act {
                let of = (event.platform.clone(), of.clone());
                self.0.entry(of).or_default().push(event.clone());
            }
        }
    }

    /// All changes of an event by its author. Some servers let anybody claim to edit the messages
    /// of others; those do not count. Files are never changed: they were fetched as they are.
    pub(crate) fn all_of<'a>(&'a self, event: &'a Inbound) -> impl Iterator<Item = &'a Inbound> {
        let said = matches!(
            event.act,
            InboundKind::Said | InboundKind::Unreadable | InboundKind::Awaited
        );
        let of = (event.platform.clone(), event.event.clone());
        let all = self.0.get(&of).filter(|_| said && !has_file(&event.text));
        // Not every platform reports who deleted a message.
        let own = |change: &&Inbound| change.author == event.author || change.author.is_empty();
        all.into_iter().flatten().filter(own)
    }

    /// The last of them. A deletion always wins over an edit.
    pub(crate) fn last_of<'a>(&'a self, event: &'a Inbound) -> Option<&'a Inbound> {
        self.all_of(event)
            .max_by_key(|change| (matches!(change.act, InboundKind::Deleted(_)), change.said))
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{Timestamp, chat::Location};

    use super::*;

    fn event(name: &str, author: &str, text: &str, act: InboundKind) -> Inbound {
        Inbound {
            event: name.into(),
            platform: "slack".into(),
            author: author.into(),
            spot: Location::Ours {
                task: None,
                question: None,
            },
            text: text.into(),
            act,
            said: None,
            left_out: None,
            private: false,
            direct: false,
        }
    }

    fn last(changes: &[Inbound], event: &Inbound) -> Option<String> {
        let mut gathered = PendingEdits::default();
        gathered.gather(changes.iter());
        gathered.last_of(event).map(|change| change.text.clone())
    }

    #[test]
    fn what_its_author_said_last_counts_and_what_was_deleted_stays_so() {
        let yes = event("1", "ann", "Yes", InboundKind::Said);
        let edit = |text: &str, at: i64| Inbound {
            said: Some(Timestamp(at)),
            ..event(text, "ann", text, InboundKind::Edited("1".into()))
        };
        assert_eq!(last(&[], &yes), None);
        assert_eq!(
            last(&[edit("No", 2), edit("Hm", 1)], &yes).as_deref(),
            Some("No")
        );
        let deletion = event("1:deleted", "", "", InboundKind::Deleted("1".into()));
        assert_eq!(last(&[deletion, edit("No", 2)], &yes).as_deref(), Some(""));
        let others = event("2", "eve", "No", InboundKind::Edited("1".into()));
        assert_eq!(last(&[others], &yes), None);
        let file = event("1", "ann", "File a.log:\nall", InboundKind::Said);
        assert_eq!(last(&[edit("No", 2)], &file), None);
    }
}
