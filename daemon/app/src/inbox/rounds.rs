//! Words in the thread of a task that is over. First they may be the late answer to a question. Else
//! the task continues with them if they are addressed to us; other words are asked about once. Thanks,
//! and words that crossed the end, never start anything.

use std::time::Duration;

use uuid::Uuid;
use vine_domain::{
    Followups, Question, QuestionId, TaskId, Timestamp, Verb, access,
    chat::{Inbound, InboundKind, LateTarget, ReplyTarget, ShownQuestion, late_target, target_of},
    lifecycle::TaskSnapshot,
    reading::{Followup, followup},
};

use crate::{
    AppError, AppResult, Caller, Inbox, clarify,
    commands::CommandOutput,
    inbox::{mention::with_undo, turn::SpokenText},
    texts,
};

/// Words that were sent this soon after the end were written before it was seen.
const CROSSED: Duration = Duration::from_secs(10);

/// What somebody wrote in the thread of a task that is over.
#[derive(Clone, Copy)]
pub(super) struct SaidAfterEnd<'a> {
    pub(super) event: &'a Inbound,
    pub(super) words: SpokenText<'a>,
    /// Whether it is addressed to us: a mention, or a reply to a message of ours.
    pub(super) to_us: bool,
    /// The task's questions that its author could see.
    pub(super) shown: &'a [ShownQuestion],
}

/// What such words do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AfterEnd {
    /// Nothing: they close the conversation, or are for another person.
    Nothing,
    /// They answer a question that nobody answered in time, or that somebody just answered.
    Answer(QuestionId),
    /// They begin a round.
    Begin,
    /// Their author is asked what they are for: one of these questions, or a round.
    Ask(Vec<QuestionId>),
}

impl AfterEnd {
    /// `late` is what they may answer. They are `direct` if they are addressed to us, were written
    /// after the end was seen, and do not edit earlier words.
    fn of(text: &str, late: LateTarget, direct: bool) -> Self {
        let asked = followup(text);
        match (late, asked) {
            (LateTarget::Chosen(id), _) => Self::Answer(id),
            (_, Followup::Nothing) => Self::Nothing,
            (_, Followup::ToAnother) if !direct => Self::Nothing,
            (LateTarget::Possible(ids), _) => match ids.as_slice() {
                [only] if !direct => Self::Answer(*only),
                _ => Self::Ask(ids),
            },
            (LateTarget::None, Followup::Request) if direct => Self::Begin,
            (LateTarget::None, _) => Self::Ask(Vec::new()),
        }
    }
}

impl Inbox {
    pub(super) async fn after_the_end(
        &self,
        caller: &Caller,
        known: TaskSnapshot,
        said: SaidAfterEnd<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let SaidAfterEnd { event, words, .. } = said;
        let (id, repo) = (known.task.id, known.task.repo.clone());
        let may = |verb| access::decide(caller.user.as_ref(), verb, Some(&repo)).is_ok();
        match self.meant_after_the_end(caller, &known, said).await? {
            AfterEnd::Answer(question) => self.pass_on_answer(caller, known, question, words).await,
            AfterEnd::Begin => self.next_round(caller, id, words.text, words.key).await,
            AfterEnd::Nothing | AfterEnd::Ask(_) if !may(Verb::Answer) => Ok(None),
            AfterEnd::Nothing => {
                let kept = self.app.questions.keep_words(caller, id, words.text);
                kept.await.map(|()| None)
            }
            AfterEnd::Ask(late) => {
                let kept = self.app.questions.keep_words(caller, id, words.text);
                kept.await?;
                let about = format!("{id} is over");
                // Who speaks to us gets an answer.
                let is_due = said.to_us || self.recent_replies.due(event, &about, self.clock.now());
                if !is_due && late.is_empty() {
                    return Ok(None);
                }
                let late = said
                    .shown
                    .iter()
                    .filter(|one| late.contains(&one.question.id));
                let late: Vec<&Question> = late.map(|one| &one.question).collect();
                if late.is_empty() && !may(Verb::Operate) {
                    return Ok(None);
                }
                let state = texts::state(&known.task.state, self.clock.now());
                let asked = clarify::go_on(words.text, &known.task, &state, &late);
                Err(AppError::Unclear(asked))
            }
        }
    }

    async fn meant_after_the_end(
        &self,
        caller: &Caller,
        known: &TaskSnapshot,
        said: SaidAfterEnd<'_>,
    ) -> AppResult<AfterEnd> {
        let SaidAfterEnd {
            event,
            words,
            shown,
            to_us,
        } = said;
        let at: Timestamp = event.said.unwrap_or_else(|| self.clock.now());
        let by = caller.user.as_ref().map(|user| user.id);
        let late = late_target(words.text, shown);
        // A second answer to what somebody just answered: its author is told who did.
        if late == LateTarget::None
            && let ReplyTarget::Question(id) = target_of(words.text, by, at, shown)
        {
            return Ok(AfterEnd::Answer(id));
        }
        let is_edit = matches!(event.act, InboundKind::Edited(_));
        let crossed = at.since(known.task.updated) < CROSSED;
        let repo = self.app.tasks.find_repo(&known.task.repo).await?;
        let any_words = repo.is_some_and(|repo| repo.followups == Followups::Words);
        let to_us = to_us || any_words;
        Ok(AfterEnd::of(
            words.text,
            late,
            to_us && !is_edit && !crossed,
        ))
    }

    /// A task that is over continues; its author can take it back.
    pub(super) async fn next_round(
        &self,
        caller: &Caller,
        id: TaskId,
        text: &str,
        key: Uuid,
    ) -> AppResult<Option<CommandOutput>> {
        let Some(task) = self.app.questions.go_on(caller, id, text, key).await? else {
            return Ok(None);
        };
        let text = format!("{id} continues: round {}.", task.round.number);
        let data = vine_api::TaskView::of(&task);
        Ok(Some(with_undo(CommandOutput::new(text, data))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_to_us_begin_a_round_and_an_answer_comes_first() {
        let none = || LateTarget::None;
        let one = || LateTarget::Possible(vec![QuestionId(1)]);
        let two = || LateTarget::Possible(vec![QuestionId(1), QuestionId(2)]);
        let green = "Make the door green, please";
        for (text, late, direct, expected) in [
            (green, none(), true, AfterEnd::Begin),
            (green, none(), false, AfterEnd::Ask(vec![])),
            (
                "I'll look at it tomorrow",
                none(),
                true,
                AfterEnd::Ask(vec![]),
            ),
            ("Thanks!", none(), true, AfterEnd::Nothing),
            ("Thanks!", one(), false, AfterEnd::Nothing),
            (green, one(), false, AfterEnd::Answer(QuestionId(1))),
            (green, one(), true, AfterEnd::Ask(vec![QuestionId(1)])),
            (
                green,
                two(),
                false,
                AfterEnd::Ask(vec![QuestionId(1), QuestionId(2)]),
            ),
            (
                "red",
                LateTarget::Chosen(QuestionId(3)),
                true,
                AfterEnd::Answer(QuestionId(3)),
            ),
        ] {
            assert_eq!(AfterEnd::of(text, late, direct), expected, "{text}");
        }
    }
}
