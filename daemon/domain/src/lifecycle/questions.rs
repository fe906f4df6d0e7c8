//! A question's life: asked, answered, delivered, withdrawn; or expired, and perhaps answered late.

use super::{Announcement, ChangeBuilder, DecideResult, Refusal};
use crate::{
    attempt::Attempt,
    ids::{QuestionId, WorkerId},
    question::{Answer, DeliveredOutcome, Question, QuestionState},
    reminder::{ReminderPolicy, ReminderStep},
    task::TaskState,
};

impl ChangeBuilder<'_> {
    pub(super) fn asked(mut self, by: WorkerId, question: Question) -> DecideResult {
        if self
            .current
            .questions
            .iter()
            .any(|known| known.key == question.key)
        {
            return Ok(self.change);
        }
        let lease = self.held(by, question.attempt)?;
        self.change.log.push(format!(
            "asked {}: {}",
            question.id,
            question.ask.headline()
        ));
        self.change.says = vec![Announcement::Question(question.id), Announcement::Card];
        self.change.questions.push(question);
        self.next(TaskState::Waiting { lease: Some(lease) })
    }

    pub(super) fn answered(mut self, id: QuestionId, answer: Answer) -> DecideResult {
        let question = self.question(id)?;
        match &question.state {
            QuestionState::Open => {}
            QuestionState::Expired { .. } => return self.answered_late(question.clone(), answer),
            QuestionState::Withdrawn { why } => {
                return Err(Refusal::Withdrawn {
                    question: id,
                    why: why.clone(),
                });
            }
            QuestionState::Answered { answer: first }
            | QuestionState::Delivered { answer: first, .. } => {
                return if same_answer(first, &answer) {
                    Ok(self.change)
                } else {
                    Err(answered_before(id, first))
                };
            }
        }
        self.change.log.push(format!(
            "{id} answered by {}: {}",
            answer.name,
            answer.decision.headline()
        ));
        self.change.says = vec![Announcement::Settled(id)];
        self.change.questions.push(Question {
            state: QuestionState::Answered { answer },
            ..question.clone()
        });
        self.go_on_without(id)
    }

    /// Nobody waits for it any more, but it still counts: a task that is over continues with it.
    fn answered_late(mut self, question: Question, answer: Answer) -> DecideResult {
        let id = question.id;
        let task = &self.current.task;
        if let TaskState::Cancelled { by } = &task.state {
            return Err(Refusal::Withdrawn {
                question: id,
                why: format!("the task was cancelled by {by}"),
            });
        }
        self.change.log.push(format!(
            "{id} answered late by {}: {}",
            answer.name,
            answer.decision.headline()
        ));
        self.change.says = vec![Announcement::Settled(id), Announcement::Late(id)];
        self.change.questions.push(Question {
            state: QuestionState::Answered { answer },
            ..question
        });
        if task.lease().is_some() || matches!(task.state, TaskState::Waiting { .. }) {
            return Ok(self.change);
        }
        let due = if let TaskState::Queued { due, .. } = task.state {
            due
        } else {
            self.now
        };
        self.change.task.failures = 0;
        self.change.says.push(Announcement::Card);
        self.next(TaskState::Queued { due, resumes: true })
    }

    /// The alarm of an open question is due: takes the step that its reminder policy requires.
    pub(super) fn waited(
        mut self,
        id: QuestionId,
        patience: &ReminderPolicy,
        in_digest: bool,
    ) -> DecideResult {
        let question = self.question(id)?;
        if !question.is_open() {
            return Ok(self.change);
        }
        let mut question = question.clone();
        match patience.due(&question, self.now) {
            ReminderStep::Expire => return self.expire(question),
            ReminderStep::Escalate => {
                question.pings.escalated = true;
                self.change.log.push(format!(
                    "{id} is still open; escalated to {}",
                    patience.escalate_to
                ));
                self.change.says.push(Announcement::Escalation(id));
            }
            ReminderStep::Remind if in_digest => {}
            ReminderStep::Remind => self.change.says.push(Announcement::Reminder(id)),
            ReminderStep::Nothing => {}
        }
        let listed = in_digest && patience.covers(&question, self.now);
        let reminders = patience
            .reminders_by(self.now.since(question.asked_at))
            .max(question.pings.reminders + u32::from(listed));
        if !patience.is_quiet(self.now) {
            question.pings.reminders = reminders;
        }
        question.alarm = Some(patience.alarm(&question, self.now));
        if !self.change.says.is_empty() || self.question(id)? != &question {
            self.change.questions.push(question);
        }
        Ok(self.change)
    }

    fn expire(mut self, question: Question) -> DecideResult {
        let id = question.id;
        self.change.log.push(format!(
            "nobody answered {id} in time; the agent continues without an answer"
        ));
        self.change.says = vec![Announcement::Settled(id), Announcement::Expired(id)];
        let state = QuestionState::Expired { told: false };
        self.change.questions.push(Question {
            state,
            expired: Some(self.now),
            alarm: None,
            ..question
        });
        self.go_on_without(id)
    }

    pub(super) fn delivered(
        self,
        by: WorkerId,
        attempt: Attempt,
        heard: DeliveredOutcome,
    ) -> DecideResult {
        let id = heard.question;
        let question = self.question(id)?;
        match &question.state {
            QuestionState::Delivered { .. } | QuestionState::Expired { told: true } => {
                Ok(self.change)
            }
            // The agent was told that there is none, and the answer has come since.
            QuestionState::Answered { answer } if heard.answer != Some(answer.key) => {
                Ok(self.change)
            }
            QuestionState::Answered { answer } => {
                let state = QuestionState::Delivered {
                    answer: answer.clone(),
                    at: self.now,
                };
                self.told(
                    by,
                    attempt,
                    question,
                    state,
                    format!("the agent received the answer to {id}"),
                )
            }
            QuestionState::Expired { told: false } => {
                let state = QuestionState::Expired { told: true };
                self.told(
                    by,
                    attempt,
                    question,
                    state,
                    format!("the agent was told that nobody answered {id}"),
                )
            }
            QuestionState::Open | QuestionState::Withdrawn { .. } => Err(Refusal::NoQuestion(id)),
        }
    }

    fn told(
        mut self,
        by: WorkerId,
        attempt: Attempt,
        question: &Question,
        state: QuestionState,
        line: String,
    ) -> DecideResult {
        self.held(by, attempt)?;
        self.change.log.push(line);
        self.change.questions.push(Question {
            state,
            ..question.clone()
        });
        Ok(self.change)
    }

    pub(super) fn withdrawn(
        mut self,
        by: WorkerId,
        attempt: Attempt,
        id: QuestionId,
        why: &str,
    ) -> DecideResult {
        if !self.question(id)?.is_open() {
            return Ok(self.change);
        }
        self.held(by, attempt)?;
        self.withdraw(id, why);
        self.go_on_without(id)
    }
}

/// The same event again, or the same person pressing the same button twice.
fn same_answer(first: &Answer, again: &Answer) -> bool {
    first.key == again.key || (first.by == again.by && first.decision == again.decision)
}

fn answered_before(question: QuestionId, first: &Answer) -> Refusal {
    Refusal::AnsweredBefore {
        question,
        name: first.name.clone(),
        said: first.decision.headline(),
    }
}
