//! What a decision gives: a change as data only, or the reason why nothing changes.

use uuid::Uuid;

use crate::{
    attempt::{Attempt, Usage},
    clock::Timestamp,
    failure::Failure,
    ids::QuestionId,
    note::Note,
    question::Question,
    task::{Report, Task},
};

/// A decided change: what is next, what is to be said, what is to be logged. Data only.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task as it is next; its `version` is still the one that was decided on.
    pub task: Task,
    /// Questions that are new or changed.
    pub questions: Vec<Question>,
    /// Notes that are new or changed.
    pub notes: Vec<Note>,
    /// How the attempt under way ended, if it did.
    pub ended: Option<AttemptEnd>,
    /// What the thread is to be told, in order.
    pub says: Vec<Announcement>,
    /// Lines for the task's log.
    pub log: Vec<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// `done`, `failed`, `lost`, `cancelled`, `released` or `parked`.
    pub outcome: &'static str,
    /// What it cost, when its end says so; else what its worker told before counts.
    pub usage: Option<Usage>,
}

/// Something to tell the thread; the words are made where they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// The task's card shows its new state.
    Card,
    /// A new question.
    Question(QuestionId),
    /// A question is no longer open.
    Settled(QuestionId),
    /// A question is still open; those who may answer are reminded.
    Reminder(QuestionId),
    /// A question is still open; more people are called.
    Escalation(QuestionId),
    /// Waiting for a question was given up; the agent goes on without.
    Expired(QuestionId),
    /// An answer came after its question was given up.
    Late(QuestionId),
    /// Where a note is, by its key.
    Note(Uuid),
    /// An attempt came to its end.
    Done(Report),
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
    /// The place that ran it is ill, which is not the task's fault.
    HandedBack(Failure),
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

impl Change {
    /// Nothing yet.
    pub(super) fn none(task: &Task) -> Self {
        let task = task.clone();
        Self {
            task,
            questions: Vec::new(),
            notes: Vec::new(),
            ended: None,
            says: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Nothing to store, nothing to say.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
            && self.notes.is_empty()
            && self.says.is_empty()
            && self.log.is_empty()
    }
}

/// Why an event changes nothing. Told to whoever caused it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The attempt is not the one under way: its lease ended, or the task was cancelled.
    #[error("{attempt} is no longer running; stop its agent", attempt = shown(.0))]
    Stale(Attempt),
    /// The question was answered before.
    #[error("{name} already answered {question}: “{said}”")]
    AnsweredBefore {
        /// Which.
        question: QuestionId,
        /// By whom.
        name: String,
        /// What.
        said: String,
    },
    /// Nobody needs the answer any more.
    #[error("{question} no longer needs an answer: {why}")]
    Withdrawn {
        /// Which.
        question: QuestionId,
        /// Why.
        why: String,
    },
    /// The task has no such question.
    #[error("question {0} not found")]
    NoQuestion(QuestionId),
    /// The task is over, so no agent reads what is said to it.
    #[error("{task} is {state}, so no agent will read this")]
    NobodyReads {
        /// Which.
        task: crate::TaskId,
        /// Its state.
        state: &'static str,
    },
    /// The task's state does not allow the order.
    #[error("{task} is {state} and cannot be {wish}")]
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
            Self::Stale(_) => "claim again; this attempt changed nothing".into(),
            Self::AnsweredBefore { .. } => "your message is kept in the thread as a note".into(),
            Self::Withdrawn { .. } => "`task show` shows the task's current state".into(),
            Self::NoQuestion(_) => "`question list` shows the open questions".into(),
            Self::NobodyReads { .. } => "create a follow-up task with `task new`".into(),
            Self::NotNow { task, .. } => format!("see `task explain {task}`"),
        }
    }
}
