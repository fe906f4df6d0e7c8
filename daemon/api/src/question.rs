//! Questions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{
    Answer, Ask, Epoch, Question, QuestionId, QuestionState, SessionId, TaskId, Timestamp,
    attempt::Attempt, question::Milestones,
};

/// `POST /api/v1/questions/{id}/answer`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveAnswer {
    /// A number, a label, or own words.
    pub text: String,
    /// Answering again with the same key is answering once (default: a fresh one).
    pub key: Option<Uuid>,
}

/// `POST /api/v1/questions`: an agent asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostQuestion {
    /// Which attempt.
    pub attempt: Attempt,
    /// Made by the worker: asking again with the same key is asking once.
    pub key: Uuid,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's own name for the waiting call.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// Two or three lines of what the agent said just before.
    pub context: String,
}

/// The question as it was stored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PostedQuestion {
    /// Its id.
    pub id: QuestionId,
}

/// `POST /api/v1/questions/{id}/delivered`, `POST /api/v1/notes/{key}/delivered`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmDelivery {
    /// Which attempt.
    pub attempt: Attempt,
    /// The answer that the agent has, by its key; none when it heard that nobody answered. Notes
    /// need none.
    #[serde(default)]
    pub answer: Option<Uuid>,
}

/// `POST /api/v1/questions/{id}/withdraw`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseQuestion {
    /// Which attempt.
    pub attempt: Attempt,
    /// Why nobody needs the answer any more.
    #[serde(default)]
    pub why: String,
}

/// A question, with the fields of its state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuestionView {
    /// What people call it.
    pub id: QuestionId,
    /// `open`, `expired`, `answered`, `delivered` or `withdrawn`.
    pub state: &'static str,
    /// The task whose agent asked.
    pub task: TaskId,
    /// The number of the attempt that asked.
    pub epoch: Epoch,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's own name for the waiting call.
    pub call: String,
    /// `clarify`, `permission` or `plan`.
    pub kind: &'static str,
    /// What is asked; masked in lists where it holds a secret.
    pub ask: Ask,
    /// The question in one line.
    pub headline: String,
    /// What the agent wrote just before.
    pub context: String,
    /// When it was stored.
    pub asked_at: Timestamp,
    /// When it was given up.
    pub expired_at: Option<Timestamp>,
    /// Open: when it is looked at again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_check_at: Option<Timestamp>,
    /// Open: how often people were reminded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reminders: Option<u32>,
    /// Expired: the agent knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_knows: Option<bool>,
    /// Answered or delivered: the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub answer: Option<Answer>,
    /// Delivered: when the agent confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub delivered_at: Option<Timestamp>,
    /// Withdrawn: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// Its milestones; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub timeline: Option<Vec<MilestoneView>>,
}

/// A milestone of a question.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneView {
    /// `asked`, `posted`, `seen`, `expired`, `answered`, `resumed` or `delivered`.
    pub milestone: &'static str,
    /// When it was reached.
    pub at: Timestamp,
    /// How long after the one before.
    pub after_seconds: f64,
}

/// `GET /api/v1/questions`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionList {
    /// Oldest first.
    pub items: Vec<QuestionView>,
}

/// A permission that was given for a session.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// The question that asked for it.
    pub question: QuestionId,
    /// Who gave it.
    pub by: Option<String>,
    /// The task whose agent asked.
    pub task: TaskId,
    /// What it covers.
    pub rules: Vec<String>,
}

impl QuestionView {
    /// A question.
    pub fn of(question: &Question) -> Self {
        let mut view = Self {
            id: question.id,
            state: question.state.as_str(),
            task: question.task(),
            epoch: question.attempt.epoch,
            session: question.session,
            call: question.call.clone(),
            kind: question.ask.kind(),
            ask: question.ask.masked(),
            headline: question.ask.headline(),
            context: question.context.clone(),
            asked_at: question.asked_at,
            expired_at: question.expired,
            next_check_at: None,
            reminders: None,
            agent_knows: None,
            answer: question.answer().cloned(),
            delivered_at: None,
            why: None,
            timeline: None,
        };
        match &question.state {
            QuestionState::Open => {
                view.next_check_at = question.alarm;
                view.reminders = Some(question.pings.reminders);
            }
            QuestionState::Expired { told } => view.agent_knows = Some(*told),
            QuestionState::Answered { .. } => {}
            QuestionState::Delivered { at, .. } => view.delivered_at = Some(*at),
            QuestionState::Withdrawn { why } => view.why = Some(why.clone()),
        }
        view
    }

    /// A question with its secrets and its timeline.
    pub fn whole(question: &Question, milestones: &Milestones) -> Self {
        let mut before = question.asked_at;
        let mut timeline = Vec::new();
        for (milestone, at) in question.timeline(milestones) {
            timeline.push(MilestoneView {
                milestone,
                at,
                after_seconds: at.since(before).as_secs_f64(),
            });
            before = at;
        }
        Self {
            ask: question.ask.clone(),
            timeline: Some(timeline),
            ..Self::of(question)
        }
    }
}

impl GrantView {
    /// What an answered permission covers.
    pub fn of(question: &Question) -> Self {
        let rules = match &question.ask {
            Ask::Permission { rules, .. } => rules.clone(),
            Ask::Clarify { .. } | Ask::Plan { .. } => Vec::new(),
        };
        Self {
            question: question.id,
            by: question.answer().map(|answer| answer.name.clone()),
            task: question.task(),
            rules,
        }
    }
}
