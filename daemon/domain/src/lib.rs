//! The nouns and rules of AgentVine.
//!
//! Pure values: no tokio, sqlx, axum or clap here. Start with [`task`] and [`question`], then read
//! [`lifecycle`], where every change of a task is decided, and [`ports`], which defines what the
//! rules need from outside.
#![warn(missing_docs)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_types, reason = "tests make ids as they like")
)]

pub mod access;
pub mod assignment;
pub mod attempt;
pub mod chat;
pub mod clock;
pub mod conventions;
pub mod failure;
pub mod filled_form;
pub mod forge;
pub mod form;
pub mod grants;
pub mod guard;
pub mod ids;
pub mod input;
pub mod invalid;
pub mod lease;
pub mod ledger;
pub mod lifecycle;
pub mod markdown;
pub mod model;
pub mod note;
pub mod ports;
pub mod progress;
pub mod question;
pub mod queue;
pub mod reading;
pub mod reminder;
pub mod repo;
pub mod retention;
pub mod round;
pub mod schedule;
#[cfg(feature = "schema")]
mod schema;
pub mod secrets;
pub mod session;
pub mod task;
pub mod token;
pub mod visible_text;
mod words;
pub mod worker;

pub use access::{AuditEntry, ConfiguredPerson, Denied, Role, User, Verb};
pub use clock::{Clock, Ids, Timestamp};
pub use conventions::Conventions;
pub use failure::{Failure, FailureKind};
pub use guard::{Guard, Wall, WorkerIsolation};
pub use ids::{Epoch, MessageId, QuestionId, SessionId, TaskId, UserId, WorkerId, uuid_of};
pub use input::{Branch, ModelName, Prompt, Slug, Title};
pub use invalid::Invalid;
pub use lease::Lease;
pub use model::{Effort, ModelChoice};
pub use note::{Note, NoteState};
pub use progress::Progress;
pub use question::{
    Answer, Ask, Decision, DeliveredOutcome, Question, QuestionOutcome, QuestionState,
};
pub use queue::Lane;
pub use reminder::ReminderPolicy;
pub use repo::{Followups, Repo};
pub use retention::Retention;
pub use round::Round;
pub use session::{Session, SessionPolicy, SessionState};
pub use task::{Task, TaskRound, TaskState};
pub use worker::{Worker, WorkerLoad, WorkerState};
