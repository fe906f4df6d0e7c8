//! What the API gives back, as its document shows it. The values themselves are made in
//! `vine_app::view`; that they look like this is checked from outside, by a program that reads the
//! document (`tests/it/story_openapi.rs`).

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;
use vine_api::ApiError;
use vine_domain::{
    Ask, Branch, Epoch, Lane, MessageId, Note, Prompt, QuestionId, SessionId, Slug, TaskId,
    Timestamp, Title, WorkerId, WorkerState, attempt::Usage, question::Answer, task::Report,
};

/// Why something was not done. The same for all endpoints: a word for programs, what happened, what
/// to do next.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it stands in the document")]
pub enum Refused {
    /// The parameters or the body cannot be read.
    #[response(status = 400)]
    Unreadable(ApiError),
    /// No token, or none that is good for this.
    #[response(status = 401)]
    Unauthenticated(ApiError),
    /// The person has not the role for it.
    #[response(status = 403)]
    Denied(ApiError),
    /// There is no such thing.
    #[response(status = 404)]
    NotFound(ApiError),
    /// Its state does not allow it: an attempt that is over, a question that was answered before, a
    /// name that is taken.
    #[response(status = 409)]
    Conflict(ApiError),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ApiError),
    /// The body is not marked as JSON.
    #[response(status = 415)]
    NotJson(ApiError),
    /// It can be read and makes no sense.
    #[response(status = 422)]
    Invalid(ApiError),
    /// The database cannot serve, or the daemon is being stopped. Try again.
    #[response(status = 503)]
    Unavailable(ApiError),
}

/// A listing.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct List<T: ToSchema> {
    /// In the order that the endpoint says.
    items: Vec<T>,
}

/// A page of tasks.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// Newest first.
    items: Vec<Task>,
    /// `before` of the next page; none after the last.
    next: Option<TaskId>,
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// Oldest first.
    items: Vec<Message>,
    /// `after` of the next page.
    next: u64,
}

/// Where a task is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it stands in the document")]
pub enum State {
    Queued,
    Running,
    Waiting,
    Done,
    Failed,
    Cancelled,
}

/// A task, with what only its state has.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    id: TaskId,
    state: State,
    title: Title,
    /// Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    prompt: Option<Prompt>,
    repo: Slug,
    base: Branch,
    branch: Branch,
    priority: Lane,
    requester: String,
    created: Timestamp,
    updated: Timestamp,
    /// The latest attempt; 0 before the first.
    attempt: Epoch,
    /// Attempts that failed since it was created or last retried by a person.
    failures: u32,
    /// Queued: not before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    due: Option<Timestamp>,
    /// Queued: it was answered while parked and goes ahead of new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resumes: Option<bool>,
    /// Running, or waiting with a live agent: on this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    worker: Option<WorkerId>,
    /// … since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    claimed: Option<Timestamp>,
    /// … until, unless the worker renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lease_until: Option<Timestamp>,
    /// Waiting: its agent has ended meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parked: Option<bool>,
    /// Done: what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    report: Option<Report>,
    /// Failed: how.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<Trouble>,
    /// Failed: nobody needs to look at it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    discarded: Option<bool>,
    /// Cancelled: by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancelled_by: Option<String>,
    /// With a task alone: what its agents asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    questions: Option<Vec<Question>>,
    /// With a task alone: what people said to its agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notes: Option<Vec<Note>>,
    /// With a task alone: its attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    executions: Option<Vec<Execution>>,
    /// With a task alone: its latest session.
    session: Option<SessionId>,
}

/// How a task failed.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    kind: vine_domain::FailureKind,
    message: String,
    /// What to do next.
    hint: String,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    epoch: Epoch,
    /// On which worker, by name.
    worker: String,
    session: Option<SessionId>,
    started: Timestamp,
    ended: Option<Timestamp>,
    /// `done`, `failed`, `lost`, `cancelled`, `released` or `parked`.
    outcome: Option<String>,
    usage: Usage,
}

/// A question, with what only its state has.
#[derive(Serialize, ToSchema)]
pub struct Question {
    id: QuestionId,
    /// `open`, `expired`, `answered`, `delivered` or `withdrawn`.
    state: String,
    task: TaskId,
    /// The attempt that asked.
    attempt: Epoch,
    session: Option<SessionId>,
    call: String,
    /// `clarify`, `permission` or `plan`.
    kind: String,
    ask: Ask,
    /// The question in one line.
    headline: String,
    context: String,
    asked: Timestamp,
    /// When it was given up.
    expired: Option<Timestamp>,
    /// Answered or delivered: the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answer: Option<Answer>,
    /// With a question alone: the time of each station on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timeline: Option<Vec<Station>>,
}

/// A station on a question's way.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Station {
    station: String,
    at: Timestamp,
    after_seconds: f64,
}

/// A worker.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Its name.
    id: String,
    uuid: WorkerId,
    state: WorkerState,
    slots: u32,
    running: u32,
    waiting: u32,
    draining: bool,
    version: String,
    /// What keeps it from working at all.
    trouble: Option<String>,
    /// Repositories of which it takes no tasks now.
    without: Vec<vine_api::PausedRepo>,
    seen: Timestamp,
    /// Since when it is gone, if it said so or lost its leases.
    gone: Option<Timestamp>,
    /// What an administrator lets it run at once, whatever it says.
    most_slots: Option<u32>,
    /// The repositories whose tasks alone it gets.
    only_repos: Option<Vec<Slug>>,
    /// What stands around its agents; none while it has not said so.
    wall: Option<vine_domain::Wall>,
    /// Why no better one stands, and what to do about it.
    wall_why: Option<String>,
    /// Its agents can read the login of the model's account.
    login_readable: bool,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    id: SessionId,
    /// `active`, `warm` or `ended`.
    state: String,
    task: TaskId,
    worker: WorkerId,
    worktree: String,
    agent: String,
    started: Timestamp,
    active: Timestamp,
    age_seconds: u64,
    idle_seconds: u64,
    context_percent: Option<u8>,
    kept: bool,
    reused: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// How much waits where.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Queues {
    /// Nothing is claimed anywhere.
    paused: bool,
    queues: Depths,
}

/// The plan's queues.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Depths {
    high_priority: u64,
    default: u64,
    low_priority: u64,
    worker_requests: u64,
    controller_responses: u64,
    dead: u64,
}

/// One line of a task's log.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    at: Timestamp,
    epoch: Epoch,
    text: String,
}

/// A message of a thread.
#[derive(Serialize, ToSchema)]
pub struct Message {
    seq: u64,
    id: MessageId,
    task: Option<TaskId>,
    question: Option<QuestionId>,
    note: Option<Uuid>,
    author: String,
    kind: String,
    text: String,
    at: Timestamp,
}

/// What came of words that were said.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// For people; empty when the thread says it all.
    text: String,
    /// For programs, after a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    data: Option<Value>,
}
