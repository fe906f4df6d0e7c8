//! Requests and replies.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use vine_domain::{
    Ask, Branch, Epoch, Failure, Lane, Prompt, QuestionId, SessionId, Slug, TaskId, Timestamp,
    Title, WorkerId, WorkerIsolation,
    assignment::{Assignment, WorkerMessage},
    attempt::{Attempt, Usage},
    ledger::LedgerEntry,
    task::Report,
    token::Token,
};

/// An error as every endpoint reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// A word for programs, stable.
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// `POST /api/v1/tasks`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// One line.
    pub title: Title,
    /// What to do (default: the title).
    pub prompt: Option<Prompt>,
    /// Where; may be left out when there is only one repository.
    pub repo: Option<Slug>,
    /// Start from (default: the repository's).
    pub base: Option<Branch>,
    /// Commit to (default: `vine/T-<number>-<title>`).
    pub branch: Option<Branch>,
    /// How urgent (default: `default`).
    pub priority: Option<Lane>,
}

/// `POST /api/v1/tasks/bulk`: all of them or none, at most a thousand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTasks {
    /// Each as it would be created alone.
    pub tasks: Vec<CreateTask>,
}

/// The ids of the new tasks, in order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedTasks {
    /// `["T-1", …]`
    pub ids: Vec<TaskId>,
}

/// `PATCH /api/v1/tasks/{id}`; exactly one field.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchTask {
    /// `cancelled` or `queued`.
    #[schema(pattern = "^(cancelled|queued)$")]
    pub state: Option<String>,
    /// Another lane.
    pub priority: Option<Lane>,
}

/// `POST /api/v1/commands`: what a person typed, split into words.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCommand {
    /// `["task", "show", "T-1"]`
    pub words: Vec<String>,
    /// Further lines.
    #[serde(default)]
    pub body: String,
}

/// What a command gives back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CommandReply {
    /// For people.
    pub text: String,
    /// For programs: an object, or an array of objects for a listing.
    pub data: Value,
}

/// `POST /api/v1/questions/{id}/answer`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveAnswer {
    /// A number, a label, or own words.
    pub text: String,
    /// Answering again with the same key is answering once (default: a fresh one).
    pub key: Option<Uuid>,
}

/// `POST /api/v1/chat/messages`: a person writes into a task's thread.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The thread.
    pub task: Option<TaskId>,
    /// The words.
    pub text: String,
    /// The question replied to.
    pub reply_to: Option<QuestionId>,
    /// Sending again with the same key is sending once (default: a fresh one).
    pub key: Option<Uuid>,
}

/// `PATCH /api/v1/chat/messages/{key}`: its author changes a message. One that was used already is
/// corrected.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// The words as they are now.
    pub text: String,
}

/// `POST /api/v1/tokens`: a secret for a program of the caller, or an enrolment code.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `user`, `enrolment` or `login`.
    #[schema(pattern = "^(user|enrolment|login)$")]
    pub kind: String,
    /// The name of a person of the configuration, instead of oneself; for administrators.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<String>,
    /// Of a login: also forgets the password, so that a new one can be set, and logs the browsers
    /// out; for administrators.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_password: bool,
    /// Of a user's token: for so many days instead of seven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub days: Option<u32>,
}

/// `GET /api/v1/audit`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecords {
    /// The hash of the link before the first of these; empty before the very first, and where that one was removed
    /// since it was old.
    pub before: String,
    /// In the order in which they were sealed.
    pub items: Vec<LedgerEntry>,
}

/// A token without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenRow {
    /// Names it.
    pub id: String,
    /// `user`, `browser`, `login`, `enrolment` or `worker`.
    pub kind: String,
    /// Whose it is: a person's or a worker's name.
    pub owner: String,
    /// Since when, if that is known.
    pub made: Option<Timestamp>,
    /// Until when.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    pub used: Option<Timestamp>,
}

/// `GET /api/v1/tokens`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The latest first.
    pub items: Vec<TokenRow>,
}

/// The secret, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The secret itself.
    pub token: Token,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
    /// Of a login: the link that it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub link: Option<String>,
}

/// `POST /api/v1/workers`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The one-time code.
    pub code: Token,
    /// What people will call it.
    pub name: String,
    /// How many agents at once.
    #[schema(minimum = 1, maximum = 1000)]
    pub slots: u32,
    /// Program and version.
    pub version: String,
}

/// The new worker's identity and secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// Identity.
    pub id: WorkerId,
    /// Secret, shown once.
    pub token: Token,
}

/// `POST /api/v1/workers/{id}/heartbeat`: renews leases, then waits for something to tell the
/// worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Made at each start of the worker's process; another one means that its agents are gone.
    pub boot: Uuid,
    /// How many agents at once.
    pub slots: u32,
    /// What the worker believes to hold.
    pub leases: Vec<Attempt>,
    /// Answers that it is passing on right now; they are not sent again.
    pub handling: Vec<QuestionId>,
    /// Notes that it is passing on right now, by their keys; they are not sent again.
    #[serde(default)]
    pub noting: Vec<Uuid>,
    /// Attempts whose work it is pushing right now; it is not told again.
    #[serde(default)]
    pub pushing: Vec<Attempt>,
    /// What keeps it from working.
    pub trouble: Option<String>,
    /// Repositories of which it takes no tasks now.
    #[serde(default)]
    pub without: Vec<PausedRepo>,
    /// What its worktrees take on its disk.
    #[serde(default)]
    pub worktree_bytes: u64,
    /// What stands around its agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<WorkerIsolation>,
    /// Wait at most this many seconds when there is nothing to tell.
    pub wait: f64,
}

/// A repository that is ill on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PausedRepo {
    /// Which.
    pub repo: Slug,
    /// Why, for people.
    pub why: String,
}

/// What the worker is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatReply {
    /// Acted upon by the worker, repeated until it is.
    pub deliveries: Vec<WorkerMessage>,
}

/// `POST /api/v1/workers/{id}/orphans`: tasks whose worktrees a worker found; the reply holds those
/// that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Orphans {
    /// Each with when it was created, which tells it from tasks of other installations.
    pub tasks: Vec<(TaskId, Timestamp)>,
    /// Sessions whose homes lie there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
}

/// `POST /api/v1/workers/{id}/kept`: what a worker keeps of an attempt that did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportKeptWork {
    /// Of which task.
    pub task: TaskId,
    /// When that was created, which tells it from tasks of other installations.
    pub created: Timestamp,
    /// Of which attempt.
    pub epoch: Epoch,
    /// The commit that holds it; `None` when there is nothing of it.
    pub commit: Option<String>,
    /// The ref at the source that it was pushed to.
    pub name: Option<String>,
    /// What looks like a secret in it, for which it is held back.
    #[serde(default)]
    pub held: Vec<String>,
    /// What else people should know.
    pub notes: Vec<String>,
}

/// `POST /api/v1/workers/{id}/spent`: what an attempt of the worker cost so far, however it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportUsage {
    /// Which attempt.
    pub attempt: Attempt,
    /// All of it, not what came since the last time.
    pub usage: Usage,
}

/// `POST /api/v1/queue/claim`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// At most this many.
    pub slots: u32,
    /// Wait at most this many seconds when there is nothing to do.
    pub wait: f64,
    /// Of these repositories nothing: they are ill on this worker.
    #[serde(default)]
    pub without: Vec<Slug>,
}

/// What was claimed; empty when there was nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Each under a lease of its own.
    pub assignments: Vec<Assignment>,
}

/// `POST /api/v1/queue/complete`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// Which attempt.
    pub attempt: Attempt,
    /// What came of it.
    pub report: Report,
    /// The patch, cut at 256 KiB; empty when nothing changed.
    #[serde(default)]
    pub patch: String,
    /// Claim this many in the same call.
    #[serde(default)]
    pub next: u32,
}

/// `POST /api/v1/queue/completions`: for hosts with many slots. Each attempt is completed or
/// refused alone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completions {
    /// At most a hundred.
    pub completed: Vec<Completed>,
    /// Claim this many in the same call.
    #[serde(default)]
    pub next: u32,
}

/// One of several completed attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completed {
    /// Which attempt.
    pub attempt: Attempt,
    /// What came of it.
    pub report: Report,
    /// The patch, cut at 256 KiB; empty when nothing changed.
    #[serde(default)]
    pub patch: String,
}

/// What came of several completions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CompletionResults {
    /// In order: nothing, or why it was refused.
    pub refused: Vec<Option<ApiError>>,
    /// What was claimed in the same call.
    pub assignments: Vec<Assignment>,
}

/// `POST /api/v1/queue/fail`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// Which attempt.
    pub attempt: Attempt,
    /// Why it ended.
    pub how: AttemptFailure,
}

/// Why an attempt ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum AttemptFailure {
    /// Something went wrong.
    Failed(Failure),
    /// The worker is asked to stop and hands the task back unharmed.
    Released,
    /// The agent ended while it waited for people; its session and worktree are kept.
    Parked,
}

/// Where the task is after an attempt that gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedReply {
    /// Nothing more will happen to the task by itself; its worktree can go.
    pub over: bool,
}

/// `POST /api/v1/queue/enqueue`: puts a task back into its lane.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enqueue {
    /// Which.
    pub task: TaskId,
}

/// `POST /api/v1/queue/log`: the agent's words for the task's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendLog {
    /// Which attempt.
    pub attempt: Attempt,
    /// One line each.
    pub lines: Vec<String>,
    /// Also tell the thread.
    #[serde(default)]
    pub tell: bool,
    /// They are the agent's own words; the thread sets them apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_agent: bool,
}

/// `POST /api/v1/workers/{id}/refused`: hosts that an agent was not let out to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedHosts {
    /// Which attempt.
    pub attempt: Attempt,
    /// As the agent named them, in punycode.
    pub hosts: Vec<String>,
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

/// `POST /api/v1/sessions`: maps a session to its task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSession {
    /// Which session.
    pub id: SessionId,
    /// Which attempt.
    pub attempt: Attempt,
    /// Where it works, on the worker's machine.
    pub worktree: String,
    /// Agent and version.
    pub agent: String,
}

/// `POST /api/v1/sessions/{id}/heartbeat`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionHeartbeat {
    /// Which attempt.
    pub attempt: Attempt,
    /// How full the context is, in percent.
    pub context: Option<u8>,
}
