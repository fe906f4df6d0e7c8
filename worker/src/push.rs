//! Pushes that people ask for: of work that was cancelled, held back, or kept by the repository's own
//! rule.

use std::{sync::Arc, time::Duration};

use vine_api::ReportKeptWork;
use vine_domain::{Repo, Timestamp, worker::Attempt};

use crate::{
    attempt::{WorkerContext, tell_kept},
    keeper::record::FolderRecord,
    workspace::Workspace,
};

/// Between two tries whose outcome nobody heard.
const PAUSE: Duration = Duration::from_secs(30);

/// Pushes what is kept of an attempt, and tells; a second order for it meanwhile is none.
pub fn begin(bench: &WorkerContext, order: PushRequest) {
    let attempt = order.attempt;
    if !bench.desk.push(attempt) {
        return;
    }
    let bench = bench.clone();
    tokio::spawn(async move {
        let turn = bench.turns.of(attempt.task);
        // An attempt of it that runs comes to its end first.
        let turn = Arc::clone(&turn).lock_owned().await;
        let is_told = push(&bench, order).await;
        drop(turn);
        if !is_told {
            // The order comes again as long as nobody has heard.
            tokio::time::sleep(PAUSE).await;
        }
        bench.desk.pushed(attempt);
    });
}

/// What somebody wants.
#[derive(Debug)]
pub struct PushRequest {
    /// Of which attempt.
    pub attempt: Attempt,
    /// The commit that they know of.
    pub commit: String,
    /// When the task was created.
    pub created: Timestamp,
    /// Its repository, as it is now.
    pub repo: Repo,
}

/// Whether its outcome was heard.
async fn push(bench: &WorkerContext, order: PushRequest) -> bool {
    let PushRequest {
        attempt,
        commit,
        created,
        repo,
    } = order;
    let state = &bench.config.state;
    let Some(record) = FolderRecord::of(state, attempt.task, created)
        .or_else(|| FolderRecord::retired(state, attempt.task, created))
    else {
        let kept = ReportKeptWork {
            task: attempt.task,
            created,
            epoch: attempt.epoch,
            commit: None,
            name: None,
            held: Vec::new(),
            notes: vec![format!(
                "Its worker has nothing of {} any more; what it held is in the copies below {}.",
                attempt.task,
                state.join("repos").display()
            )],
        };
        return tell_kept(bench, &kept).await;
    };
    let record = FolderRecord { repo, ..record };
    let mut workspace = Workspace::of_orphan(state, record, &bench.config.git);
    let pushed = workspace.push(&commit, &bench.config.agent.known).await;
    let kept = pushed.unwrap_or_else(|failure| {
        workspace.kept(vec![format!(
            "It could not be pushed: {} The worker keeps it; say `task push {}` to try again.",
            failure.what, attempt.task
        )])
    });
    let is_told = tell_kept(bench, &kept).await;
    if is_told {
        workspace.told();
    }
    is_told
}
