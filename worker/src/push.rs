//! Pushes that people request: of work that was cancelled, held back, or kept by the repository's
//! rule.

use std::{sync::Arc, time::Duration};

use vine_api::ReportKeptWork;
use vine_domain::{Repo, Timestamp, attempt::Attempt};

use crate::{
    context::WorkerContext, keeper::record::FolderRecord, lending, report::tell_kept,
    workspace::Workspace,
};

/// Pause between attempts to report the outcome.
const PAUSE: Duration = Duration::from_secs(30);

/// Pushes the kept work of an attempt and reports the outcome; ignores a second request for it
/// meanwhile.
pub fn begin(context: &WorkerContext, order: PushRequest) {
    let attempt = order.attempt;
    if !context.attempts.push(attempt) {
        return;
    }
    let context = context.clone();
    tokio::spawn(async move {
        let turn = context.turns.of(attempt.task);
        // Wait for a running attempt of this task.
        let turn = Arc::clone(&turn).lock_owned().await;
        let is_told = push(&context, order).await;
        drop(turn);
        if !is_told {
            // The daemon repeats the request until the outcome is reported.
            tokio::time::sleep(PAUSE).await;
        }
        context.attempts.pushed(attempt);
    });
}

/// A requested push.
#[derive(Debug)]
pub struct PushRequest {
    /// The attempt.
    pub attempt: Attempt,
    /// The commit that the requester has seen.
    pub commit: String,
    /// When the task was created.
    pub created: Timestamp,
    /// The repository's current settings.
    pub repo: Repo,
}

/// Returns whether the outcome was reported.
async fn push(context: &WorkerContext, order: PushRequest) -> bool {
    let PushRequest {
        attempt,
        commit,
        created,
        repo,
    } = order;
    let state = &context.config.state;
    let Some(record) = FolderRecord::of(state, attempt.task, created)
        .or_else(|| FolderRecord::retired(state, attempt.task, created))
    else {
        let kept = ReportKeptWork {
            task: attempt.task,
            created_at: created,
            epoch: attempt.epoch,
            commit: None,
            name: None,
            held: Vec::new(),
            notes: vec![format!(
                "The worker has no folder for {}; what it held is in the copies under {}.",
                attempt.task,
                state.join("repos").display()
            )],
        };
        return tell_kept(context, &kept).await;
    };
    let _git_says_what_is_missing = lending::borrow(context, attempt, &repo).await;
    let record = FolderRecord {
        repo: repo.clone(),
        ..record
    };
    let mut workspace = Workspace::of_orphan(state, record, &context.config.git);
    let pushed = workspace.push(&commit, &context.config.agent.known).await;
    let kept = pushed.unwrap_or_else(|failure| {
        // The token may have been taken back.
        context.config.git.tokens.doubt(state, &repo, attempt);
        workspace.kept(vec![format!(
            "Push failed. The worker keeps the work; to retry, type `task push {}`. Reason: {}",
            attempt.task, failure.what
        )])
    });
    let is_told = tell_kept(context, &kept).await;
    if is_told {
        workspace.told();
    }
    is_told
}
