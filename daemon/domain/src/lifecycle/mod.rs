//! The heart: every change of a task is decided here, and nowhere else.
//!
//! ```text
//!            claim                asked               answered
//!  queued ──────────► running ──────────► waiting ──────────────► running
//!    ▲ ▲                │ │                 │ │ parked, lost        (agent was held)
//!    │ │ backoff, lost  │ │ finished        │ ▼
//!    │ └────────────────┘ ▼                 │ waiting, parked ─────► queued, ahead of new work
//!    │ retry             done, failed       │            answered
//!    └──────────── failed, cancelled ◄──────┘ ordered
//! ```
//!
//! Giving up on a question works like an answer, except that the agent hears that nobody answered.
//! An answer that comes after that still counts, and takes a task that is over back into the queue.
//!
//! [`decide`] is pure: the current situation and an event give a [`Change`] or a [`Refusal`].
//! Claiming is the one transition that the store makes by itself, because it must choose and take
//! in one statement.

mod attempts;
mod change;
mod notes;
mod orders;
mod questions;

use std::sync::Arc;

use uuid::Uuid;

pub use self::change::{Announcement, AttemptEnd, Change, Refusal};
use crate::{
    attempt::{Attempt, Usage},
    clock::Timestamp,
    failure::Failure,
    ids::{QuestionId, WorkerId},
    lease::Lease,
    note::Note,
    question::{Answer, DeliveredOutcome, Question, QuestionState},
    queue::Lane,
    reminder::ReminderPolicy,
    task::{Report, Task, TaskState},
};

/// A task, all its questions and its waiting notes, as they were when loaded.
#[derive(Debug, Clone)]
pub struct TaskSnapshot {
    /// The task.
    pub task: Task,
    /// Its questions, oldest first, closed ones included.
    pub questions: Vec<Question>,
    /// Its notes that wait for an agent, oldest first.
    pub notes: Vec<Note>,
}

/// Something that happened to a task.
#[derive(Debug, Clone)]
pub enum Event {
    /// The agent needs a person.
    Asked {
        /// Who speaks.
        by: WorkerId,
        /// The question, open.
        question: Box<Question>,
    },
    /// A person decided.
    Answered {
        /// Which question.
        question: QuestionId,
        /// How.
        answer: Answer,
    },
    /// The agent has the answer, or knows that there is none.
    Delivered {
        /// Who speaks.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// What it heard of which question.
        heard: DeliveredOutcome,
    },
    /// The agent no longer needs an answer.
    Withdrawn {
        /// Who speaks.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// Which question.
        question: QuestionId,
        /// Why, as a sentence.
        why: String,
    },
    /// Time has passed for an open question: its alarm came.
    Waited {
        /// Which question.
        question: QuestionId,
        /// How long people may take.
        patience: Arc<ReminderPolicy>,
        /// A digest pings in its place.
        quietly: bool,
    },
    /// A person has words for the agent.
    Noted(Note),
    /// The agent has the words.
    NoteDelivered {
        /// Who speaks.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// Which note, by its key.
        note: Uuid,
    },
    /// The agent finished.
    Finished {
        /// Who speaks.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
        /// What came of it.
        report: Report,
    },
    /// The attempt failed.
    Failed {
        /// Who speaks.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
        /// How.
        failure: Failure,
    },
    /// The worker hands the task back unharmed.
    Released {
        /// Who speaks.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// The agent ended while it waited for people; its session and worktree are kept.
    Parked {
        /// Who speaks.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// The lease of an attempt ended without a word from its worker.
    LeaseLost {
        /// Which attempt.
        attempt: Attempt,
        /// How we know, as a clause: `nothing was heard of it for 60 s`.
        why: String,
    },
    /// A person orders something.
    Ordered {
        /// What.
        order: TaskAction,
        /// That person's name.
        by: String,
    },
}

/// What a person can order for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskAction {
    /// Call it off.
    Cancel,
    /// Run it (again) now.
    Retry,
    /// Move it to another lane.
    Prioritise(Lane),
    /// Take it off the list of dead ones.
    Discard,
}

/// Decides what `event` does to the current situation at `now`. A repeated event changes nothing
/// and is no error.
pub fn decide(current: &TaskSnapshot, event: Event, now: Timestamp) -> Result<Change, Refusal> {
    let step = ChangeBuilder {
        current,
        change: Change::none(&current.task),
        now,
    };
    match event {
        Event::Asked { by, question } => step.asked(by, *question),
        Event::Answered { question, answer } => step.answered(question, answer),
        Event::Delivered { by, attempt, heard } => step.delivered(by, attempt, heard),
        Event::Withdrawn {
            by,
            attempt,
            question,
            why,
        } => step.withdrawn(by, attempt, question, &why),
        Event::Waited {
            question,
            patience,
            quietly,
        } => step.waited(question, &patience, quietly),
        Event::Noted(note) => step.noted(note),
        Event::NoteDelivered { by, attempt, note } => step.note_delivered(by, attempt, note),
        Event::Finished {
            by,
            attempt,
            report,
        } => step.finished(by, attempt, report),
        Event::Failed {
            by,
            attempt,
            failure,
        } => step.failed(by, attempt, failure),
        Event::Released { by, attempt } => step.released(by, attempt),
        Event::Parked { by, attempt } => step.parked(by, attempt),
        Event::LeaseLost { attempt, why } => step.lost(attempt, why),
        Event::Ordered { order, by } => step.ordered(order, &by),
    }
}

/// One decision in the making.
struct ChangeBuilder<'a> {
    current: &'a TaskSnapshot,
    change: Change,
    now: Timestamp,
}

type DecideResult = Result<Change, Refusal>;

/// What all decisions share.
impl<'a> ChangeBuilder<'a> {
    /// After a question is closed: the task goes on when no other one is open.
    fn go_on_without(mut self, id: QuestionId) -> DecideResult {
        if self.open_questions().any(|other| other.id != id) {
            return Ok(self.change);
        }
        let state = match &self.current.task.state {
            TaskState::Waiting { lease: Some(lease) } => TaskState::Running {
                lease: lease.clone(),
            },
            TaskState::Waiting { lease: None } => TaskState::Queued {
                due: self.now,
                resumes: true,
            },
            _ => return Ok(self.change),
        };
        self.change.says.push(Announcement::Card);
        self.next(state)
    }

    /// The decision: this is the task's next state.
    fn next(mut self, state: TaskState) -> DecideResult {
        self.change.task.state = state;
        Ok(self.change)
    }

    fn end(&mut self, outcome: &'static str, usage: Option<Usage>) {
        self.change.ended = Some(AttemptEnd { outcome, usage });
    }

    fn withdraw_all(&mut self, why: &str) {
        let open: Vec<_> = self.open_questions().map(|question| question.id).collect();
        for id in open {
            self.withdraw(id, why);
        }
    }

    fn withdraw(&mut self, id: QuestionId, why: &str) {
        let Some(question) = self
            .current
            .questions
            .iter()
            .find(|question| question.id == id)
        else {
            return;
        };
        let state = QuestionState::Withdrawn { why: why.into() };
        self.change.questions.push(Question {
            state,
            ..question.clone()
        });
        self.change.log.push(format!("{id} withdrawn: {why}"));
        self.change.says.push(Announcement::Settled(id));
    }

    fn open_questions(&self) -> impl Iterator<Item = &'a Question> + use<'a> {
        let current: &'a TaskSnapshot = self.current;
        current
            .questions
            .iter()
            .filter(|question| question.is_open())
    }

    fn question(&self, id: QuestionId) -> Result<&'a Question, Refusal> {
        let current: &'a TaskSnapshot = self.current;
        current
            .questions
            .iter()
            .find(|question| question.id == id)
            .ok_or(Refusal::NoQuestion(id))
    }

    /// The lease, if `attempt` is the one under way and `by` holds it: the fence.
    fn held(&self, by: WorkerId, attempt: Attempt) -> Result<Lease, Refusal> {
        let task = &self.current.task;
        let lease = task
            .lease()
            .filter(|lease| lease.worker == by && task.attempt() == attempt);
        lease.cloned().ok_or(Refusal::Stale(attempt))
    }
}

#[cfg(test)]
mod tests;
