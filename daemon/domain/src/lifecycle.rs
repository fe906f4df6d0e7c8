//! The heart: every change of a task is decided here, and nowhere else.
//!
//! ```text
//!            claim                asked               answered
//!  queued ──────────► running ──────────► waiting ──────────────► running
//!    ▲ ▲                │ │                 │ │ lease lost          (agent was held)
//!    │ │ backoff, lost  │ │ finished        │ ▼
//!    │ └────────────────┘ ▼                 │ waiting, parked ─────► queued, ahead of new work
//!    │ retry             done, failed       │            answered
//!    └──────────── failed, cancelled ◄──────┘ ordered
//! ```
//!
//! [`decide`] is pure: the current situation and an event give a [`Change`] or a [`Refusal`]. Claiming is the one
//! transition that the store makes by itself, because it must choose and take in one statement.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    failure::{self, Failure, FailureKind, Remedy},
    ids::{QuestionId, WorkerId},
    question::{Answer, Question, QuestionState},
    queue::Lane,
    task::{Lease, Report, Task, TaskState, Usage},
    worker::Attempt,
};

/// A task and all its questions, as they were when loaded.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The task.
    pub task: Task,
    /// Its questions, oldest first, closed ones included.
    pub questions: Vec<Question>,
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
    /// The agent has the answer.
    Delivered {
        /// Who speaks.
        by: WorkerId,
        /// For which attempt.
        attempt: Attempt,
        /// Which question.
        question: QuestionId,
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
        order: Order,
        /// That person's name.
        by: String,
    },
}

/// What a person can order for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Call it off.
    Cancel,
    /// Run it (again) now.
    Retry,
    /// Move it to another lane.
    Prioritise(Lane),
    /// Take it off the list of dead ones.
    Discard,
}

/// A decided change: what is next, what is to be said, what is to be logged. Data only.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task as it is next; its `version` is still the one that was decided on.
    pub task: Task,
    /// Questions that are new or changed.
    pub questions: Vec<Question>,
    /// How the attempt under way ended, if it did.
    pub ended: Option<Ended>,
    /// What the thread is to be told, in order.
    pub says: Vec<Say>,
    /// Lines for the task's log.
    pub log: Vec<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// `done`, `failed`, `lost`, `cancelled`, `released` or `parked`.
    pub outcome: &'static str,
    /// What it cost, as far as known.
    pub usage: Usage,
}

/// Something to tell the thread; the words are made where they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// The task's card shows its new state.
    Card,
    /// A new question.
    Question(QuestionId),
    /// A question is no longer open.
    Settled(QuestionId),
    /// The task is done.
    Done,
    /// An attempt failed.
    Failed {
        /// How.
        failure: Failure,
        /// When it is tried again; `None` when it is set aside.
        again: Option<Timestamp>,
    },
    /// An attempt was lost with its worker; open questions stay open.
    Lost {
        /// How we know.
        why: String,
        /// When it is tried again; `None` while it waits for answers.
        again: Option<Timestamp>,
    },
    /// The worker handed it back.
    Released,
    /// Called off.
    Cancelled {
        /// By whom.
        by: String,
    },
    /// To run again.
    Retried {
        /// On whose word.
        by: String,
    },
}

/// Why an event changes nothing. Told to whoever caused it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The attempt is not the one under way: its lease ended, or the task was cancelled.
    #[error("{attempt} is no longer under way; stop its agent", attempt = shown(.0))]
    Stale(Attempt),
    /// The question was answered before.
    #[error("{question} was answered before: {name} said “{said}”")]
    AnsweredBefore {
        /// Which.
        question: QuestionId,
        /// By whom.
        name: String,
        /// What.
        said: String,
    },
    /// Nobody needs the answer any more.
    #[error("{question} needs no answer any more: {why}")]
    Withdrawn {
        /// Which.
        question: QuestionId,
        /// Why.
        why: String,
    },
    /// The task has no such question.
    #[error("there is no question {0} here")]
    NoQuestion(QuestionId),
    /// The task's state does not allow the order.
    #[error("{task} is {state}: it cannot be {wish}")]
    NotNow {
        /// Which.
        task: crate::TaskId,
        /// Its state.
        state: &'static str,
        /// What was ordered: `cancelled`.
        wish: &'static str,
    },
}

fn shown(attempt: &Attempt) -> String {
    format!("attempt {} of {}", attempt.epoch.0, attempt.task)
}

impl Refusal {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Stale(_) => "claim again; nothing of this attempt was changed".into(),
            Self::AnsweredBefore { .. } => "your words are kept in the thread as a note".into(),
            Self::Withdrawn { .. } => "see `task show` for where the task is now".into(),
            Self::NoQuestion(_) => "`question list` shows what is open".into(),
            Self::NotNow { task, .. } => format!("see `task explain {task}`"),
        }
    }
}

/// Decides what `event` does to the current situation at `now`. A repeated event changes nothing and is no error.
pub fn decide(current: &Situation, event: Event, now: Timestamp) -> Result<Change, Refusal> {
    let step = Step { current, change: Change::none(&current.task), now };
    match event {
        Event::Asked { by, question } => step.asked(by, *question),
        Event::Answered { question, answer } => step.answered(question, answer),
        Event::Delivered { by, attempt, question } => step.delivered(by, attempt, question),
        Event::Withdrawn { by, attempt, question, why } => step.withdrawn(by, attempt, question, &why),
        Event::Finished { by, attempt, report } => step.finished(by, attempt, report),
        Event::Failed { by, attempt, failure } => step.failed(by, attempt, failure),
        Event::Released { by, attempt } => step.released(by, attempt),
        Event::Parked { by, attempt } => step.parked(by, attempt),
        Event::LeaseLost { attempt, why } => step.lost(attempt, why),
        Event::Ordered { order, by } => step.ordered(order, &by),
    }
}

impl Change {
    fn none(task: &Task) -> Self {
        Self { task: task.clone(), questions: Vec::new(), ended: None, says: Vec::new(), log: Vec::new() }
    }

    /// Nothing to store, nothing to say.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.says.is_empty() && self.log.is_empty()
    }
}

/// One decision in the making.
struct Step<'a> {
    current: &'a Situation,
    change: Change,
    now: Timestamp,
}

type Decided = Result<Change, Refusal>;

impl<'a> Step<'a> {
    fn asked(mut self, by: WorkerId, question: Question) -> Decided {
        if self.current.questions.iter().any(|known| known.key == question.key) {
            return Ok(self.change);
        }
        let lease = self.held(by, question.attempt)?;
        self.change.log.push(format!("asked {}: {}", question.id, question.ask.headline()));
        self.change.says = vec![Say::Question(question.id), Say::Card];
        self.change.questions.push(question);
        self.next(TaskState::Waiting { lease: Some(lease) })
    }

    fn answered(mut self, id: QuestionId, answer: Answer) -> Decided {
        let question = self.question(id)?;
        match &question.state {
            QuestionState::Open => {}
            QuestionState::Withdrawn { why } => return Err(Refusal::Withdrawn { question: id, why: why.clone() }),
            QuestionState::Answered { answer: first } | QuestionState::Delivered { answer: first, .. } => {
                return if same_answer(first, &answer) { Ok(self.change) } else { Err(answered_before(id, first)) };
            }
        }
        self.change.log.push(format!("{id} answered by {}: {}", answer.name, answer.decision.headline()));
        self.change.says = vec![Say::Settled(id)];
        self.change.questions.push(Question { state: QuestionState::Answered { answer }, ..question.clone() });
        self.go_on_without(id)
    }

    fn delivered(mut self, by: WorkerId, attempt: Attempt, id: QuestionId) -> Decided {
        let question = self.question(id)?;
        match &question.state {
            QuestionState::Delivered { .. } => Ok(self.change),
            QuestionState::Answered { answer } => {
                let state = QuestionState::Delivered { answer: answer.clone(), at: self.now };
                let question = Question { state, ..question.clone() };
                self.held(by, attempt)?;
                self.change.log.push(format!("the agent has the answer to {id}"));
                self.change.questions.push(question);
                Ok(self.change)
            }
            QuestionState::Open | QuestionState::Withdrawn { .. } => Err(Refusal::NoQuestion(id)),
        }
    }

    fn withdrawn(mut self, by: WorkerId, attempt: Attempt, id: QuestionId, why: &str) -> Decided {
        if !self.question(id)?.is_open() {
            return Ok(self.change);
        }
        self.held(by, attempt)?;
        self.withdraw(id, why);
        self.go_on_without(id)
    }

    fn finished(mut self, by: WorkerId, attempt: Attempt, report: Report) -> Decided {
        if matches!(self.current.task.state, TaskState::Done { .. }) && self.current.task.attempt() == attempt {
            return Ok(self.change);
        }
        self.held(by, attempt)?;
        self.withdraw_all("the agent finished without the answer");
        self.end("done", report.usage);
        self.change.log.push("done".into());
        self.change.says.extend([Say::Done, Say::Card]);
        self.next(TaskState::Done { report })
    }

    fn failed(mut self, by: WorkerId, attempt: Attempt, failure: Failure) -> Decided {
        self.held(by, attempt)?;
        self.withdraw_all("the agent ended before the answer came");
        self.end("failed", Usage::default());
        let task = &mut self.change.task;
        let again = match failure.remedy(self.now) {
            Remedy::At(moment) => Some(moment),
            Remedy::GiveUp => None,
            Remedy::Backoff => {
                task.failures += 1;
                (task.failures < failure::ATTEMPTS).then(|| self.now.plus(failure::backoff(task.id, task.failures)))
            }
        };
        self.set_back(failure, again)
    }

    fn released(mut self, by: WorkerId, attempt: Attempt) -> Decided {
        self.held(by, attempt)?;
        self.end("released", Usage::default());
        self.change.log.push("handed back by its worker".into());
        self.change.says.extend([Say::Released, Say::Card]);
        let state = self.without_lease(self.now);
        self.next(state)
    }

    /// An answer that came in the meantime lets it go on at once.
    fn parked(mut self, by: WorkerId, attempt: Attempt) -> Decided {
        self.held(by, attempt)?;
        self.end("parked", Usage::default());
        self.change.log.push("parked: the agent has ended, session and worktree are kept".into());
        self.change.says.push(Say::Card);
        let state = self.without_lease(self.now);
        self.next(state)
    }

    fn lost(mut self, attempt: Attempt, why: String) -> Decided {
        let task = &self.current.task;
        if task.attempt() != attempt || task.lease().is_none() {
            return Err(Refusal::Stale(attempt));
        }
        self.end("lost", Usage::default());
        self.change.log.push(format!("lost with its worker: {why}"));
        if self.open_questions().next().is_some() {
            self.change.says.extend([Say::Lost { why, again: None }, Say::Card]);
            return self.next(TaskState::Waiting { lease: None });
        }
        let losses = &mut self.change.task.losses;
        losses.push(self.now);
        losses.retain(|moment| self.now.since(*moment) < failure::LOSS_WINDOW);
        let count = losses.len();
        if count >= failure::LOSSES {
            let what = format!("Workers were lost {count} times within 72 hours while running this; last because {why}.");
            return self.set_back(Failure::new(FailureKind::WorkersLost, what), None);
        }
        let pause = failure::backoff(attempt.task, u32::try_from(count).unwrap_or(u32::MAX)).min(LOSS_PAUSE);
        let due = self.now.plus(pause);
        self.change.says.extend([Say::Lost { why, again: Some(due) }, Say::Card]);
        let state = self.without_lease(due);
        self.next(state)
    }

    fn ordered(mut self, order: Order, by: &str) -> Decided {
        let wish = match order {
            Order::Cancel => "cancelled",
            Order::Retry => "retried",
            Order::Prioritise(_) => "moved to another lane",
            Order::Discard => "discarded",
        };
        self.change.log.push(format!("{wish} by {by}"));
        match (order, &self.current.task.state) {
            (Order::Cancel, TaskState::Cancelled { .. }) => Ok(Change::none(&self.current.task)),
            (Order::Cancel, _) if !self.current.task.is_over() => self.cancel(by),
            (Order::Retry, TaskState::Failed { .. } | TaskState::Cancelled { .. } | TaskState::Queued { .. }) => self.retry(by),
            (Order::Prioritise(lane), _) if !self.current.task.is_over() => {
                self.change.task.lane = lane;
                self.change.says.push(Say::Card);
                Ok(self.change)
            }
            (Order::Discard, TaskState::Failed { failure, discarded: false }) => {
                let state = TaskState::Failed { failure: failure.clone(), discarded: true };
                self.next(state)
            }
            (_, state) => Err(Refusal::NotNow { task: self.current.task.id, state: state.as_str(), wish }),
        }
    }

    fn cancel(mut self, by: &str) -> Decided {
        self.withdraw_all("the task was cancelled");
        if self.current.task.lease().is_some() {
            self.end("cancelled", Usage::default());
        }
        self.change.says.extend([Say::Cancelled { by: by.into() }, Say::Card]);
        self.next(TaskState::Cancelled { by: by.into() })
    }

    fn retry(mut self, by: &str) -> Decided {
        self.change.task.failures = 0;
        self.change.task.losses.clear();
        self.change.says.extend([Say::Retried { by: by.into() }, Say::Card]);
        let due = self.now;
        self.next(TaskState::Queued { due, resumes: false })
    }

    /// Tries again at `again`, or sets the task aside.
    fn set_back(mut self, failure: Failure, again: Option<Timestamp>) -> Decided {
        self.change.log.push(format!("failed: {}", failure.what));
        self.change.says.extend([Say::Failed { failure: failure.clone(), again }, Say::Card]);
        self.next(match again {
            Some(due) => TaskState::Queued { due, resumes: false },
            None => TaskState::Failed { failure, discarded: false },
        })
    }

    /// After a question is closed: the task goes on when no other one is open.
    fn go_on_without(mut self, id: QuestionId) -> Decided {
        if self.open_questions().any(|other| other.id != id) {
            return Ok(self.change);
        }
        let state = match &self.current.task.state {
            TaskState::Waiting { lease: Some(lease) } => TaskState::Running { lease: lease.clone() },
            TaskState::Waiting { lease: None } => TaskState::Queued { due: self.now, resumes: true },
            _ => return Ok(self.change),
        };
        self.change.says.push(Say::Card);
        self.next(state)
    }

    /// The state of a task whose attempt ended without result: parked while it waits for people, else queued.
    fn without_lease(&self, due: Timestamp) -> TaskState {
        if self.open_questions().next().is_some() {
            return TaskState::Waiting { lease: None };
        }
        let resumes = self.current.questions.iter().any(|question| matches!(question.state, QuestionState::Answered { .. }));
        TaskState::Queued { due, resumes }
    }

    fn next(mut self, state: TaskState) -> Decided {
        self.change.task.state = state;
        Ok(self.change)
    }

    fn end(&mut self, outcome: &'static str, usage: Usage) {
        self.change.ended = Some(Ended { outcome, usage });
    }

    fn withdraw_all(&mut self, why: &str) {
        let open: Vec<_> = self.open_questions().map(|question| question.id).collect();
        for id in open {
            self.withdraw(id, why);
        }
    }

    fn withdraw(&mut self, id: QuestionId, why: &str) {
        let Some(question) = self.current.questions.iter().find(|question| question.id == id) else { return };
        let state = QuestionState::Withdrawn { why: why.into() };
        self.change.questions.push(Question { state, ..question.clone() });
        self.change.log.push(format!("{id} withdrawn: {why}"));
        self.change.says.push(Say::Settled(id));
    }

    fn open_questions(&self) -> impl Iterator<Item = &'a Question> + use<'a> {
        let current: &'a Situation = self.current;
        current.questions.iter().filter(|question| question.is_open())
    }

    fn question(&self, id: QuestionId) -> Result<&'a Question, Refusal> {
        let current: &'a Situation = self.current;
        current.questions.iter().find(|question| question.id == id).ok_or(Refusal::NoQuestion(id))
    }

    /// The lease, if `attempt` is the one under way and `by` holds it: the fence.
    fn held(&self, by: WorkerId, attempt: Attempt) -> Result<Lease, Refusal> {
        let task = &self.current.task;
        let lease = task.lease().filter(|lease| lease.worker == by && task.attempt() == attempt);
        lease.cloned().ok_or(Refusal::Stale(attempt))
    }
}

/// A lost worker says little about the task, so its pause stays short.
const LOSS_PAUSE: Duration = Duration::from_secs(5);

/// The same event again, or the same person pressing the same button twice.
fn same_answer(first: &Answer, again: &Answer) -> bool {
    first.key == again.key || (first.by == again.by && first.decision == again.decision)
}

fn answered_before(question: QuestionId, first: &Answer) -> Refusal {
    Refusal::AnsweredBefore { question, name: first.name.clone(), said: first.decision.headline() }
}

#[cfg(test)]
mod tests;
