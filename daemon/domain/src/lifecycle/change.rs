//! The result of a decision: a change, as plain data, or the reason why nothing changes.

use uuid::Uuid;

use crate::{
    attempt::{Attempt, Usage},
    clock::Timestamp,
    failure::Failure,
    ids::QuestionId,
    note::Note,
    question::Question,
    round::Round,
    task::{Report, Task},
};

/// A decided change: the next state, what to announce and what to log. Data only.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task in its next state; its `version` is still the one that the decision is based on.
    pub task: Task,
    /// New and changed questions.
    pub questions: Vec<Question>,
    /// New and changed notes.
    pub notes: Vec<Note>,
    /// The round that begins.
    pub round: Option<Round>,
    /// The round that is taken back.
    pub withdrawn: Option<u32>,
    /// How the current attempt ended, if it did.
    pub ended: Option<AttemptEnd>,
    /// What to announce in the thread, in order.
    pub says: Vec<Announcement>,
    /// Lines for the task's log.
    pub log: Vec<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// `done`, `failed`, `lost`, `cancelled`, `released` or `parked`.
    pub outcome: &'static str,
    /// What it cost, if known at its end; otherwise the usage that its worker reported before
    /// counts.
    pub usage: Option<Usage>,
}

/// Something to announce in the thread; the text is written where it is sent.
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
    /// A question expired; the agent continues without an answer.
    Expired(QuestionId),
    /// An answer came after its question expired.
    Late(QuestionId),
    /// A note's state changed; named by its key.
    Note(Uuid),
    /// An attempt finished.
    Done(Report),
    /// An attempt failed.
    Failed {
        /// How.
        failure: Failure,
        /// When it is retried; `None` if it failed for good.
        again: Option<Timestamp>,
    },
    /// An attempt was lost with its worker; open questions stay open.
    Lost {
        /// How we know.
        why: String,
        /// When it is retried; `None` while it waits for answers.
        again: Option<Timestamp>,
    },
    /// The worker handed the task back.
    Released,
    /// The worker or what it needs is unhealthy, which is not the task's fault.
    HandedBack(Failure),
    /// Cancelled.
    Cancelled {
        /// By whom.
        by: String,
    },
    /// It continues after its end.
    Continued(Round),
    /// It does not continue after all.
    TakenBack {
        /// By whom.
        by: String,
        /// Which round.
        round: u32,
    },
    /// It will run again.
    Retried {
        /// By whom.
        by: String,
    },
}

impl Change {
    /// An empty change.
    pub(super) fn none(task: &Task) -> Self {
        let task = task.clone();
        Self {
            task,
            questions: Vec::new(),
            notes: Vec::new(),
            round: None,
            withdrawn: None,
            ended: None,
            says: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Whether there is nothing to store and nothing to announce.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
            && self.notes.is_empty()
            && self.says.is_empty()
            && self.log.is_empty()
    }
}

/// Why an event changes nothing. Shown to the one who caused it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The attempt is not the current one: its lease ended, or the task was cancelled.
    #[error("{attempt} is no longer running; stop its agent", attempt = shown(.0))]
    Stale(Attempt),
    /// The question was already answered.
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
    #[error("there is no question {0}")]
    NoQuestion(QuestionId),
    /// The task is over, so no agent reads messages for it.
    #[error("{task} is {state}, so no agent will read this")]
    NobodyReads {
        /// Which.
        task: crate::TaskId,
        /// Its state.
        state: &'static str,
    },
    /// The task's state does not allow the action.
    #[error("{task} is {state} and cannot be {wish}")]
    NotNow {
        /// Which.
        task: crate::TaskId,
        /// Its state.
        state: &'static str,
        /// What was requested: `cancelled`.
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
            Self::NoQuestion(_) => "`question list` lists open questions".into(),
            Self::NobodyReads { task, .. } => format!("`task continue {task} …` continues it"),
            Self::NotNow { task, .. } => format!("see `task explain {task}`"),
        }
    }
}
