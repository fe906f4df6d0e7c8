//! Questions: what an agent needs from a person, and what a person decided.

mod answer;
mod ask;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    clock::Timestamp,
    ids::{QuestionId, SessionId, TaskId},
};

pub use answer::{Answer, Decision};
pub use ask::{Ask, Choice, Item};

/// A question of an agent, with everything a person needs to decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Question {
    /// Its id, as people use it.
    pub id: QuestionId,
    /// Made by the worker, so that asking twice has the same effect as asking once.
    pub key: Uuid,
    /// The attempt that asked.
    pub attempt: Attempt,
    /// The session that waits for the answer.
    pub session: Option<SessionId>,
    /// The agent's own id of the waiting call; a `tool_use` id for Claude Code.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// Two or three lines that the agent wrote just before; may be empty.
    pub context: String,
    /// When it was stored.
    pub asked_at: Timestamp,
    /// The reminders sent so far.
    #[serde(skip)]
    pub pings: ReminderState,
    /// When to check it again while it is open.
    #[serde(skip)]
    pub alarm: Option<Timestamp>,
    /// When it expired; an answer may still come later.
    #[serde(default)]
    pub expired: Option<Timestamp>,
    /// Where it is in its life.
    pub state: QuestionState,
}

/// Where a question is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum QuestionState {
    /// It waits for a person.
    Open,
    /// Nobody answered in time. The agent continues without an answer; a later answer still counts.
    Expired {
        /// Whether the agent was told.
        told: bool,
    },
    /// Decided, not yet confirmed by the agent's worker.
    Answered {
        /// The decision.
        answer: Answer,
    },
    /// Decided, and the agent has it.
    Delivered {
        /// The decision.
        answer: Answer,
        /// When the worker confirmed.
        at: Timestamp,
    },
    /// An answer is no longer needed.
    Withdrawn {
        /// Why, as a sentence for people.
        why: String,
    },
}

impl QuestionState {
    /// The word for this state in the store and in listings.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired { .. } => "expired",
            Self::Answered { .. } => "answered",
            Self::Delivered { .. } => "delivered",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl Question {
    /// A new open question.
    pub fn new(id: QuestionId, key: Uuid, attempt: Attempt, ask: Ask, asked_at: Timestamp) -> Self {
        let pings = ReminderState::default();
        let state = QuestionState::Open;
        let call = String::new();
        let context = String::new();
        Self {
            id,
            key,
            attempt,
            session: None,
            call,
            ask,
            context,
            asked_at,
            pings,
            alarm: None,
            expired: None,
            state,
        }
    }

    /// The milestones it has reached, with their times, in order.
    pub fn timeline(&self, milestones: &Milestones) -> Vec<(&'static str, Timestamp)> {
        let delivered = match self.state {
            QuestionState::Delivered { at, .. } => Some(at),
            _ => None,
        };
        let all = [
            ("asked", Some(self.asked_at)),
            ("posted", milestones.posted),
            ("seen", milestones.seen),
            ("expired", self.expired),
            ("answered", self.answer().map(|answer| answer.at)),
            ("resumed", milestones.resumed),
            ("delivered", delivered),
        ];
        let reached = all.into_iter().filter_map(|(name, at)| Some((name, at?)));
        let mut timeline: Vec<_> = reached.collect();
        timeline.sort_by_key(|(_, at)| *at);
        timeline
    }

    /// The task that waits.
    pub fn task(&self) -> TaskId {
        self.attempt.task
    }

    /// Whether the task waits for it.
    pub fn is_open(&self) -> bool {
        self.state == QuestionState::Open
    }

    /// Whether an answer would still count: it is open, or nobody answered in time.
    pub fn takes_answers(&self) -> bool {
        matches!(
            self.state,
            QuestionState::Open | QuestionState::Expired { .. }
        )
    }

    /// The outcome that the agent must still be told: it has not confirmed it.
    pub fn untold(&self) -> Option<QuestionOutcome<'_>> {
        match &self.state {
            QuestionState::Answered { answer } => Some(QuestionOutcome::Answered(answer)),
            QuestionState::Expired { told: false } => Some(QuestionOutcome::Nobody),
            _ => None,
        }
    }

    /// What an agent knows after it is told the current outcome.
    pub fn heard(&self) -> DeliveredOutcome {
        DeliveredOutcome {
            question: self.id,
            answer: self.answer().map(|answer| answer.key),
        }
    }

    /// The outcome, once there is one.
    pub fn reply(&self) -> Option<QuestionOutcome<'_>> {
        match &self.state {
            QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => {
                Some(QuestionOutcome::Answered(answer))
            }
            QuestionState::Expired { .. } => Some(QuestionOutcome::Nobody),
            QuestionState::Open | QuestionState::Withdrawn { .. } => None,
        }
    }

    /// The decision, once there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.state {
            QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => {
                Some(answer)
            }
            QuestionState::Open
            | QuestionState::Expired { .. }
            | QuestionState::Withdrawn { .. } => None,
        }
    }

    /// The same with a changed answer, if it has one.
    #[must_use]
    pub fn with_answer(mut self, change: impl FnOnce(Answer) -> Answer) -> Self {
        if let QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } =
            &mut self.state
        {
            *answer = change(answer.clone());
        }
        self
    }
}

/// The outcome of a question, as its agent receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionOutcome<'a> {
    /// A person decided.
    Answered(&'a Answer),
    /// Nobody answered in time, which is not a refusal.
    Nobody,
}

/// Which outcome of its question an agent has received. An answer that arrives while the agent is
/// told that there is none is a different outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveredOutcome {
    /// Which question.
    pub question: QuestionId,
    /// The answer's key; `None` if it was told that nobody answered.
    pub answer: Option<Uuid>,
}

/// The reminders that an open question has sent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReminderState {
    /// How many reminders were sent.
    pub reminders: u32,
    /// Whether it was escalated.
    pub escalated: bool,
}

/// Milestones of a question that are recorded elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// When a platform first had it.
    pub posted: Option<Timestamp>,
    /// When someone who may answer first looked at it.
    pub seen: Option<Timestamp>,
    /// When the attempt began that continued with the answer, if the one that asked had ended.
    pub resumed: Option<Timestamp>,
}
