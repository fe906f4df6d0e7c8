//! Whether a message's author could have seen a question. A message from before the question was
//! shown cannot answer it, however long ago it was asked: platforms can be slow or unreachable.

use super::Inbound;
use crate::clock::Timestamp;

/// Whether a platform shows a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostStatus {
    /// It has been shown since then.
    Stands(Timestamp),
    /// It may have been posted, at this time at the earliest; the result is not recorded yet.
    Perhaps(Timestamp),
}

/// Whether an author could have seen a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// It was visible.
    Yes,
    /// It was not visible.
    No,
    /// Unknown until the result of posting it is recorded.
    NotYetKnown,
}

/// Whether the author of `event` could have seen a question, given where it is shown.
pub fn visibility(event: &Inbound, showings: &[PostStatus]) -> Visibility {
    let after = |moment: Timestamp| !event.is_before(moment);
    let stands: Vec<bool> = showings
        .iter()
        .filter_map(|one| {
            if let PostStatus::Stands(at) = one {
                Some(after(*at))
            } else {
                None
            }
        })
        .collect();
    let perhaps = || {
        showings
            .iter()
            .any(|one| matches!(one, PostStatus::Perhaps(at) if after(*at)))
    };
    match stands.contains(&true) {
        true => Visibility::Yes,
        false if stands.is_empty() && perhaps() => Visibility::NotYetKnown,
        false => Visibility::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{InboundKind, Location};

    #[test]
    fn what_is_noted_counts_and_what_is_under_way_is_waited_for() {
        let event = "1".into();
        let platform = "matrix".into();
        let author = "@ann:x".into();
        let spot = Location::Theirs {
            room: "!r".into(),
            thread: None,
            reply_to: None,
        };
        let said = Some(Timestamp(100_000));
        let words = Inbound {
            event,
            platform,
            author,
            spot,
            text: "blue".into(),
            act: InboundKind::Said,
            said,
            left_out: None,
            private: false,
            direct: false,
        };
        let before = Timestamp(90_000);
        let after = Timestamp(110_000);
        for (showings, expected) in [
            (&[][..], Visibility::No),
            (&[PostStatus::Stands(before)], Visibility::Yes),
            (&[PostStatus::Stands(after)], Visibility::No),
            (&[PostStatus::Perhaps(before)], Visibility::NotYetKnown),
            (&[PostStatus::Perhaps(after)], Visibility::No),
            (
                &[PostStatus::Perhaps(before), PostStatus::Stands(after)],
                Visibility::No,
            ),
            (
                &[PostStatus::Stands(after), PostStatus::Stands(before)],
                Visibility::Yes,
            ),
        ] {
            assert_eq!(visibility(&words, showings), expected, "{showings:?}");
        }
        let ours = Inbound {
            said: None,
            ..words
        };
        assert_eq!(
            visibility(&ours, &[PostStatus::Stands(after)]),
            Visibility::Yes,
            "what happens in our hands happens now"
        );
    }
}
