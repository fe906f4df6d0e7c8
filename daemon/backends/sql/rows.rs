//! Rows of the tables of both engines, and their conversion to and from domain types.

use std::{borrow::Cow, time::Duration};

use crate::statement::row;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;
use vine_domain::{
    Answer, Epoch, Lane, Lease, Question, QuestionId, QuestionState, SessionId, Task, TaskId,
    TaskState, Timestamp, UserId, WorkerId,
    attempt::Attempt,
    note::{Note, NoteState},
    ports::{StoreError, StoreResult},
    question::ReminderState,
};

/// Converts an unsigned number to the signed type of the database.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The result of a conditional write: it changed its one row, or another writer was faster.
pub fn one_row(changed: u64) -> StoreResult<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}

/// A duration as stored in the tables.
pub fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Text without NUL, which PostgreSQL cannot store and agents may print.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{2400}").into()
    } else {
        text.into()
    }
}

pub fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("domain values have string keys and no failing parts")
}

pub fn from_json<T: DeserializeOwned>(text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Corrupt(format!("{error} in {}", vine_domain::invalid::shown(text)))
    })
}

pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> StoreResult<T> {
    text.parse()
        .map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}

pub fn uuid(text: &str) -> StoreResult<Uuid> {
    Uuid::parse_str(text).map_err(|error| StoreError::Corrupt(format!("{text}: {error}")))
}

/// Tasks, by the clauses after `FROM tasks`.
macro_rules! tasks {
    ($rest:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {
        rows!(
            TaskRow,
            "SELECT id, title, prompt, repo, base, branch, lane, requester, created, updated, epoch, failures, losses, state, detail,
                 lease_worker, lease_until, version,
                 (SELECT started FROM executions e WHERE e.task = tasks.id AND e.epoch = tasks.epoch) AS claimed FROM tasks " + $rest $(+ $more)*
            $(, $arg)*
        )
    };
}
pub(crate) use tasks;

/// The same for lists, with only the start of each prompt.
macro_rules! listed {
    ($rest:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {
        rows!(
            TaskRow,
            r#"SELECT id, title, substr(prompt, 1, 100) AS "prompt!: String", repo, base, branch, lane, requester, created, updated, epoch, failures,
                 losses, state, detail, lease_worker, lease_until, version,
                 (SELECT started FROM executions e WHERE e.task = tasks.id AND e.epoch = tasks.epoch) AS claimed FROM tasks "# + $rest $(+ $more)*
            $(, $arg)*
        )
    };
}
pub(crate) use listed;

row! {
    pub struct TaskRow {
        pub id: i64,
        pub title: String,
        pub prompt: String,
        pub repo: String,
        pub base: String,
        pub branch: String,
        pub lane: i64,
        pub requester: String,
        pub created: i64,
        pub updated: i64,
        pub epoch: i64,
        pub failures: i64,
        pub losses: String,
        pub state: String,
        pub detail: Option<String>,
        pub lease_worker: Option<String>,
        pub lease_until: Option<i64>,
        pub version: i64,
        /// When its latest attempt started.
        pub claimed: Option<i64>,
    }
}

impl TryFrom<TaskRow> for Task {
    type Error = StoreError;

    fn try_from(row: TaskRow) -> StoreResult<Self> {
        Ok(Self {
            id: TaskId(row.id.unsigned_abs()),
            title: parsed(&row.title)?,
            prompt: parsed(&row.prompt)?,
            repo: parsed(&row.repo)?,
            base: parsed(&row.base)?,
            branch: parsed(&row.branch)?,
            lane: Lane::from_rank(row.lane)
                .ok_or_else(|| StoreError::Corrupt(format!("lane {}", row.lane)))?,
            requester: row.requester.clone(),
            created: Timestamp(row.created),
            updated: Timestamp(row.updated),
            epoch: Epoch(row.epoch.unsigned_abs()),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            losses: from_json(&row.losses)?,
            version: row.version.unsigned_abs(),
            state: state(&row)?,
        })
    }
}

/// A state as columns: its name, its own data, the lease.
pub struct StateColumns {
    pub word: &'static str,
    pub detail: Option<String>,
    pub worker: Option<String>,
    pub until: Option<i64>,
    pub dead: bool,
}

impl From<&TaskState> for StateColumns {
    fn from(state: &TaskState) -> Self {
        let lease = match state {
            TaskState::Running { lease } | TaskState::Waiting { lease: Some(lease) } => Some(lease),
            _ => None,
        };
        let detail = match state {
            TaskState::Running { .. } | TaskState::Waiting { .. } => None,
            other => Some(json(other)),
        };
        Self {
            word: state.as_str(),
            detail,
            worker: lease.map(|lease| lease.worker.to_string()),
            until: lease.map(|lease| lease.until.0),
            dead: matches!(
                state,
                TaskState::Failed {
                    discarded: false,
                    ..
                }
            ),
        }
    }
}

fn lease(worker: &str, since: i64, until: i64) -> StoreResult<Lease> {
    Ok(Lease {
        worker: WorkerId(uuid(worker)?),
        since: Timestamp(since),
        until: Timestamp(until),
    })
}

fn state(row: &TaskRow) -> StoreResult<TaskState> {
    let held = match (&row.lease_worker, row.lease_until) {
        (Some(worker), Some(until)) => {
            Some(lease(worker, row.claimed.unwrap_or(row.updated), until)?)
        }
        _ => None,
    };
    match (row.state.as_str(), held, &row.detail) {
        ("running", Some(lease), _) => Ok(TaskState::Running { lease }),
        ("waiting", lease, _) => Ok(TaskState::Waiting { lease }),
        (_, None, Some(detail)) => from_json(detail),
        (word, ..) => Err(StoreError::Corrupt(format!(
            "task {} is {word}, but its data is incomplete",
            row.id
        ))),
    }
}

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

/// Converts rows; fails at the first invalid one.
pub fn all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> StoreResult<Vec<T>> {
    rows.into_iter().map(T::try_from).collect()
}
