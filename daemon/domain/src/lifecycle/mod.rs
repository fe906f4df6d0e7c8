//! Every change of a task is decided here, and nowhere else.
//!
//! ```text
//!            claim                asked               answered
//!  queued ──────────► running ──────────► waiting ──────────────► running
//!    ▲ ▲                │ │                 │ │ parked, lost        (agent was held)
//!    │ │ backoff, lost  │ │ finished        │ ▼
//!    │ └────────────────┘ ▼                 │ waiting, parked ─────► queued, ahead of new work
//!    │ retry, continue   done, failed       │            answered
//!    └─────── done, failed, cancelled ◄─────┘ ordered
//! ```
//!
//! An expired question works like an answered one, except that the agent is told that nobody
//! answered. A later answer still counts, and puts a task that is over back into the queue.
//!
//! [`decide`] is pure: from the current snapshot and an event it makes a [`Change`] or a
//! [`Refusal`]. Claiming is the only transition that the store makes itself, because it must choose
//! and take an order in one statement.

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
    ids::{Epoch, QuestionId, WorkerId},
    input::Branch,
    lease::Lease,
    note::Note,
    question::{Answer, DeliveredOutcome, Question, QuestionState},
    queue::Lane,
    reminder::ReminderPolicy,
    task::{Report, Task, TaskState},
};

/// Which questions of a task are loaded besides those that are not settled. A long session has
/// hundreds, and a decision is about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// No other.
    Unsettled,
    /// This one.
    Question(QuestionId),
    /// The one that was asked with this key.
    Asked(Uuid),
    /// The one whose answer has this key: a repeated note may have been an answer the first time.
    Said(Uuid),
    /// All of them.
    Everything,
}

/// A task with its questions and its waiting notes, as loaded.
#[derive(Debug, Clone)]
pub struct TaskSnapshot {
    /// The task.
    pub task: Task,
    /// Its questions, oldest first: those that are not settled, and what else was loaded.
    pub questions: Vec<Question>,
    /// Its notes that wait for an agent, oldest first.
    pub notes: Vec<Note>,
}

impl TaskSnapshot {
    /// One of its questions.
    pub fn question(&self, id: QuestionId) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }
}

impl Event {
    /// Which settled question it may be about.
    pub fn about(&self) -> About {
        match self {
            Self::Asked { question, .. } => About::Asked(question.key),
            Self::Answered { question, .. }
            | Self::Withdrawn { question, .. }
            | Self::Waited { question, .. } => About::Question(*question),
            Self::Delivered { heard, .. } => About::Question(heard.question),
            Self::Noted(note) => About::Said(note.key),
            Self::NoteDelivered { .. }
            | Self::Finished { .. }
            | Self::Failed { .. }
            | Self::LeaseLost { .. }
            | Self::Released { .. }
            | Self::Parked { .. }
            | Self::Continued { .. }
            | Self::TakenBack { .. }
            | Self::Unblocked { .. }
            | Self::Ordered { .. } => About::Unsettled,
        }
    }
}

/// Something that happened to a task.
#[derive(Debug, Clone)]
pub enum Event {
    /// The agent asked a person.
    Asked {
        /// The worker that reports it.
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
    /// The agent received the answer, or was told that there is none.
    Delivered {
        /// The worker that reports it.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// Which outcome of which question it received.
        heard: DeliveredOutcome,
    },
    /// The agent no longer needs an answer.
    Withdrawn {
        /// The worker that reports it.
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
        /// When to remind, escalate and expire.
        patience: Arc<ReminderPolicy>,
        /// Whether a digest replaces the reminder.
        in_digest: bool,
    },
    /// A person sent the agent a note.
    Noted(Note),
    /// The agent received the note.
    NoteDelivered {
        /// The worker that reports it.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// Which note, by its key.
        note: Uuid,
    },
    /// The agent finished.
    Finished {
        /// The worker that reports it.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
        /// The result.
        report: Report,
    },
    /// The attempt failed.
    Failed {
        /// The worker that reports it.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
        /// How.
        failure: Failure,
    },
    /// The worker handed the task back unchanged.
    Released {
        /// The worker that reports it.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// The agent's process ended while it waited for people; its session and worktree are kept.
    Parked {
        /// The worker that reports it.
        by: WorkerId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// The lease of an attempt expired without a message from its worker.
    LeaseLost {
        /// Which attempt.
        attempt: Attempt,
        /// How we know, as a clause: `the worker was restarted`.
        why: String,
    },
    /// A person wants a task that is over to continue.
    Continued {
        /// Identifies the request.
        key: Uuid,
        /// That person's name.
        author: String,
        /// What they ask for.
        text: String,
    },
    /// A person takes a round back that no worker has begun.
    TakenBack {
        /// Their name.
        by: String,
        /// The number of the latest attempt when the round began.
        began: Epoch,
        /// The state before it.
        former: TaskState,
    },
    /// The task that it waited for is done, or its record is gone.
    Unblocked {
        /// The branch to start from, if it is another one now.
        base: Option<Branch>,
    },
    /// A person requested an action.
    Ordered {
        /// What.
        order: TaskAction,
        /// That person's name.
        by: String,
    },
}

/// What a person can request for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskAction {
    /// Cancel it.
    Cancel,
    /// Run it (again) now.
    Retry,
    /// Move it to another lane.
    Prioritise(Lane),
    /// Take it off the list of dead letters.
    Discard,
}

/// Decides what `event` changes in the current snapshot at `now`. A repeated event changes nothing
/// and is not an error.
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
            in_digest,
        } => step.waited(question, &patience, in_digest),
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
        Event::Continued { key, author, text } => step.continued(key, author, text),
        Event::TakenBack { by, began, former } => step.taken_back(by, began, former),
        Event::Unblocked { base } => step.unblocked(base),
        Event::Ordered { order, by } => step.ordered(order, &by),
    }
}

/// A decision in progress.
struct ChangeBuilder<'a> {
    current: &'a TaskSnapshot,
    change: Change,
    now: Timestamp,
}

type DecideResult = Result<Change, Refusal>;

/// Shared by all decisions.
impl<'a> ChangeBuilder<'a> {
    /// After a question is closed: the task continues if no other one is open.
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

    /// Completes the decision with the task's next state.
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

    /// The lease, if `attempt` is the current one and `by` holds it: the fence.
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
