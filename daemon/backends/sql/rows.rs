//! Rows of the tables of both engines, and their conversion to and from domain types.

use std::{borrow::Cow, time::Duration};

use crate::statement::row;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;
use vine_domain::{
    Epoch, Lane, Lease, Task, TaskId, TaskRound, TaskState, Timestamp, WorkerId,
    ports::{StoreError, StoreResult},
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
    (@ $prompt:literal, $pending:literal, $rest:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {
        rows!(
            TaskRow,
            "SELECT id, title, " + $prompt + ", repo, base, branch, lane, model, round, round_key, waits_for, request, requester, created, updated,
                 epoch, failures, losses, state, detail, lease_worker, lease_until, version,
                 (SELECT started FROM executions e WHERE e.task = tasks.id AND e.epoch = tasks.epoch) AS claimed,
                 CAST(" + $pending + r#" AS BIGINT) AS "pending!: i64" FROM tasks "# + $rest $(+ $more)*
            $(, $arg)*
        )
    };
    ($($rest:tt)+) => { tasks!(@ "prompt", "0", $($rest)+) };
}
pub(crate) use tasks;

/// The same for lists, with only the start of each prompt.
macro_rules! listed {
    ($($rest:tt)+) => { tasks!(@ r#"substr(prompt, 1, 100) AS "prompt!: String""#, "0", $($rest)+) };
}
pub(crate) use listed;

/// The same for a decision: with [`NOTES`] and [`QUESTIONS`], where `$2` has the keys of questions
/// that the decisions are about.
macro_rules! decided {
    ($($rest:tt)+) => {
        tasks!(
            @ "prompt",
            "CASE WHEN EXISTS (SELECT 1 FROM notes n WHERE n.task = tasks.id AND n.state = 'waiting') THEN 1 ELSE 0 END
             + CASE WHEN EXISTS (SELECT 1 FROM questions q WHERE q.task = tasks.id AND q.state IN ('open', 'answered', 'expired'))
                    OR id IN (SELECT q.task FROM questions q WHERE q.key IN (SELECT atom FROM json_each($2))) THEN 2 ELSE 0 END",
            $($rest)+
        )
    };
}
pub(crate) use decided;

/// A task with waiting notes, in [`TaskRow::pending`].
pub const NOTES: i64 = 1;
/// A task with questions that its decisions need.
pub const QUESTIONS: i64 = 2;

row! {
    pub struct TaskRow {
        pub id: i64,
        pub title: String,
        pub prompt: String,
        pub repo: String,
        pub base: String,
        pub branch: String,
        pub lane: i64,
        pub model: String,
        pub round: i64,
        pub round_key: Option<String>,
        pub waits_for: Option<i64>,
        pub request: Option<String>,
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
        /// What there is besides the task; only known if it is read for a decision.
        pub pending: i64,
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
            model: from_json(&row.model)?,
            requester: row.requester.clone(),
            created: Timestamp(row.created),
            updated: Timestamp(row.updated),
            epoch: Epoch(row.epoch.unsigned_abs()),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            losses: from_json(&row.losses)?,
            round: TaskRound {
                number: u32::try_from(row.round).unwrap_or(u32::MAX),
                key: row.round_key.as_deref().map(uuid).transpose()?,
            },
            waits_for: row.waits_for.map(|id| TaskId(id.unsigned_abs())),
            request: row.request.as_deref().map(from_json).transpose()?,
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

/// Converts rows; fails at the first invalid one.
pub fn all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> StoreResult<Vec<T>> {
    rows.into_iter().map(T::try_from).collect()
}
