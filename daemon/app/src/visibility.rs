//! Which questions people could see when they wrote a message. Words in a thread wait until it is
//! known whether their author could already see a question that is being posted there.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use vine_domain::{
    Question, QuestionId, TaskId, Timestamp,
    chat::{self, Inbound, Location, OutboundKind, PostStatus, ShownQuestion, Visibility},
};

use crate::{App, AppError, AppResult, Caller};

/// How long words wait until it is known which questions their author could see, or what they reply
/// to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Only this many of the latest messages of a thread are searched for settlements.
const SETTLED: u32 = 200;

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
    fn end(&self, platform: &'static str, question: QuestionId, how: TryOutcome) -> bool {
        let (mut all, this) = (self.all(), (platform, question));
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

    pub fn is_any(&self, platform: &str) -> bool {
        self.all().keys().any(|(where_to, _)| *where_to == platform)
    }

    fn on(&self, platform: &str) -> Vec<(QuestionId, PostStatus)> {
        let all = self.all();
        let here = all
            .iter()
            .filter(|((where_to, _), _)| *where_to == platform);
        here.map(|((_, id), tried)| (*id, PostStatus::Perhaps(tried.since)))
            .collect()
    }
}

impl App {
    /// The questions of a task that the author of this message could see and may answer;
    /// [`AppError::Early`] while that is not known.
    pub(crate) async fn stood(
        &self,
        task: TaskId,
        caller: &Caller,
        event: &Inbound,
        stored: Timestamp,
    ) -> AppResult<Vec<ShownQuestion>> {
        let questions = self.store.questions_of(task).await?;
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let seen = match &event.spot {
            Location::Ours { .. } => questions
                .into_iter()
                .filter(|question| !event.is_before(question.asked_at))
                .collect(),
            Location::Theirs { .. } => self.shown_when(task, event, stored, questions).await?,
        };
        let repo = self.task(task).await?.repo;
        let settings = self.settings();
        let may = |question: &Question| {
            settings
                .rules
                .allow(caller.user.as_ref(), &repo, &question.ask)
        };
        // An author who may answer none of them is refused by the one that they try.
        let mine = seen.iter().any(may);
        let settled = self.settlements(task).await?;
        let stood = seen
            .into_iter()
            .filter(|question| !mine || may(question))
            .map(|question| {
                // If the latest messages do not show it, it was settled long ago.
                let until = settled.get(&question.id).unwrap_or(&question.asked_at);
                ShownQuestion {
                    until: Some(*until).filter(|_| !question.is_open()),
                    question,
                }
            });
        Ok(stood.collect())
    }

    /// Those of the questions that a platform showed when this was written.
    async fn shown_when(
        &self,
        task: TaskId,
        event: &Inbound,
        stored: Timestamp,
        questions: Vec<Question>,
    ) -> AppResult<Vec<Question>> {
        // In this order, so that what changes in between is in both.
        let mut showings = self.on_the_way.on(&event.platform);
        let begun = self.platforms.served_since(&event.platform);
        showings.extend(
            self.store
                .post_statuses(&event.platform, task, begun)
                .await?,
        );
        let patient = self.clock.now().since(stored) < PATIENCE;
        let mut shown = Vec::new();
        for question in questions {
            let of_it: Vec<PostStatus> = showings
                .iter()
                .filter(|(id, _)| *id == question.id)
                .map(|(_, showing)| *showing)
                .collect();
            match chat::visibility(event, &of_it) {
                Visibility::No => {}
                Visibility::NotYetKnown if patient && question.is_open() => {
                    return Err(AppError::Early);
                }
                // If in doubt, words are an answer: better than refusing one while the agent waits.
                Visibility::Yes | Visibility::NotYetKnown => shown.push(question),
            }
        }
        Ok(shown)
    }

    /// When questions of a task were settled, if its latest messages show it.
    async fn settlements(&self, task: TaskId) -> AppResult<HashMap<QuestionId, Timestamp>> {
        let latest = self.store.latest(task, SETTLED).await?;
        Ok(latest
            .iter()
            .filter(|message| message.kind == "settled")
            .filter_map(|message| Some((message.question?, message.at)))
            .collect())
    }

    /// A try to post this has ended, which words may be waiting for.
    pub(crate) fn tried(&self, platform: &'static str, kind: OutboundKind, how: TryOutcome) {
        if let OutboundKind::Question { question } = kind
            && self.on_the_way.end(platform, question, how)
        {
            self.wakes.inbox();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_there_since_a_try_that_ended_unclearly_stands_there_perhaps_until_it_is_found()
     {
        let (ways, question) = (InFlightPosts::default(), QuestionId(1));
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
