//! Questions: what an agent needs from a person, and what a person decided.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    chat::file::FileRef,
    clock::Timestamp,
    ids::{QuestionId, SessionId, TaskId, UserId},
    secrets,
    visible_text::is_nothing,
};

/// Maximum characters of a label that is made from a choice's description.
const LABEL: usize = 60;

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

/// What is asked, in the shape of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
        /// What allowing it for the session covers, in the agent's rule syntax: `Bash(npm test *)`.
        #[serde(default)]
        rules: Vec<String>,
    },
    /// Should the agent carry out this plan?
    Plan {
        /// The plan, in Markdown.
        plan: String,
    },
}

/// One clarifying question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Item {
    /// The question itself.
    pub question: String,
    /// A word or two for a heading; may be empty.
    #[serde(default)]
    pub header: String,
    /// The choices; if empty, any text is an answer.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// Several choices may be made.
    #[serde(default)]
    pub multi: bool,
}

/// One choice of a clarifying question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Choice {
    /// What is chosen.
    pub label: String,
    /// What choosing it means; may be empty.
    #[serde(default)]
    pub description: String,
    /// A preview of the result, as multi-line text; may be empty.
    #[serde(default)]
    pub preview: String,
}

impl Item {
    /// The question with its heading.
    pub fn asked(&self) -> String {
        match self.header.as_str() {
            "" => self.question.clone(),
            head => format!("{head}: {}", self.question),
        }
    }
}

impl Ask {
    /// The same with a visible label on each choice: an empty one is replaced by the description or
    /// the choice's number. No platform shows an empty button.
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

    /// The same without anything that looks like a secret. The stored text stays unchanged, since
    /// people can only approve what they can see completely; fewer people may read it.
    pub fn masked(&self) -> Self {
        secrets::without_any(self.clone()).0
    }

    /// Whether this is a permission that contains what looks like a secret. It is decided only
    /// where it can be shown completely, and only to those who may decide it.
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

/// What a person decided; who, when and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Answer {
    /// Made where the answer was received, so that answering twice has the same effect as answering
    /// once. It is also the uuid under which the text enters a session, which drops a second copy.
    pub key: Uuid,
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: UserId,
    /// That person's name.
    pub name: String,
    /// Where the answer was given: a platform, `console` or `api`.
    pub via: String,
    /// When.
    pub at: Timestamp,
}

/// A decision, in the shape of its question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Clarify: for each item the chosen labels, in the order of the items.
    Chosen {
        /// As many entries as the question has items, none empty.
        labels: Vec<Vec<String>>,
    },
    /// Clarify: free text for all items together.
    Words {
        /// Not empty.
        text: String,
    },
    /// Permission: do it.
    Allow {
        /// Also allow further calls of this kind during the session.
        session: bool,
    },
    /// Permission: do not do it.
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
        FileRef::named_in(&self.whole()).chars().take(300).collect()
    }

    /// The texts that a person wrote.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Chosen { labels } => labels.iter().flatten().map(String::as_str).collect(),
            Self::Words { text } | Self::Deny { reason: text } | Self::SendBack { words: text } => {
                vec![text]
            }
            Self::Allow { .. } | Self::Approve => Vec::new(),
        }
    }

    /// The same with each of its texts changed.
    #[must_use]
    pub fn mapped(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Chosen { labels } => Self::Chosen {
                labels: labels
                    .iter()
                    .map(|item| item.iter().map(|label| change(label)).collect())
                    .collect(),
            },
            Self::Words { text } => Self::Words {
                text: change(&text),
            },
            Self::Deny { reason } => Self::Deny {
                reason: change(&reason),
            },
            Self::SendBack { words } => Self::SendBack {
                words: change(&words),
            },
            Self::Allow { .. } | Self::Approve => self,
        }
    }

    /// The complete decision.
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
