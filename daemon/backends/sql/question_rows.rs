//! Rows of questions, answers and notes.

use vine_domain::{
    Answer, Epoch, Question, QuestionId, QuestionState, SessionId, TaskId, Timestamp, UserId,
    attempt::Attempt,
    note::{Note, NoteState},
    ports::{StoreError, StoreResult},
    question::ReminderState,
};

use super::rows::{from_json, uuid};
use crate::statement::row;

/// Questions `q` with their tasks `t` and answers `a`, by the clauses that follow.
macro_rules! questions {
    ($rest:literal $(, $arg:expr)* $(,)?) => {
        rows!(
            QuestionRow,
            r#"SELECT q.id, q.key, q.task, t.repo, q.epoch, q.session, q.call, q.ask, q.context, q.asked_at, q.state, q.why, q.delivered_at,
                 q.reminders, q.escalated AS "escalated: bool", q.alarm, q.expired, q.told AS "told: bool", a.key AS "answer_key?", a.decision AS "decision?",
                 a.user_id AS "user_id?", a.name AS "name?", a.via AS "via?", a.at AS "at?"
             FROM questions q JOIN tasks t ON t.id = q.task LEFT JOIN answers a ON a.question = q.id "# + $rest
            $(, $arg)*
        )
    };
}
pub(crate) use questions;

row! {
    pub struct QuestionRow {
        pub id: i64,
        pub key: String,
        pub task: i64,
        pub repo: String,
        pub epoch: i64,
        pub session: Option<String>,
        pub call: String,
        pub ask: String,
        pub context: String,
        pub asked_at: i64,
        pub state: String,
        pub why: Option<String>,
        pub delivered_at: Option<i64>,
        pub reminders: i64,
        pub escalated: bool,
        pub alarm: Option<i64>,
        pub expired: Option<i64>,
        pub told: bool,
        pub answer_key: Option<String>,
        pub decision: Option<String>,
        pub user_id: Option<String>,
        pub name: Option<String>,
        pub via: Option<String>,
        pub at: Option<i64>,
    }
}

impl TryFrom<QuestionRow> for Question {
    type Error = StoreError;

    fn try_from(row: QuestionRow) -> StoreResult<Self> {
        let attempt = Attempt {
            task: TaskId(row.task.unsigned_abs()),
            epoch: Epoch(row.epoch.unsigned_abs()),
        };
        let answer = answer(&row)?;
        let state = match (row.state.as_str(), answer) {
            ("open", None) => QuestionState::Open,
            ("expired", None) => QuestionState::Expired { told: row.told },
            ("answered", Some(answer)) => QuestionState::Answered { answer },
            ("delivered", Some(answer)) => QuestionState::Delivered {
                answer,
                at: Timestamp(row.delivered_at.unwrap_or_default()),
            },
            ("withdrawn", None) => QuestionState::Withdrawn {
                why: row.why.clone().unwrap_or_default(),
            },
            (word, _) => {
                return Err(StoreError::Corrupt(format!(
                    "question {} is {word}, but its data is incomplete",
                    row.id
                )));
            }
        };
        Ok(Self {
            id: QuestionId(row.id.unsigned_abs()),
            key: uuid(&row.key)?,
            attempt,
            session: row.session.as_deref().map(uuid).transpose()?.map(SessionId),
            call: row.call,
            ask: from_json(&row.ask)?,
            context: row.context,
            asked_at: Timestamp(row.asked_at),
            pings: ReminderState {
                reminders: u32::try_from(row.reminders).unwrap_or(u32::MAX),
                escalated: row.escalated,
            },
            alarm: row.alarm.map(Timestamp),
            expired: row.expired.map(Timestamp),
            state,
        })
    }
}

fn answer(row: &QuestionRow) -> StoreResult<Option<Answer>> {
    let (Some(key), Some(decision), Some(by), Some(name), Some(via), Some(at)) = (
        &row.answer_key,
        &row.decision,
        &row.user_id,
        &row.name,
        &row.via,
        row.at,
    ) else {
        return Ok(None);
    };
    let key = uuid(key)?;
    let by = UserId(uuid(by)?);
    Ok(Some(Answer {
        key,
        decision: from_json(decision)?,
        by,
        name: name.clone(),
        via: via.clone(),
        at: Timestamp(at),
    }))
}

row! {
    pub struct NoteRow {
        pub key: String,
        pub task: i64,
        pub author: String,
        pub text: String,
        pub at: i64,
        pub state: String,
        pub delivered: Option<i64>,
    }
}

impl TryFrom<NoteRow> for Note {
    type Error = StoreError;

    fn try_from(row: NoteRow) -> StoreResult<Self> {
        let state = match (row.state.as_str(), row.delivered) {
            ("waiting", _) => NoteState::Waiting,
            ("delivered", Some(at)) => NoteState::Delivered { at: Timestamp(at) },
            ("missed", _) => NoteState::Missed,
            (word, _) => {
                return Err(StoreError::Corrupt(format!(
                    "note {} is {word}, but its data is incomplete",
                    row.key
                )));
            }
        };
        let task = TaskId(row.task.unsigned_abs());
        Ok(Self {
            key: uuid(&row.key)?,
            task,
            author: row.author,
            text: row.text,
            at: Timestamp(row.at),
            state,
        })
    }
}
