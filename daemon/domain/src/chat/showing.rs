//! Whether a question stood before somebody's eyes. Words that were said before it did cannot be
//! its answer, however long ago it was asked: platforms are slow at times, and away at others.

use super::Inbound;
use crate::clock::Timestamp;

/// How far a question is on its way to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// It stands there, since then.
    Stands(Timestamp),
    /// Somebody may have posted it, then at the earliest, and has not noted yet how that ended.
    Perhaps(Timestamp),
}

/// What is known of somebody's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It stood before them.
    Yes,
    /// It did not.
    No,
    /// That shows when it is noted how the posting ended.
    NotYetKnown,
}

/// Whether who said `event` could see a question, by all that is known of where it is shown.
pub fn seen(event: &Inbound, showings: &[Showing]) -> Seen {
    let after = |moment: Timestamp| !event.is_before(moment);
    let stands: Vec<bool> = showings
        .iter()
        .filter_map(|one| {
            if let Showing::Stands(at) = one {
                Some(after(*at))
            } else {
                None
            }
        })
        .collect();
    let perhaps = || {
        showings
            .iter()
            .any(|one| matches!(one, Showing::Perhaps(at) if after(*at)))
    };
    match stands.contains(&true) {
        true => Seen::Yes,
        false if stands.is_empty() && perhaps() => Seen::NotYetKnown,
        false => Seen::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Act, Spot};

    #[test]
    fn what_is_noted_counts_and_what_is_under_way_is_waited_for() {
        let (event, platform, author) = ("1".into(), "matrix".into(), "@ann:x".into());
        let spot = Spot::Theirs {
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
            act: Act::Said,
            said,
            left_out: None,
            private: false,
        };
        let (before, after) = (Timestamp(90_000), Timestamp(110_000));
        for (showings, expected) in [
            (&[][..], Seen::No),
            (&[Showing::Stands(before)], Seen::Yes),
            (&[Showing::Stands(after)], Seen::No),
            (&[Showing::Perhaps(before)], Seen::NotYetKnown),
            (&[Showing::Perhaps(after)], Seen::No),
            (
                &[Showing::Perhaps(before), Showing::Stands(after)],
                Seen::No,
            ),
            (
                &[Showing::Stands(after), Showing::Stands(before)],
                Seen::Yes,
            ),
        ] {
            assert_eq!(seen(&words, showings), expected, "{showings:?}");
        }
        let ours = Inbound {
            said: None,
            ..words
        };
        assert_eq!(
            seen(&ours, &[Showing::Stands(after)]),
            Seen::Yes,
            "what happens in our hands happens now"
        );
    }
}
