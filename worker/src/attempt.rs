//! One attempt, from worktree to report.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex as AsyncMutex;
use vine_api::{
    AttemptFailure, Client, ClientError, Complete, EndedReply, Fail, Orphans, ReportKeptWork,
};
use vine_domain::{
    Failure, FailureKind, SessionId, TaskId, Timestamp,
    assignment::Assignment,
    attempt::Usage,
    clock::{Ids, System},
    failure::FailureOwner,
};

use crate::{
    active::{ActiveAttempts, AttemptHandle, StopReason},
    agent::{self, AgentRun, FinishedRun, RunOutcome},
    agent_host::{AgentHost, AttemptOver, insist},
    config::WorkerConfig,
    disk::has_room,
    health::WorkerHealth,
    process::ProcessMark,
    wall::{
        Sandbox, Walls,
        sandbox::{SandboxFor, refusal},
    },
    workspace::{GitChanges, UnfinishedPolicy, Workspace},
};

/// What an attempt needs besides its task.
#[derive(Clone)]
pub struct WorkerContext {
    pub config: Arc<WorkerConfig>,
    pub client: Client,
    pub desk: Arc<ActiveAttempts>,
    /// Agent and version, as recorded for sessions.
    pub agent: Arc<str>,
    /// The worker's id; marks all its agents.
    pub worker: Arc<str>,
    /// An attempt of a task starts only when the previous one has cleaned up.
    pub turns: Arc<TaskLocks>,
    /// Which parts of this worker are unhealthy.
    pub place: Arc<WorkerHealth>,
    /// The walls around agents.
    pub walls: Arc<Walls>,
}

/// Serializes the attempts of each task, so that none works in a folder that another one removes.
#[derive(Default)]
pub struct TaskLocks(Mutex<HashMap<TaskId, Arc<AsyncMutex<()>>>>);

impl TaskLocks {
    /// The lock that an attempt of the task holds while it runs.
    pub fn of(&self, task: TaskId) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(task).or_default())
    }
}

impl WorkerContext {
    fn temp(&self) -> PathBuf {
        self.config.state.join("tmp")
    }
}

/// Runs one task to completion and reports.
pub async fn run(bench: &WorkerContext, held: &Arc<AttemptHandle>, task: &Assignment) {
    let host = AgentHost::new(
        bench.client.clone(),
        Arc::clone(&bench.worker),
        Arc::clone(&bench.desk),
        Arc::clone(held),
        bench.config.agent.known.clone(),
    );
    let name = format!(
        "{} {} {}",
        task.attempt.task,
        task.created_at.0,
        task.repo.source.as_str()
    );
    let mark = ProcessMark::new(&name, &bench.worker);
    // An agent of an earlier attempt that lost its lease may still be running in the same worktree.
    mark.kill().await;
    let mut workspace = None;
    let result = work(bench, &host, task, mark, &mut workspace).await;
    host.flush().await;
    host.tell_spent().await;
    if !matches!(result, Ok(Some(_)))
        && let Some(workspace) = &mut workspace
    {
        let keeping = match held.stopped() {
            // There is no time to push; the worker pushes when it starts again.
            Some(StopReason::Shutdown) => UnfinishedPolicy::Silently,
            Some(StopReason::LeaseOver { over: true, .. }) => UnfinishedPolicy::Here,
            _ => UnfinishedPolicy::ByRule,
        };
        keep(bench, task.attempt.task, workspace, keeping).await;
    }
    let over = match result {
        Ok(Some(finished)) => report(bench, held, &host, task, workspace.as_mut(), finished).await,
        Ok(None) => give_up(bench, held, task, AttemptFailure::Released, false).await,
        Err(how) => give_up(bench, held, task, how, workspace.is_some()).await,
    };
    let Some(mut workspace) = workspace else {
        return;
    };
    // The task may have ended elsewhere meanwhile.
    if over || is_over(bench, task.attempt.task, task.created_at).await {
        close(task.attempt.task, &mut workspace).await;
    }
}

/// Removes the folder of a task that is over; logs what could not be removed.
pub async fn close(task: TaskId, workspace: &mut Workspace) {
    let folder = workspace.folder().display().to_string();
    let stays = match workspace.close().await {
        Ok(notes) => notes.join(" "),
        Err(failure) => failure.what,
    };
    if !stays.is_empty() {
        tracing::warn!(task.id = %task, "folder {folder} of {task}: {stays}");
    }
}

/// Keeps the work of an unfinished attempt.
pub async fn keep(
    bench: &WorkerContext,
    task: TaskId,
    workspace: &mut Workspace,
    keeping: UnfinishedPolicy,
) {
    match workspace.keep(keeping, &bench.config.agent.known).await {
        Ok(Some(_)) if keeping == UnfinishedPolicy::Silently => {}
        Ok(None) => {}
        Ok(Some(kept)) => {
            if tell_kept(bench, &kept).await {
                workspace.told();
            }
        }
        Err(failure) => {
            tracing::warn!(task.id = %task, "could not keep the work of {task}; it stays in {}: {}", workspace.folder().display(), failure.what);
        }
    }
}

/// Reports kept work to the daemon, which posts it in the thread. Returns whether that succeeded.
pub async fn tell_kept(bench: &WorkerContext, kept: &ReportKeptWork) -> bool {
    let path = format!("/workers/{}/kept", bench.worker);
    let told = tokio::time::timeout(
        TELLING,
        insist(std::future::pending(), || {
            bench.client.post::<_, ()>(&path, kept)
        }),
    )
    .await;
    if let Ok(Some(Err(error))) = &told {
        tracing::warn!(task.id = %kept.task, "the daemon refused the report of kept work of {}: {error}", kept.task);
    }
    matches!(told, Ok(Some(Ok(()))))
}

/// The daemon may be away; kept work is reported again when the worker starts.
const TELLING: Duration = Duration::from_secs(20);

/// Shown in the thread when a task continues without the session that asked.
const ELSEWHERE: &str = "The session that asked is gone or belongs to another worker that is away. \
                         The agent starts a new session from the branch, with the questions and \
                         answers so far.";

/// Returns `None` if the attempt was stopped.
async fn work(
    bench: &WorkerContext,
    host: &AgentHost,
    task: &Assignment,
    mark: ProcessMark,
    slot: &mut Option<Workspace>,
) -> Result<Option<FinishedRun>, AttemptFailure> {
    if let Some(refusal) = refusal(&bench.walls, task) {
        return Err(AttemptFailure::Failed(refusal));
    }
    let kind_resumes = bench.config.agent.kind.resumes();
    let resume = task.resume.filter(|_| kind_resumes);
    let prepare = Workspace::prepare(
        &bench.config.state,
        task,
        &bench.config.git,
        resume.is_some(),
    );
    let workspace = tokio::select! {
        // Git may wait for the network; a stop must not wait for git.
        () = host.stopped() => return Ok(None),
        workspace = prepare => workspace.map_err(AttemptFailure::Failed)?,
    };
    let workspace = slot.insert(workspace);
    if let Some(finished) = workspace.finished() {
        host.log("the agent had already finished; only git was left");
        return Ok(Some(finished));
    }
    for note in &workspace.notes {
        if host.tell(note.clone()).await.is_err() {
            return Ok(None);
        }
    }
    let lost = kind_resumes && task.resume.is_none() && !task.answered.is_empty();
    if lost && host.tell(ELSEWHERE.into()).await.is_err() {
        return Ok(None);
    }
    let mut outcome = converse(bench, host, task, &mark, workspace, resume).await;
    if matches!(outcome, Ok(RunOutcome::NoSession)) {
        let told = host
            .tell(
                "The agent's session cannot be resumed. It starts a new session with the \
         questions and answers so far."
                    .into(),
            )
            .await;
        outcome = if told.is_ok() {
            converse(bench, host, task, &mark, workspace, None).await
        } else {
            Err(AttemptOver)
        };
    }
    match outcome {
        Ok(RunOutcome::Finished(finished)) => {
            // Claude's result only counts the tokens of the last turn.
            let spent = host.spent();
            let usage = Usage {
                input_tokens: finished.usage.input_tokens.max(spent.input_tokens),
                output_tokens: finished.usage.output_tokens.max(spent.output_tokens),
                ..finished.usage
            };
            Ok(Some(FinishedRun { usage, ..finished }))
        }
        Ok(RunOutcome::Failed(failure)) => Err(AttemptFailure::Failed(failure)),
        Ok(RunOutcome::Parked) => Err(AttemptFailure::Parked),
        Ok(RunOutcome::NoSession | RunOutcome::Stopped) | Err(AttemptOver) => Ok(None),
    }
}

/// One run of the agent in a session that is mapped to the task beforehand.
async fn converse(
    bench: &WorkerContext,
    host: &AgentHost,
    task: &Assignment,
    mark: &ProcessMark,
    workspace: &Workspace,
    resume: Option<SessionId>,
) -> Result<RunOutcome, AttemptOver> {
    let session = resume.unwrap_or_else(|| SessionId(session_uuid()));
    host.map_session(
        session,
        workspace.folder().display().to_string(),
        bench.agent.to_string(),
    )
    .await?;
    let wanted = SandboxFor {
        config: &bench.config,
        task,
        session,
        folder: workspace.folder(),
        repository: workspace.repository(),
        mark,
    };
    let sandbox = tokio::select! {
        () = host.stopped() => return Ok(RunOutcome::Stopped),
        made = Sandbox::make(&bench.walls, host, wanted) => match made {
            Ok(sandbox) => sandbox,
            Err(failure) => return Ok(RunOutcome::Failed(failure)),
        },
    };
    let job = AgentRun {
        worker: &bench.config,
        config: &bench.config.agent,
        sandbox: &sandbox,
        task,
        folder: workspace.folder().to_owned(),
        branch: workspace.branch().to_owned(),
        temp: bench.temp(),
        mark: mark.clone(),
        session,
        resume: resume.is_some(),
    };
    let outcome = agent::run(job, host).await;
    if matches!(outcome, RunOutcome::Finished(_)) {
        sandbox.share(&bench.config, task);
    }
    sandbox.end(&bench.config).await;
    Ok(outcome)
}

fn session_uuid() -> uuid::Uuid {
    System.uuid()
}

/// Commits and reports; confirms the lease before writing to the repository. Returns whether the
/// task is over.
async fn report(
    bench: &WorkerContext,
    held: &AttemptHandle,
    host: &AgentHost,
    task: &Assignment,
    workspace: Option<&mut Workspace>,
    finished: FinishedRun,
) -> bool {
    let Some(workspace) = workspace else {
        return false;
    };
    if host
        .confirm("the agent has finished; committing")
        .await
        .is_err()
    {
        return give_up(bench, held, task, AttemptFailure::Released, true).await;
    }
    let mut changes = match bring(bench, held, host, task, workspace, &finished).await {
        Ok(changes) => changes,
        Err(how) => return give_up(bench, held, task, how, true).await,
    };
    for note in std::mem::take(&mut changes.notes) {
        if host.tell(note).await.is_err() {
            break;
        }
    }
    let is_unpushed = changes.unpushed.is_some();
    let (report, patch) = changes.report(finished);
    let known = &bench.config.agent.known;
    let complete = Complete {
        attempt: task.attempt,
        report: known.named_in(report),
        patch: known.named_in(patch),
        next: 0,
    };
    let done = insist(std::future::pending(), || {
        bench
            .client
            .post::<_, vine_api::Claimed>("/queue/complete", &complete)
    })
    .await;
    match done {
        Some(Ok(_)) => {
            if is_unpushed && tell_kept(bench, &workspace.kept(Vec::new())).await {
                workspace.told();
            }
            true
        }
        Some(Err(error)) if error.code() == Some("stale") => stale(task, &error),
        Some(Err(error)) => {
            let failure = Failure::new(
                FailureKind::Git,
                format!("The daemon refused the report: {error}"),
            );
            give_up(bench, held, task, AttemptFailure::Failed(failure), true).await
        }
        None => false,
    }
}

/// Takes the finished work and pushes it to the source. Git gets a few tries; an unreachable source
/// gets unlimited time, with the agent's slot lent meanwhile.
async fn bring(
    bench: &WorkerContext,
    held: &AttemptHandle,
    host: &AgentHost,
    task: &Assignment,
    workspace: &mut Workspace,
    finished: &FinishedRun,
) -> Result<GitChanges, AttemptFailure> {
    let mut tries = 0;
    let mut lent = false;
    let mut pause = bench.config.probe;
    loop {
        let brought = match workspace.finish(finished).await {
            Ok(notes) => workspace
                .publish(tries + 1 == GIT_TRIES, &bench.config.agent.known)
                .await
                .map(|mut changes| {
                    changes.notes.splice(0..0, notes);
                    changes
                }),
            Err(failure) => Err(failure),
        };
        let failure = match brought {
            Ok(changes) => return Ok(changes),
            Err(failure) => failure,
        };
        host.log(format!("git failed, trying again: {}", failure.what));
        if failure.kind.owner() == FailureOwner::Repository {
            bench.place.take_note(&failure, &task.repo);
            if !std::mem::replace(&mut lent, true) {
                held.slot.lend();
                let told = format!(
                    "The work is finished and kept, but not pushed yet; AgentVine retries until it is. {}",
                    failure.what
                );
                let _over = host.tell(told).await;
            }
        } else {
            tries += 1;
            if tries == GIT_TRIES {
                return Err(AttemptFailure::Failed(failure));
            }
        }
        tokio::select! {
            () = host.stopped() => return Err(AttemptFailure::Released),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// Longest pause between two tries to reach the source.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How often git may refuse finished work before the attempt fails; the next attempt continues
/// here.
const GIT_TRIES: u32 = 3;

/// Ends the attempt without a result. If it was stopped, whatever stopped it decides what is
/// reported. `began`: the agent was started.
async fn give_up(
    bench: &WorkerContext,
    held: &AttemptHandle,
    task: &Assignment,
    how: AttemptFailure,
    began: bool,
) -> bool {
    if let Some(StopReason::LeaseOver { why, over }) = held.stopped() {
        tracing::info!(task.id = %task.attempt.task, "{}: stopped, {why}", task.attempt.task);
        return *over;
    }
    let how = match how {
        AttemptFailure::Failed(failure) if held.stopped().is_none() => {
            let failure = of_place(bench, failure, began);
            bench.place.take_note(&failure, &task.repo);
            AttemptFailure::Failed(failure)
        }
        other => other,
    };
    let how = match (how, held.stopped(), held.refused()) {
        // We stopped it, so its failure is not the task's.
        (AttemptFailure::Failed(_), Some(_), _) => AttemptFailure::Released,
        (AttemptFailure::Released, None, Some(what)) => {
            AttemptFailure::Failed(Failure::new(FailureKind::StoppedEarly, what))
        }
        (how, ..) => how,
    };
    let fail = Fail {
        attempt: task.attempt,
        how: bench.config.agent.known.named_in(how),
    };
    match insist(std::future::pending(), || {
        bench.client.post::<_, EndedReply>("/queue/fail", &fail)
    })
    .await
    {
        Some(Ok(ended)) => ended.over,
        Some(Err(error)) => stale(task, &error),
        None => false,
    }
}

/// A failure on a full disk is blamed on the disk; if the disk had room when the agent started, the
/// task may have filled it.
fn of_place(bench: &WorkerContext, failure: Failure, began: bool) -> Failure {
    let during = began
        && bench.desk.all().len() <= 1
        && matches!(
            failure.kind,
            FailureKind::DiskFull | FailureKind::RepositoryMissing
        );
    // With several attempts, it is unknown whose files they are.
    let alone = bench.desk.all().len() <= 1;
    match has_room(&bench.config) {
        Err(full) if failure.kind.owner() == FailureOwner::Task => Failure {
            what: format!("{} {}", full.what, failure.what),
            during: began && alone,
            ..full
        },
        _ => Failure { during, ..failure },
    }
}

fn stale(task: &Assignment, error: &ClientError) -> bool {
    tracing::warn!(task.id = %task.attempt.task, "{}: the daemon refused the report: {error}", task.attempt.task);
    false
}

/// Whether a task is over; `false` if the daemon does not answer.
pub async fn is_over(bench: &WorkerContext, task: TaskId, created: Timestamp) -> bool {
    let asked = Orphans {
        tasks: vec![(task, created)],
        ..Orphans::default()
    };
    let path = format!("/workers/{}/orphans", bench.worker);
    let answer = bench.client.post::<_, Orphans>(&path, &asked).await;
    answer.is_ok_and(|over| over == asked)
}
