//! Pushes that people ask for: of work that was cancelled, held back, or kept by the repository's own
//! rule.

use std::{sync::Arc, time::Duration};

use vine_api::Kept;
use vine_domain::{Repo, Timestamp, worker::Attempt};

use crate::{
    attempt::{Bench, tell_kept},
    keeper::record::Record,
    workspace::Workspace,
};

/// Between two tries whose outcome nobody heard.
const PAUSE: Duration = Duration::from_secs(30);

/// Pushes what is kept of an attempt, and tells; a second order for it meanwhile is none.
pub fn begin(bench: &Bench, attempt: Attempt, created: Timestamp, repo: Repo) {
    if !bench.desk.push(attempt) {
        return;
    }
    let bench = bench.clone();
    tokio::spawn(async move {
        let turn = bench.turns.of(attempt.task);
        // An attempt of it that runs comes to its end first.
        let turn = Arc::clone(&turn).lock_owned().await;
        let told = tell_kept(&bench, &push(&bench, attempt, created, repo).await).await;
        drop(turn);
        if !told {
            // The order comes again as long as nobody has heard.
            tokio::time::sleep(PAUSE).await;
        }
        bench.desk.pushed(attempt);
    });
}

async fn push(bench: &Bench, attempt: Attempt, created: Timestamp, repo: Repo) -> Kept {
    let state = &bench.config.state;
    let nothing = Kept {
        task: attempt.task,
        created,
        epoch: attempt.epoch,
        commit: None,
        name: None,
        held: Vec::new(),
        notes: Vec::new(),
    };
    let Some(record) = Record::of(state, attempt.task, created)
        .or_else(|| Record::retired(state, attempt.task, created))
    else {
        let notes = vec![format!(
            "Its worker has nothing of {} any more; what it held is in the copies below {}.",
            attempt.task,
            state.join("repos").display()
        )];
        return Kept { notes, ..nothing };
    };
    let record = Record { repo, ..record };
    let commit = Some(record.tip.clone());
    let mut workspace = Workspace::of_orphan(state, record, &bench.config.git);
    match workspace.push(&bench.config.agent.known).await {
        Ok(kept) => Kept {
            epoch: attempt.epoch,
            ..kept
        },
        Err(failure) => Kept {
            commit,
            notes: vec![format!(
                "It could not be pushed: {} The worker keeps it; say `task push {}` to try again.",
                failure.what, attempt.task
            )],
            ..nothing
        },
    }
}
