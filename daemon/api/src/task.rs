//! Tasks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{
    Branch, Effort, Epoch, FailureKind, Lane, ModelName, Note, Prompt, Question, Round, SessionId,
    Slug, Task, TaskId, TaskState, Timestamp, Title, WorkerId,
    attempt::{Execution, LogLine, Usage},
    forge::RequestBrief,
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
    /// The repository; optional if there is only one.
    pub repo: Option<Slug>,
    /// The branch to start from (default: the repository's base branch).
    pub base: Option<Branch>,
    /// Start from the branch of this task once it is done, instead of from `base`.
    pub after: Option<TaskId>,
    /// The branch to commit to (default: `vine/T-<number>-<title>`).
    pub branch: Option<Branch>,
    /// The lane (default: `default`).
    pub priority: Option<Lane>,
    /// The model that the agent uses (default: the repository's, or the agent's own).
    pub model: Option<ModelName>,
    /// How much the agent thinks (default: the same).
    pub effort: Option<Effort>,
}

/// `POST /api/v1/tasks/bulk`: creates all of them or none, at most 1000.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTasks {
    /// Each as in `POST /api/v1/tasks`.
    pub tasks: Vec<CreateTask>,
}

/// The ids of the new tasks, in order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedTasks {
    /// `["T-1", …]`
    pub ids: Vec<TaskId>,
}

/// `PATCH /api/v1/tasks/{id}`: set exactly one field.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchTask {
    /// `cancelled` to cancel the task, `queued` to retry it.
    #[schema(pattern = "^(cancelled|queued)$")]
    pub state: Option<String>,
    /// The new lane.
    pub priority: Option<Lane>,
}

/// `POST /api/v1/tasks/{id}/rounds`: a task that is over continues.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContinueTask {
    /// What to do next.
    pub text: Prompt,
}

/// A task, with the fields for its state.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskView {
    /// Its id, such as `T-142`.
    pub id: TaskId,
    /// `queued`, `running`, `waiting`, `done`, `failed` or `cancelled`.
    #[schema(pattern = "^(queued|running|waiting|done|failed|cancelled)$")]
    pub state: &'static str,
    /// One line.
    pub title: Title,
    /// What to do; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prompt: Option<Prompt>,
    /// Its repository.
    pub repo: Slug,
    /// The task that must be done before it is queued.
    pub waits_for: Option<TaskId>,
    /// Its pull request, once a forge has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request: Option<RequestBrief>,
    /// The branch it starts from.
    pub base: Branch,
    /// The branch it commits to.
    pub branch: Branch,
    /// Its lane.
    pub priority: Lane,
    /// The model that it chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<ModelName>,
    /// The effort that it chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effort: Option<Effort>,
    /// Who created it.
    pub requester: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The number of the latest attempt; 0 before the first.
    pub epoch: Epoch,
    /// The round that it is in: each time that it continued after its end is another one.
    pub round: u32,
    /// How many attempts failed since it was created or a person last retried it.
    pub failures: u32,
    /// Queued: it cannot be claimed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub due_at: Option<Timestamp>,
    /// Queued: it was parked and got its answer, so it is claimed before new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resumes: Option<bool>,
    /// Running, or waiting while its agent runs: the worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker: Option<WorkerId>,
    /// Running, or waiting while its agent runs: when it was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub claimed_at: Option<Timestamp>,
    /// Running, or waiting while its agent runs: when the lease expires unless it is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_expires_at: Option<Timestamp>,
    /// Waiting: it is parked, so no agent runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parked: Option<bool>,
    /// Done: the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub report: Option<Report>,
    /// Failed: the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub failure: Option<FailureView>,
    /// Failed: whether a person discarded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub discarded: Option<bool>,
    /// Cancelled: who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancelled_by: Option<String>,
    /// What its agents asked; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub questions: Option<Vec<QuestionView>>,
    /// What people told its agents; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notes: Option<Vec<Note>>,
    /// Its later rounds, oldest first; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rounds: Option<Vec<Round>>,
    /// Its attempts, oldest first; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempts: Option<Vec<AttemptView>>,
    /// Its latest session; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub session: Option<SessionId>,
}

/// Why a task failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureView {
    /// Its kind.
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
    /// The round of the task that it belongs to.
    pub round: u32,
    /// The name of its worker.
    pub worker_name: String,
    /// Its session, if it has one.
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
    /// The value of `before` for the next page; `null` on the last page.
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
    /// The view of a task.
    pub fn of(task: &Task) -> Self {
        let mut view = Self {
            id: task.id,
            state: task.state.as_str(),
            title: task.title.clone(),
            prompt: Some(task.prompt.clone()),
            repo: task.repo.clone(),
            waits_for: task.waits_for,
            request: task.request.clone(),
            base: task.base.clone(),
            branch: task.branch.clone(),
            priority: task.lane,
            model: task.model.model.clone(),
            effort: task.model.effort,
            requester: task.requester.clone(),
            created_at: task.created,
            updated_at: task.updated,
            epoch: task.epoch,
            round: task.round.number,
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
            questions: None,
            notes: None,
            rounds: None,
            attempts: None,
            session: None,
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
                    hint: failure.advice().to_owned(),
                });
                view.discarded = Some(*discarded);
            }
            TaskState::Cancelled { by } => view.cancelled_by = Some(by.clone()),
        }
        view
    }

    /// The view of a task in a list: without its prompt, which can be long.
    pub fn row(task: &Task) -> Self {
        Self {
            prompt: None,
            ..Self::of(task)
        }
    }

    /// The view of a task with everything that belongs to it.
    pub fn whole(
        task: &Task,
        questions: &[Question],
        notes: &[Note],
        executions: &[Execution],
    ) -> Self {
        let mut latest = executions.iter().rev();
        Self {
            questions: Some(questions.iter().map(QuestionView::of).collect()),
            notes: Some(notes.to_vec()),
            attempts: Some(executions.iter().map(AttemptView::of).collect()),
            session: latest.find_map(|execution| execution.session),
            ..Self::of(task)
        }
    }
}

impl AttemptView {
    fn of(execution: &Execution) -> Self {
        Self {
            epoch: execution.epoch,
            round: execution.round,
            worker_name: execution.worker.clone(),
            session: execution.session,
            started_at: execution.started,
            ended_at: execution.ended,
            outcome: execution.outcome.clone(),
            usage: execution.usage,
        }
    }
}
