//! Questions that are being posted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use vine_domain::{
    QuestionId, Timestamp,
    chat::{OutboundKind, PostStatus},
};

/// Questions that are being posted: people may see one before its platform confirms it, which may
/// take half a minute.
#[derive(Debug, Default)]
pub(crate) struct InFlightPosts(Mutex<HashMap<(&'static str, QuestionId), PostTry>>);

#[derive(Debug, Clone, Copy)]
struct PostTry {
    /// Since when it may be visible.
    since: Timestamp,
    /// A try ended with an unknown outcome.
    unclear: bool,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TryOutcome {
    /// It was posted, and that is recorded.
    Posted,
    /// It was not posted.
    Refused,
    /// The outcome is not known.
    Unclear,
}

impl InFlightPosts {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<(&'static str, QuestionId), PostTry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posting begins.
    pub fn begin(&self, platform: &'static str, kind: OutboundKind, now: Timestamp) {
        if let OutboundKind::Question { question } = kind {
            self.all().entry((platform, question)).or_insert(PostTry {
                since: now,
                unclear: false,
            });
        }
    }

    /// Ends a try. Returns whether its outcome is now known.
    pub fn end(&self, platform: &'static str, question: QuestionId, how: TryOutcome) -> bool {
        let mut all = self.all();
        let this = (platform, question);
        let Some(tried) = all.get_mut(&this) else {
            return how == TryOutcome::Posted;
        };
        tried.unclear |= how == TryOutcome::Unclear;
        let known = how == TryOutcome::Posted || !tried.unclear;
        if known {
            all.remove(&this);
        }
        known
    }

    /// When the first try to post it began.
    pub fn since(&self, platform: &'static str, question: QuestionId) -> Option<Timestamp> {
        self.all()
            .get(&(platform, question))
            .map(|tried| tried.since)
    }

    /// Whether any question is being posted on a platform.
    pub fn is_any(&self, platform: &str) -> bool {
        self.all().keys().any(|(where_to, _)| *where_to == platform)
    }

    /// The questions that are being posted on a platform.
    pub fn on(&self, platform: &str) -> Vec<(QuestionId, PostStatus)> {
        let all = self.all();
        let here = all
            .iter()
            .filter(|((where_to, _), _)| *where_to == platform);
        here.map(|((_, id), tried)| (*id, PostStatus::Perhaps(tried.since)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_there_since_a_try_that_ended_unclearly_stands_there_perhaps_until_it_is_found()
     {
        let ways = InFlightPosts::default();
        let question = QuestionId(1);
        let kind = OutboundKind::Question { question };
        let on_the_way = || ways.on("matrix");
        ways.begin("matrix", kind, Timestamp(1));
        assert_eq!(
            (on_the_way(), ways.on("slack")),
            (vec![(question, PostStatus::Perhaps(Timestamp(1)))], vec![])
        );
        assert!(ways.end("matrix", question, TryOutcome::Refused) && on_the_way().is_empty());
        ways.begin("matrix", kind, Timestamp(2));
        assert!(!ways.end("matrix", question, TryOutcome::Unclear));
        ways.begin("matrix", kind, Timestamp(3));
        assert!(
            !ways.end("matrix", question, TryOutcome::Refused),
            "the outcome of the first try is still not known"
        );
        assert_eq!(
            on_the_way(),
            [(question, PostStatus::Perhaps(Timestamp(2)))]
        );
        assert!(ways.end("matrix", question, TryOutcome::Posted) && on_the_way().is_empty());
    }
}
