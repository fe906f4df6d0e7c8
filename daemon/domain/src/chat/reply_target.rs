//! Which question a plain message answers: the one that its author saw when writing it.
//!
//! A message is unclear only while there is a rival: another question, open or settled, that the
//! same person saw a moment before. A message that fits only one of them is for that one; between
//! two, nothing is ever guessed.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    ids::{QuestionId, UserId},
    question::{Ask, Question, QuestionState},
    reading::{Fit, decision, fit},
};

/// For this long after a permission or a plan was settled, a message may still be meant for it, by
/// someone who has not seen that it was settled.
pub const RIVAL_DECISION: Duration = Duration::from_secs(5);
/// The same for a clarifying question: its answer shows which question it was for, and can be
/// corrected.
pub const RIVAL_CLARIFY: Duration = Duration::from_secs(2);
/// For this long after a question was settled, a message that reads like an answer to it counts as
/// a second answer if no other question is shown, and its author is told who answered first.
pub const SECOND: Duration = Duration::from_secs(60);

/// A question that the author of a message could see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownQuestion {
    /// The question as it is now.
    pub question: Question,
    /// When it was settled, if it was.
    pub until: Option<Timestamp>,
}

/// What a plain message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyTarget {
    /// This question; if it is already settled, the message is a second answer.
    Question(QuestionId),
    /// One of these open questions; only the author knows which.
    Unclear(Vec<QuestionId>),
    /// No question.
    Note,
}

impl ShownQuestion {
    /// The question as seen by the author of a message sent at `at`: one that they answered
    /// themselves is settled for them by then, however late we learn of it. What they wrote earlier
    /// came before.
    fn to(&self, by: Option<UserId>, at: Timestamp) -> Self {
        let own = self
            .question
            .answer()
            .is_some_and(|answer| Some(answer.by) == by);
        Self {
            until: self
                .until
                .map(|until| if own { until.min(at) } else { until }),
            question: self.question.clone(),
        }
    }

    fn stands_at(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// Settled less than `span` before.
    fn ended_within(&self, span: Duration, at: Timestamp) -> bool {
        self.until
            .is_some_and(|until| until <= at && at.since(until) < span)
    }

    fn is_late(&self) -> bool {
        matches!(self.question.state, QuestionState::Expired { .. })
    }

    /// Whether `by` answered it and now writes something else: a second tap may come late.
    fn is_done_with(&self, by: Option<UserId>, text: &str) -> bool {
        self.question.answer().is_some_and(|answer| {
            let again = decision(&self.question.ask, text);
            Some(answer.by) == by && again.as_ref() != Ok(&answer.decision)
        })
    }

    /// Whether someone other than `by` answered it.
    fn is_news(&self, by: Option<UserId>) -> bool {
        self.question
            .answer()
            .is_some_and(|answer| Some(answer.by) != by)
    }

    fn fits(&self, text: &str) -> Fit {
        fit(&self.question.ask, text)
    }
}

fn rivalry(ask: &Ask) -> Duration {
    match ask {
        Ask::Permission { .. } | Ask::Plan { .. } => RIVAL_DECISION,
        Ask::Clarify { .. } => RIVAL_CLARIFY,
    }
}

/// What `text` is for, sent by `by` at `at` in a thread where these questions were shown to `by`.
pub fn target_of(
    text: &str,
    by: Option<UserId>,
    at: Timestamp,
    stood: &[ShownQuestion],
) -> ReplyTarget {
    let stood: Vec<ShownQuestion> = stood.iter().map(|one| one.to(by, at)).collect();
    let standing: Vec<&ShownQuestion> = stood.iter().filter(|one| one.stands_at(at)).collect();
    if standing.is_empty() {
        return to_none_that_stands(text, by, at, &stood);
    }
    let longest = standing.iter().map(|one| rivalry(&one.question.ask)).max();
    let rivals = stood.iter().filter(|one| {
        let span = longest.max(Some(rivalry(&one.question.ask)));
        one.ended_within(span.unwrap_or_default(), at) && !one.is_done_with(by, text)
    });
    let all: Vec<&ShownQuestion> = standing.iter().copied().chain(rivals).collect();
    if all.iter().all(|one| one.fits(text) == Fit::No)
        && let Some(late) = only_late(text, &[Fit::Exact], &stood)
    {
        return ReplyTarget::Question(late);
    }
    match best(text, &all) {
        Some(only) => ReplyTarget::Question(only),
        None => unclear(text, &standing),
    }
}

/// What a message is for in the thread of a task that is over, where questions may have expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LateTarget {
    /// None of them can be meant.
    None,
    /// This one: its choices are named.
    Chosen(QuestionId),
    /// Each of these takes such words.
    Possible(Vec<QuestionId>),
}

/// Which questions that nobody answered in time `text` may answer late.
pub fn late_target(text: &str, stood: &[ShownQuestion]) -> LateTarget {
    let late = || stood.iter().filter(|one| one.is_late());
    let chosen: Vec<&ShownQuestion> = late()
        .filter(|one| has_choices(&one.question.ask) && one.fits(text) == Fit::Exact)
        .collect();
    if let [only] = chosen.as_slice() {
        return LateTarget::Chosen(only.question.id);
    }
    let fitting = late().filter(|one| one.fits(text) != Fit::No);
    let fitting: Vec<QuestionId> = fitting.map(|one| one.question.id).collect();
    match fitting.is_empty() {
        true => LateTarget::None,
        false => LateTarget::Possible(fitting),
    }
}

/// The expired question that the text fits this well, if there is exactly one.
fn only_late(text: &str, wanted: &[Fit], stood: &[ShownQuestion]) -> Option<QuestionId> {
    only(stood.iter().filter(|one| one.is_late()), text, wanted)
}

fn only<'a>(
    all: impl Iterator<Item = &'a ShownQuestion>,
    text: &str,
    wanted: &[Fit],
) -> Option<QuestionId> {
    let mut fitting = all.filter(|one| wanted.contains(&one.fits(text)));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Some(one.question.id),
        _ => None,
    }
}

/// The question that the text fits, or fits best, if there is exactly one.
fn best(text: &str, all: &[&ShownQuestion]) -> Option<QuestionId> {
    if let [only] = all {
        return Some(only.question.id);
    }
    only(all.iter().copied(), text, &[Fit::Exact])
        .or_else(|| only(all.iter().copied(), text, &[Fit::Exact, Fit::Loose]))
}

fn unclear(text: &str, standing: &[&ShownQuestion]) -> ReplyTarget {
    let open: Vec<&&ShownQuestion> = standing
        .iter()
        .filter(|one| one.question.is_open())
        .collect();
    let fitting: Vec<QuestionId> = open
        .iter()
        .filter(|one| one.fits(text) != Fit::No)
        .map(|one| one.question.id)
        .collect();
    match (fitting.is_empty(), open.is_empty()) {
        (false, _) => ReplyTarget::Unclear(fitting),
        (true, false) => ReplyTarget::Unclear(open.iter().map(|one| one.question.id).collect()),
        // All were settled before this message was received.
        (true, true) => standing.last().map_or(ReplyTarget::Note, |last| {
            ReplyTarget::Question(last.question.id)
        }),
    }
}

/// No question was open any more: a late answer, a second answer, or a note.
fn to_none_that_stands(
    text: &str,
    by: Option<UserId>,
    at: Timestamp,
    stood: &[ShownQuestion],
) -> ReplyTarget {
    let mut second: Vec<&ShownQuestion> = stood
        .iter()
        .filter(|one| !one.is_late() && one.question.answer().is_some())
        .filter(|one| match one.fits(text) {
            Fit::Exact if has_choices(&one.question.ask) => one.ended_within(SECOND, at),
            Fit::Exact | Fit::Loose => {
                one.is_news(by) && one.ended_within(rivalry(&one.question.ask), at)
            }
            Fit::No => false,
        })
        .collect();
    match second.pop() {
        Some(latest) => ReplyTarget::Question(latest.question.id),
        None => only_late(text, &[Fit::Exact, Fit::Loose], stood)
            .map_or(ReplyTarget::Note, ReplyTarget::Question),
    }
}

/// Whether its answers can be distinguished from other text.
fn has_choices(ask: &Ask) -> bool {
    match ask {
        Ask::Clarify { items } => items.iter().any(|item| !item.options.is_empty()),
        Ask::Permission { .. } | Ask::Plan { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        attempt::Attempt,
        ids::{Epoch, TaskId},
        question::{Answer, Choice, Decision, Item},
    };

    const ANN: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    fn question(id: u64, ask: Ask) -> Question {
        let attempt = Attempt {
            task: TaskId(1),
            epoch: Epoch(1),
        };
        Question::new(
            QuestionId(id),
            Uuid::from_u128(id.into()),
            attempt,
            ask,
            Timestamp(0),
        )
    }

    fn permission() -> Ask {
        Ask::Permission {
            tool: "Bash".into(),
            what: "make".into(),
            why: String::new(),
            rules: vec![],
        }
    }

    fn choices(labels: &[&str]) -> Ask {
        let option = |label: &&str| Choice {
            label: (*label).to_owned(),
            ..Choice::default()
        };
        let item = Item {
            question: "Which?".into(),
            header: String::new(),
            options: labels.iter().map(option).collect(),
            multi: false,
        };
        Ask::Clarify { items: vec![item] }
    }

    fn open(id: u64, ask: Ask) -> ShownQuestion {
        ShownQuestion {
            question: question(id, ask),
            until: None,
        }
    }

    /// Answered by Bob.
    fn settled(id: u64, ask: Ask, until: i64) -> ShownQuestion {
        let answer = Answer {
            key: Uuid::nil(),
            decision: Decision::Approve,
            by: BOB,
            name: "Bob".into(),
            via: "slack".into(),
            at: Timestamp(until),
        };
        ShownQuestion {
            question: Question {
                state: QuestionState::Answered { answer },
                ..question(id, ask)
            },
            until: Some(Timestamp(until)),
        }
    }

    fn expired(id: u64, ask: Ask, until: i64) -> ShownQuestion {
        let state = QuestionState::Expired { told: true };
        ShownQuestion {
            question: Question {
                state,
                ..question(id, ask)
            },
            until: Some(Timestamp(until)),
        }
    }

    fn said(text: &str, at: i64, stood: &[ShownQuestion]) -> ReplyTarget {
        target_of(text, Some(ANN), Timestamp(at), stood)
    }

    fn to(id: u64) -> ReplyTarget {
        ReplyTarget::Question(QuestionId(id))
    }

    fn either(ids: &[u64]) -> ReplyTarget {
        ReplyTarget::Unclear(ids.iter().copied().map(QuestionId).collect())
    }

    #[test]
    fn the_only_question_takes_any_words_and_without_one_they_are_a_note() {
        for text in ["yes", "no idea", "2"] {
            assert_eq!(said(text, 100, &[open(1, permission())]), to(1));
        }
        assert_eq!(said("yes", 100, &[]), ReplyTarget::Note);
    }

    #[test]
    fn a_rival_that_was_settled_a_moment_ago_makes_words_unclear_that_fit_both() {
        let both = |ago: i64| {
            [
                settled(1, permission(), 100_000 - ago),
                open(2, permission()),
            ]
        };
        assert_eq!(said("yes", 100_000, &both(4_999)), either(&[2]));
        assert_eq!(said("yes", 100_000, &both(5_000)), to(2));
        let colours = |ago: i64| {
            [
                settled(1, choices(&["Red", "Blue"]), 100_000 - ago),
                open(2, choices(&["Big", "Small"])),
            ]
        };
        assert_eq!(said("1", 100_000, &colours(1_999)), either(&[2]));
        assert_eq!(said("1", 100_000, &colours(2_000)), to(2));
        assert_eq!(said("blue", 100_000, &colours(500)), to(1), "its label");
        assert_eq!(said("Small", 100_000, &colours(500)), to(2));
    }

    #[test]
    fn what_people_settled_themselves_is_a_rival_only_for_a_second_tap() {
        let mut first = settled(1, permission(), 99_000);
        if let QuestionState::Answered { answer } = &mut first.question.state {
            answer.decision = Decision::Allow { session: false };
        }
        let both = [first, open(2, permission())];
        let own = |text| target_of(text, Some(BOB), Timestamp(100_000), &both);
        assert_eq!(own("yes"), either(&[2]), "it may be the same tap");
        assert_eq!(own("no"), to(2));
    }

    #[test]
    fn words_that_fit_only_one_of_several_are_for_that_one() {
        let stood = [open(1, permission()), open(2, choices(&["Red", "Blue"]))];
        assert_eq!(said("yes", 100, &stood), to(1));
        assert_eq!(said("Blue", 100, &stood), to(2));
        assert_eq!(said("2", 100, &stood), to(2));
        assert_eq!(said("rather green", 100, &stood), to(2));
        let words = [open(1, permission()), open(2, choices(&[]))];
        assert_eq!(said("yes", 100, &words), either(&[1, 2]));
        let twice = [open(1, permission()), open(2, permission())];
        assert_eq!(said("yes", 100, &twice), either(&[1, 2]));
        assert_eq!(said("hm", 100, &twice), either(&[1, 2]));
    }

    #[test]
    fn words_from_before_a_question_was_settled_are_for_it_however_late_they_come() {
        let stood = [settled(1, permission(), 5_000)];
        assert_eq!(said("yes", 4_000, &stood), to(1));
    }

    #[test]
    fn what_people_say_after_their_own_answer_is_a_note_however_late_both_come() {
        let stood = [settled(1, choices(&[]), 500_000)];
        let own = |text| target_of(text, Some(BOB), Timestamp(4_000), &stood);
        assert_eq!(own("and mind the dog"), ReplyTarget::Note);
        let stood = [settled(1, permission(), 500_000)];
        let own = |text| target_of(text, Some(BOB), Timestamp(4_000), &stood);
        assert_eq!(own("approve"), to(1), "a second tap");
        assert_eq!(own("and mind the dog"), ReplyTarget::Note);
    }

    #[test]
    fn who_comes_second_is_known_by_what_they_say_or_by_how_soon() {
        let colour = [settled(1, choices(&["Red", "Blue"]), 10_000)];
        assert_eq!(said("red", 60_000, &colour), to(1));
        assert_eq!(said("red", 70_000, &colour), ReplyTarget::Note);
        assert_eq!(said("something darker", 11_000, &colour), to(1));
        assert_eq!(said("something darker", 12_000, &colour), ReplyTarget::Note);
        let own = |text| target_of(text, Some(BOB), Timestamp(11_000), &colour);
        assert_eq!(
            own("and a dark one"),
            ReplyTarget::Note,
            "a remark on their own"
        );
        let free = [settled(1, choices(&[]), 10_000)];
        assert_eq!(said("also mind the dog", 20_000, &free), ReplyTarget::Note);
    }

    #[test]
    fn a_late_answer_finds_its_question_when_only_one_can_be_meant() {
        let late = expired(1, choices(&["Red", "Blue"]), 1_000);
        assert_eq!(
            said("the darker one", 900_000, std::slice::from_ref(&late)),
            to(1)
        );
        assert_eq!(
            said("yes", 900_000, &[late.clone(), open(2, choices(&[]))]),
            to(2),
            "an open one goes before it"
        );
        assert_eq!(
            said("Blue", 900_000, &[late.clone(), open(2, permission())]),
            to(1)
        );
        let two = [late, expired(3, choices(&[]), 2_000)];
        assert_eq!(said("the darker one", 900_000, &two), ReplyTarget::Note);
        let permission = [expired(1, permission(), 1_000)];
        assert_eq!(
            said("thanks all the same", 900_000, &permission),
            ReplyTarget::Note
        );
        assert_eq!(said("yes", 900_000, &permission), to(1));
    }
}
