//! Whether a question stood before somebody's eyes. Words that were said before it did cannot be
//! its answer, however long ago it was asked: platforms are slow at times, and away at others.

use super::Inbound;
use crate::clock::Timestamp;

/// How far a question is on its way to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostStatus {
    /// It stands there, since then.
    Stands(Timestamp),
    /// Somebody may have posted it, then at the earliest, and has not noted yet how that ended.
    Perhaps(Timestamp),
}

/// What is known of somebody's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// It stood before them.
    Yes,
    /// It did not.
    No,
    /// That shows when it is noted how the posting ended.
    NotYetKnown,
}

/// Whether who said `event` could see a question, by all that is known of where it is shown.
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
        let (event, platform, author) = ("1".into(), "matrix".into(), "@ann:x".into());
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
        };
        let (before, after) = (Timestamp(90_000), Timestamp(110_000));
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
