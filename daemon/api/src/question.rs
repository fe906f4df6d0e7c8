//! Questions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{
    Answer, Ask, Epoch, Question, QuestionId, QuestionState, SessionId, TaskId, Timestamp,
    attempt::Attempt, form::FilledForm, question::Milestones,
};

/// `POST /api/v1/questions/{id}/answer`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveAnswer {
    /// The number or label of an option, or free text; empty if `form` is given.
    #[serde(default)]
    pub text: String,
    /// The question's form, filled in, instead of `text`: for a clarifying question a field for each
    /// item; for a permission one field with the reason to deny it; for a plan one with what to change.
    #[serde(default)]
    pub form: Option<FilledForm>,
    /// Repeating a request with the same key answers only once (default: a new key).
    pub key: Option<Uuid>,
}

/// `POST /api/v1/questions`: an agent asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostQuestion {
    /// Which attempt.
    pub attempt: Attempt,
    /// Chosen by the worker: repeating a request with the same key asks only once.
    pub key: Uuid,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's own name for the waiting call.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// The two or three lines that the agent wrote just before.
    pub context: String,
}

/// The stored question.
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
    /// The key of the answer that the agent received; empty if it was told that nobody answered.
    /// Not used for notes.
    #[serde(default)]
    pub answer: Option<Uuid>,
}

/// `POST /api/v1/questions/{id}/withdraw`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseQuestion {
    /// Which attempt.
    pub attempt: Attempt,
    /// Why the answer is no longer needed.
    #[serde(default)]
    pub why: String,
}

/// A question, with the fields for its state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuestionView {
    /// Its id, such as `Q-17`.
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
    /// What is asked; secrets in it are masked in lists.
    pub ask: Ask,
    /// The question in one line.
    pub headline: String,
    /// What the agent wrote just before.
    pub context: String,
    /// When it was stored.
    pub asked_at: Timestamp,
    /// When it expired.
    pub expired_at: Option<Timestamp>,
    /// Open: when the next reminder, escalation or expiry is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_check_at: Option<Timestamp>,
    /// Open: how many reminders were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reminders: Option<u32>,
    /// Expired: whether the agent knows.
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
    /// Withdrawn: the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// Its milestones; omitted in lists.
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
    /// Seconds since the previous milestone.
    pub after_seconds: f64,
}

/// `GET /api/v1/questions`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionList {
    /// Oldest first.
    pub items: Vec<QuestionView>,
}

/// A permission that was granted for a session.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// The question that asked for it.
    pub question: QuestionId,
    /// Who granted it.
    pub by: Option<String>,
    /// The task whose agent asked.
    pub task: TaskId,
    /// What it covers.
    pub rules: Vec<String>,
}

impl QuestionView {
    /// The view of a question.
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
    /// The grant of an answered permission.
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
