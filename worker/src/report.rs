//! What a worker reports when an attempt ends.

use std::time::Duration;

use vine_api::{AttemptFailure, ClientError, Complete, EndedReply, Fail, Orphans, ReportKeptWork};
use vine_domain::{
    Failure, FailureKind, TaskId, Timestamp, assignment::Assignment, failure::FailureOwner,
};

use crate::{
    active::{AttemptHandle, StopReason},
    agent::FinishedRun,
    agent_host::{AgentHost, insist},
    context::WorkerContext,
    disk::has_room,
    lending,
    workspace::{UnfinishedPolicy, Workspace, changes::GitChanges},
};

/// Longest pause between two tries to reach the source.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often git may refuse finished work before the attempt fails; the next attempt continues
/// here.
pub(crate) const GIT_TRIES: u32 = 3;

/// Commits and reports; confirms the lease before writing to the repository. Returns whether the
/// task is over.
pub(crate) async fn report(
    context: &WorkerContext,
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
        return give_up(context, held, task, AttemptFailure::Released, true).await;
    }
    let mut changes = match bring(context, held, host, task, workspace, &finished).await {
        Ok(changes) => changes,
        Err(how) => return give_up(context, held, task, how, true).await,
    };
    for note in std::mem::take(&mut changes.notes) {
        if host.tell(note).await.is_err() {
            break;
        }
    }
    let is_unpushed = changes.unpushed.is_some();
    let (report, patch) = changes.report(finished);
    let known = &context.config.agent.known;
    let complete = Complete {
        attempt: task.attempt,
        report: known.named_in(report),
        patch: known.named_in(patch),
        next: 0,
    };
    let done = insist(std::future::pending(), || {
        context
            .client
            .post::<_, vine_api::Claimed>("/queue/complete", &complete)
    })
    .await;
    match done {
        Some(Ok(_)) => {
            if is_unpushed && tell_kept(context, &workspace.kept(Vec::new())).await {
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
            give_up(context, held, task, AttemptFailure::Failed(failure), true).await
        }
        None => false,
    }
}

/// Takes the finished work and pushes it to the source. Git gets a few tries; an unreachable source
/// gets unlimited time, with the agent's slot lent meanwhile.
pub(crate) async fn bring(
    context: &WorkerContext,
    held: &AttemptHandle,
    host: &AgentHost,
    task: &Assignment,
    workspace: &mut Workspace,
    finished: &FinishedRun,
) -> Result<GitChanges, AttemptFailure> {
    let mut tries = 0;
    let mut lent = false;
    let mut pause = context.config.probe;
    loop {
        if let Err(why) = lending::borrow(context, task.attempt, &task.repo).await {
            host.log(why);
        }
        let brought = match workspace.finish(finished).await {
            Ok(notes) => workspace
                .publish(tries + 1 == GIT_TRIES, &context.config.agent.known)
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
            // The token may have been taken back.
            let state = &context.config.state;
            context
                .config
                .git
                .tokens
                .doubt(state, &task.repo, task.attempt);
            context.health.take_note(&failure, &task.repo);
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

/// Ends the attempt without a result. If it was stopped, whatever stopped it decides what is
/// reported. `began`: the agent was started.
pub(crate) async fn give_up(
    context: &WorkerContext,
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
            let failure = of_place(context, failure, began);
            context.health.take_note(&failure, &task.repo);
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
        how: context.config.agent.known.named_in(how),
    };
    match insist(std::future::pending(), || {
        context.client.post::<_, EndedReply>("/queue/fail", &fail)
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
pub(crate) fn of_place(context: &WorkerContext, failure: Failure, began: bool) -> Failure {
    let during = began
        && context.attempts.all().len() <= 1
        && matches!(
            failure.kind,
            FailureKind::DiskFull | FailureKind::RepositoryMissing
        );
    // With several attempts, it is unknown whose files they are.
    let alone = context.attempts.all().len() <= 1;
    match has_room(&context.config) {
        Err(full) if failure.kind.owner() == FailureOwner::Task => Failure {
            what: format!("{} {}", full.what, failure.what),
            during: began && alone,
            ..full
        },
        _ => Failure { during, ..failure },
    }
}

pub(crate) fn stale(task: &Assignment, error: &ClientError) -> bool {
    tracing::warn!(task.id = %task.attempt.task, "{}: the daemon refused the report: {error}", task.attempt.task);
    false
}

/// The daemon may be away; kept work is reported again when the worker starts.
pub(crate) const TELLING: Duration = Duration::from_secs(20);

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
    context: &WorkerContext,
    task: TaskId,
    workspace: &mut Workspace,
    keeping: UnfinishedPolicy,
) {
    match workspace.keep(keeping, &context.config.agent.known).await {
        Ok(Some(_)) if keeping == UnfinishedPolicy::Silently => {}
        Ok(None) => {}
        Ok(Some(kept)) => {
            if tell_kept(context, &kept).await {
                workspace.told();
            }
        }
        Err(failure) => {
            tracing::warn!(task.id = %task, "could not keep the work of {task}; it stays in {}: {}", workspace.folder().display(), failure.what);
        }
    }
}

/// Reports kept work to the daemon, which posts it in the thread. Returns whether that succeeded.
pub async fn tell_kept(context: &WorkerContext, kept: &ReportKeptWork) -> bool {
    let path = format!("/workers/{}/kept", context.worker);
    let told = tokio::time::timeout(
        TELLING,
        insist(std::future::pending(), || {
            context.client.post::<_, ()>(&path, kept)
        }),
    )
    .await;
    if let Ok(Some(Err(error))) = &told {
        tracing::warn!(task.id = %kept.task, "the daemon refused the report of kept work of {}: {error}", kept.task);
    }
    matches!(told, Ok(Some(Ok(()))))
}

/// Whether a task is over; `false` if the daemon does not answer.
pub async fn is_over(context: &WorkerContext, task: TaskId, created: Timestamp) -> bool {
    let asked = Orphans {
        tasks: vec![(task, created)],
        ..Orphans::default()
    };
    let path = format!("/workers/{}/orphans", context.worker);
    let answer = context.client.post::<_, Orphans>(&path, &asked).await;
    answer.is_ok_and(|over| over == asked)
}
