//! One attempt, from worktree to report.

use std::sync::Arc;

use vine_api::AttemptFailure;
use vine_domain::{
    Question, SessionId,
    assignment::Assignment,
    attempt::Usage,
    clock::{Ids, System},
};

use crate::{
    active::{AttemptHandle, StopReason},
    agent::{self, AgentRun, FinishedRun, RunOutcome},
    agent_host::{AgentHost, AttemptOver},
    context::WorkerContext,
    lending,
    process::ProcessMark,
    report::{close, give_up, is_over, keep, report},
    wall::{
        Sandbox,
        sandbox::{SandboxFor, refusal},
    },
    workspace::{UnfinishedPolicy, Workspace},
};

/// Runs one task to completion and reports.
pub async fn run(context: &WorkerContext, held: &Arc<AttemptHandle>, task: &Assignment) {
    let host = AgentHost::new(
        context.client.clone(),
        Arc::clone(&context.worker),
        Arc::clone(&context.attempts),
        Arc::clone(held),
        context.config.agent.known.clone(),
    );
    let name = format!(
        "{} {} {}",
        task.attempt.task,
        task.created_at.0,
        task.repo.source.as_str()
    );
    let mark = ProcessMark::new(&name, &context.worker);
    // An agent of an earlier attempt that lost its lease may still be running in the same worktree.
    mark.kill().await;
    let mut workspace = None;
    let result = tokio::select! {
        result = work(context, &host, task, mark, &mut workspace) => result,
        never = host.tell_progress() => match never {},
    };
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
        if keeping == UnfinishedPolicy::ByRule {
            let _kept_here_without = lending::borrow(context, task.attempt, &task.repo).await;
        }
        keep(context, task.attempt.task, workspace, keeping).await;
    }
    let over = match result {
        Ok(Some(finished)) => {
            report(context, held, &host, task, workspace.as_mut(), finished).await
        }
        Ok(None) => give_up(context, held, task, AttemptFailure::Released, false).await,
        Err(how) => give_up(context, held, task, how, workspace.is_some()).await,
    };
    let Some(mut workspace) = workspace else {
        return;
    };
    // The task may have ended elsewhere meanwhile.
    if over || is_over(context, task.attempt.task, task.created_at).await {
        close(task.attempt.task, &mut workspace).await;
    }
}

/// Shown in the thread when a task continues without the session that asked.
const ELSEWHERE: &str = "The session that asked is gone or belongs to another worker that is away. \
                         The agent starts a new session from the branch, with the questions and \
                         answers so far.";

/// Shown in the thread when a round begins without the session of the one before.
const FORGOT: &str = "The session of the last round is not available. The agent starts a new session from the \
                      branch, with what the earlier rounds asked for and ended with.";

/// What people are told about a task that starts in a new session though there was one.
fn without_session(task: &Assignment) -> Option<&'static str> {
    let round = task.rounds.last();
    let asked_now = |question: &Question| round.is_none_or(|round| question.asked_at >= round.at);
    match task.answered.iter().any(asked_now) {
        true => Some(ELSEWHERE),
        false => round.map(|_| FORGOT),
    }
}

/// Returns `None` if the attempt was stopped.
async fn work(
    context: &WorkerContext,
    host: &AgentHost,
    task: &Assignment,
    mark: ProcessMark,
    slot: &mut Option<Workspace>,
) -> Result<Option<FinishedRun>, AttemptFailure> {
    if let Some(refusal) = refusal(&context.walls, task) {
        return Err(AttemptFailure::Failed(refusal));
    }
    let kind_resumes = context.config.agent.kind.resumes();
    let resume = task.resume.filter(|_| kind_resumes);
    let prepare = async {
        let lent = lending::borrow(context, task.attempt, &task.repo).await;
        let (state, git) = (&context.config.state, &context.config.git);
        let prepared = Workspace::prepare(state, task, git, resume.is_some()).await;
        prepared.map_err(|mut failure| {
            if let Err(why) = lent {
                failure.what = format!("{} {why}", failure.what);
            }
            failure
        })
    };
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
    if kind_resumes
        && task.resume.is_none()
        && let Some(notice) = without_session(task)
        && host.tell(notice.into()).await.is_err()
    {
        return Ok(None);
    }
    let mut outcome = converse(context, host, task, &mark, workspace, resume).await;
    if matches!(outcome, Ok(RunOutcome::NoSession)) {
        let told = host
            .tell(
                "The agent's session cannot be resumed. It starts a new session with the \
         questions and answers so far."
                    .into(),
            )
            .await;
        outcome = if told.is_ok() {
            converse(context, host, task, &mark, workspace, None).await
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
    context: &WorkerContext,
    host: &AgentHost,
    task: &Assignment,
    mark: &ProcessMark,
    workspace: &Workspace,
    resume: Option<SessionId>,
) -> Result<RunOutcome, AttemptOver> {
    // What another task continues in is copied.
    let copy_of = resume.filter(|_| task.fork);
    let session = resume
        .filter(|_| !task.fork)
        .unwrap_or_else(|| SessionId(session_uuid()));
    host.map_session(
        session,
        workspace.folder().display().to_string(),
        context.agent.to_string(),
    )
    .await?;
    let wanted = SandboxFor {
        config: &context.config,
        task,
        session,
        copy_of,
        folder: workspace.folder(),
        repository: workspace.repository(),
        mark,
    };
    let sandbox = tokio::select! {
        () = host.stopped() => return Ok(RunOutcome::Stopped),
        made = Sandbox::make(&context.walls, host, wanted) => match made {
            Ok(sandbox) => sandbox,
            Err(failure) => return Ok(RunOutcome::Failed(failure)),
        },
    };
    let copy_of = copy_of.filter(|_| sandbox.has_copy);
    let job = AgentRun {
        worker: &context.config,
        config: &context.config.agent,
        sandbox: &sandbox,
        task,
        folder: workspace.folder().to_owned(),
        branch: workspace.branch().to_owned(),
        changed: workspace.changed(),
        temp: context.temp(),
        mark: mark.clone(),
        session,
        resume: resume.is_some() && (copy_of.is_some() || !task.fork),
        copy_of,
    };
    let outcome = agent::run(job, host).await;
    let finished = matches!(outcome, RunOutcome::Finished(_));
    if finished {
        sandbox.share(&context.config, task);
    }
    sandbox.end(&context.config, finished).await;
    Ok(outcome)
}

fn session_uuid() -> uuid::Uuid {
    System.uuid()
}
