//! Tasks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{
    Branch, Epoch, FailureKind, Lane, Note, Prompt, Question, SessionId, Slug, Task, TaskId,
    TaskState, Timestamp, Title, WorkerId,
    attempt::{Execution, LogLine, Usage},
    task::Report,
};

use crate::question::QuestionView;

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

/// A task, with the fields of its state.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskView {
    /// What people call it.
    pub id: TaskId,
    /// `queued`, `running`, `waiting`, `done`, `failed` or `cancelled`.
    #[schema(pattern = "^(queued|running|waiting|done|failed|cancelled)$")]
    pub state: &'static str,
    /// One line.
    pub title: Title,
    /// What to do; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prompt: Option<Prompt>,
    /// Where.
    pub repo: Slug,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// Its lane.
    pub priority: Lane,
    /// Who asked for it.
    pub requester: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The number of the latest attempt; 0 before the first.
    pub epoch: Epoch,
    /// Attempts that failed since it was created or last retried by a person.
    pub failures: u32,
    /// Queued: no earlier than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub due_at: Option<Timestamp>,
    /// Queued: it was answered while parked and goes ahead of new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resumes: Option<bool>,
    /// Running, or waiting with a live agent: on this worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker: Option<WorkerId>,
    /// … since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub claimed_at: Option<Timestamp>,
    /// … until then, unless the worker renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_expires_at: Option<Timestamp>,
    /// Waiting: no agent runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parked: Option<bool>,
    /// Done: the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report: Option<Report>,
    /// Failed: how.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub failure: Option<FailureView>,
    /// Failed: nobody needs to look at it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub discarded: Option<bool>,
    /// Cancelled: by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancelled_by: Option<String>,
    /// What belongs to it; left out in lists.
    #[serde(flatten)]
    #[schema(inline)]
    pub whole: Option<TaskParts>,
}

/// What belongs to a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskParts {
    /// What its agents asked.
    pub questions: Vec<QuestionView>,
    /// What people told its agents.
    pub notes: Vec<Note>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// Its latest session.
    pub session: Option<SessionId>,
}

/// How a task failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureView {
    /// For programs.
    pub kind: FailureKind,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// One attempt.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptView {
    /// Its number.
    pub epoch: Epoch,
    /// The name of its worker.
    pub worker_name: String,
    /// Its session, once there was one.
    pub session: Option<SessionId>,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// `done`, `failed`, `lost`, `cancelled`, `released` or `parked`.
    pub outcome: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// `GET /api/v1/tasks`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskList {
    /// Newest first.
    pub items: Vec<TaskView>,
    /// `before` of the next page; none after the last.
    pub next: Option<TaskId>,
}

/// `GET /api/v1/tasks/{id}/log`
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// Oldest first.
    pub items: Vec<LogLine>,
}

impl TaskView {
    /// A task.
    pub fn of(task: &Task) -> Self {
        let mut view = Self {
            id: task.id,
            state: task.state.as_str(),
            title: task.title.clone(),
            prompt: Some(task.prompt.clone()),
            repo: task.repo.clone(),
            base: task.base.clone(),
            branch: task.branch.clone(),
            priority: task.lane,
            requester: task.requester.clone(),
            created_at: task.created,
            updated_at: task.updated,
            epoch: task.epoch,
            failures: task.failures,
            due_at: None,
            resumes: None,
            worker: None,
            claimed_at: None,
            lease_expires_at: None,
            parked: None,
            report: None,
            failure: None,
            discarded: None,
            cancelled_by: None,
            whole: None,
        };
        match &task.state {
            TaskState::Queued { due, resumes } => {
                view.due_at = Some(*due);
                view.resumes = Some(*resumes);
            }
            TaskState::Running { lease } | TaskState::Waiting { lease: Some(lease) } => {
                view.worker = Some(lease.worker);
                view.claimed_at = Some(lease.since);
                view.lease_expires_at = Some(lease.until);
            }
            TaskState::Waiting { lease: None } => view.parked = Some(true),
            TaskState::Done { report } => view.report = Some(report.clone()),
            TaskState::Failed { failure, discarded } => {
                view.failure = Some(FailureView {
                    kind: failure.kind,
                    message: failure.what.clone(),
                    hint: failure.advice(),
                });
                view.discarded = Some(*discarded);
            }
            TaskState::Cancelled { by } => view.cancelled_by = Some(by.clone()),
        }
        view
    }

    /// A task in a list: without its prompt, which may be long.
    pub fn row(task: &Task) -> Self {
        Self {
            prompt: None,
            ..Self::of(task)
        }
    }

    /// A task with everything that belongs to it.
    pub fn whole(
        task: &Task,
        questions: &[Question],
        notes: &[Note],
        executions: &[Execution],
    ) -> Self {
        let latest = executions.iter().rev();
        Self {
            whole: Some(TaskParts {
                questions: questions.iter().map(QuestionView::of).collect(),
                notes: notes.to_vec(),
                attempts: executions.iter().map(AttemptView::of).collect(),
                session: latest.clone().find_map(|execution| execution.session),
            }),
            ..Self::of(task)
        }
    }
}

impl AttemptView {
    fn of(execution: &Execution) -> Self {
        Self {
            epoch: execution.epoch,
            worker_name: execution.worker.clone(),
            session: execution.session,
            started_at: execution.started,
            ended_at: execution.ended,
            outcome: execution.outcome.clone(),
            usage: execution.usage,
        }
    }
}
