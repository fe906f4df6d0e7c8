//! Questions: what an agent needs from a person, and what a person decided.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    clock::Timestamp,
    ids::{QuestionId, SessionId, TaskId, UserId},
    secrets,
    visible_text::is_nothing,
};

/// Characters of a label that is made from what a choice means.
const LABEL: usize = 60;

/// One thing an agent asked, with everything a person needs to decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Question {
    /// What people call it.
    pub id: QuestionId,
    /// Made by the worker, so that asking twice is asking once.
    pub key: Uuid,
    /// The attempt that asked.
    pub attempt: Attempt,
    /// The session that waits for the answer.
    pub session: Option<SessionId>,
    /// The agent's own name for the call that waits; a `tool_use` id for Claude Code.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// Two or three lines of what the agent said just before; empty when it said nothing.
    pub context: String,
    /// When it was stored.
    pub asked_at: Timestamp,
    /// What it has done so far to be heard.
    #[serde(skip)]
    pub pings: ReminderState,
    /// When to look at it again while it is open.
    #[serde(skip)]
    pub alarm: Option<Timestamp>,
    /// When waiting for it was given up; an answer may still come later.
    #[serde(default)]
    pub expired: Option<Timestamp>,
    /// Where it is in its life.
    pub state: QuestionState,
}

/// Where a question is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum QuestionState {
    /// Waits for a person.
    Open,
    /// Nobody answered in time. The agent goes on without; an answer that comes now still counts.
    Expired {
        /// The agent knows.
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
    /// Nobody needs an answer any more.
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
    /// An open question of which nothing else is known yet.
    pub fn new(id: QuestionId, key: Uuid, attempt: Attempt, ask: Ask, asked_at: Timestamp) -> Self {
        let (pings, state) = (ReminderState::default(), QuestionState::Open);
        let (call, context) = (String::new(), String::new());
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

    /// What the agent has to be told about it and, as far as we know, was not.
    pub fn untold(&self) -> Option<QuestionOutcome<'_>> {
        match &self.state {
            QuestionState::Answered { answer } => Some(QuestionOutcome::Answered(answer)),
            QuestionState::Expired { told: false } => Some(QuestionOutcome::Nobody),
            _ => None,
        }
    }

    /// What an agent that is told of it now has heard.
    pub fn heard(&self) -> DeliveredOutcome {
        DeliveredOutcome {
            question: self.id,
            answer: self.answer().map(|answer| answer.key),
        }
    }

    /// What came of it, once something did.
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
}

/// What an agent hears about its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionOutcome<'a> {
    /// A person decided.
    Answered(&'a Answer),
    /// Nobody answered in time, which is no refusal.
    Nobody,
}

/// What an agent has heard of its question. An answer that comes while it hears that there is none
/// is another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveredOutcome {
    /// Which question.
    pub question: QuestionId,
    /// The answer, by its key; `None` when it heard that nobody answered.
    pub answer: Option<Uuid>,
}

/// What is asked, in the shape its kind needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Ask {
    /// One to four clarifying questions, asked together.
    Clarify {
        /// At least one.
        items: Vec<Item>,
    },
    /// May the agent do this?
    Permission {
        /// The agent's tool: `Bash`, `Write`.
        tool: String,
        /// The whole command or diff; what cannot be shown in full cannot be approved.
        what: String,
        /// Why the agent wants it, in its own words; may be empty.
        why: String,
        /// What allowing it for the session covers, as the agent's rules: `Bash(npm test *)`.
        #[serde(default)]
        rules: Vec<String>,
    },
    /// Is this plan good?
    Plan {
        /// The plan, in Markdown.
        plan: String,
    },
}

/// One clarifying question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// The question itself.
    pub question: String,
    /// A word or two for a heading; may be empty.
    #[serde(default)]
    pub header: String,
    /// Choices; none means that any words will do.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// Several choices may be made.
    #[serde(default)]
    pub multi: bool,
}

/// One choice of a clarifying question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// What is chosen.
    pub label: String,
    /// What choosing it means; may be empty.
    #[serde(default)]
    pub description: String,
    /// How it would look, as text of several lines; may be empty.
    #[serde(default)]
    pub preview: String,
}

impl Ask {
    /// The same where each choice can be seen: one without a label is called by what it means, or
    /// by its place. No platform shows an empty button.
    pub fn labelled(mut self) -> Self {
        if let Self::Clarify { items } = &mut self {
            for item in items {
                for (place, choice) in (1..).zip(&mut item.options) {
                    if !is_nothing(&choice.label) {
                        continue;
                    }
                    let meaning = choice.description.lines().next().unwrap_or_default();
                    choice.label = match is_nothing(meaning) {
                        true => format!("Choice {place}"),
                        false => meaning.chars().take(LABEL).collect(),
                    };
                }
            }
        }
        self
    }

    /// The word for this kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Clarify { .. } => "clarify",
            Self::Permission { .. } => "permission",
            Self::Plan { .. } => "plan",
        }
    }

    /// The same without what has the form of a secret. What people are to allow is kept as it is,
    /// since what cannot be seen whole cannot be approved: only its readers are few.
    pub fn masked(&self) -> Self {
        secrets::without_any(self.clone()).0
    }

    /// It is to be allowed, and holds what has the form of a secret: it is decided where it can be
    /// shown whole to those alone who may.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Permission { what, .. } if secrets::are_in(what))
    }

    /// The question in one line of at most 160 characters, for listings; without secrets.
    pub fn headline(&self) -> String {
        let line = match &self.masked() {
            Self::Clarify { items } => items
                .first()
                .map_or_else(String::new, |item| item.question.clone()),
            Self::Permission { tool, what, .. } => {
                format!("Allow {tool}: {}", what.lines().next().unwrap_or_default())
            }
            Self::Plan { plan } => format!(
                "Approve this plan: {}",
                plan.lines().next().unwrap_or_default()
            ),
        };
        line.chars().take(160).collect()
    }
}

/// What a person decided, and who, when and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// Made where the answer came in, so that answering twice is answering once; also the uuid
    /// under which words enter a session, which drops a second copy.
    pub key: Uuid,
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: UserId,
    /// That person's name.
    pub name: String,
    /// Where the answer was given: `console`, `api`, later a platform.
    pub via: String,
    /// When.
    pub at: Timestamp,
}

/// A decision, in the shape its question needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Clarify: for each item the chosen labels, in the order of the items.
    Chosen {
        /// As many entries as the question has items, none empty.
        labels: Vec<Vec<String>>,
    },
    /// Clarify: own words, for all items together.
    Words {
        /// Not empty.
        text: String,
    },
    /// Permission: do it.
    Allow {
        /// Also the next ones of this kind, while the session lives.
        session: bool,
    },
    /// Permission: do not, because.
    Deny {
        /// Read by the agent; may be empty.
        reason: String,
    },
    /// Plan: go ahead.
    Approve,
    /// Plan: not like this.
    SendBack {
        /// What to change; read by the agent.
        words: String,
    },
}

impl Decision {
    /// The decision in one line of at most 300 characters, as it is shown in the thread.
    pub fn headline(&self) -> String {
        self.whole().chars().take(300).collect()
    }

    /// The decision with every word of it.
    pub fn whole(&self) -> String {
        match self {
            Self::Chosen { labels } => labels
                .iter()
                .map(|item| item.join(", "))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Words { text } => text.clone(),
            Self::Allow { session: false } => "allowed once".to_owned(),
            Self::Allow { session: true } => "allowed for this session".to_owned(),
            Self::Deny { reason } if reason.is_empty() => "denied".to_owned(),
            Self::Deny { reason } => format!("denied: {reason}"),
            Self::Approve => "approved".to_owned(),
            Self::SendBack { words } => format!("sent back: {words}"),
        }
    }
}

/// What an open question has done so far to be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReminderState {
    /// How often it reminded.
    pub reminders: u32,
    /// Whether it called for more people.
    pub escalated: bool,
}

/// Stations on a question's way that others note.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// When a platform first had it.
    pub posted: Option<Timestamp>,
    /// When somebody who may answer first looked at it.
    pub seen: Option<Timestamp>,
    /// When the attempt began that went on with the answer, if the one that asked had ended.
    pub resumed: Option<Timestamp>,
}
