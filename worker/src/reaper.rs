//! Worktrees that nobody needs any more: their task ended while this worker was away, or while it
//! was parked. They are taken away when the worker starts, before it claims anything, and every now
//! and then. What lies in them uncommitted goes onto their branch first, and the branch stays.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use vine_api::{Client, Orphans};
use vine_domain::{TaskId, Timestamp, WorkerId};

use crate::{
    attempt::Bench,
    git::git,
    workspace::{self, Workspace},
};

/// A worktree of ours.
struct Found {
    folder: PathBuf,
    task: TaskId,
    created: Timestamp,
}

const EVERY: Duration = Duration::from_secs(60);

/// Takes away what is over, again and again.
pub async fn run(bench: &Bench, worker: WorkerId) {
    loop {
        tokio::time::sleep(EVERY).await;
        reap(bench, worker).await;
    }
}

/// Takes away what is over. What cannot be taken away is named in the log and stays.
pub async fn reap(bench: &Bench, worker: WorkerId) {
    let config = &bench.config;
    let mut found = Vec::new();
    for folder in folders(&config.state.join("worktrees")) {
        found.extend(ours(folder).await);
    }
    for orphan in found {
        // An attempt that begins meanwhile waits; one that began before is why the task is not
        // over.
        let turn = bench.turns.of(orphan.task);
        let _turn = turn.lock().await;
        if !is_over(&bench.client, worker, &orphan).await {
            continue;
        }
        let (task, folder) = (orphan.task, orphan.folder.display());
        match Workspace::of_orphan(&orphan.folder, task, &config.commit).await {
            Ok(workspace) => match workspace.close().await {
                Ok(()) => {
                    tracing::info!(task.id = %task, "{task} is over; took its worktree {folder} \
                     away");
                }
                Err(failure) => {
                    tracing::warn!(task.id = %task, "the worktree {folder} of {task} stays: {}", failure.what);
                }
            },
            Err(failure) => {
                tracing::warn!(task.id = %task, "the worktree {folder} of {task} stays: {}", failure.what);
            }
        }
    }
}

async fn is_over(client: &Client, worker: WorkerId, found: &Found) -> bool {
    let asked = Orphans {
        tasks: vec![(found.task, found.created)],
    };
    let answer = client
        .post::<_, Orphans>(&format!("/workers/{worker}/orphans"), &asked)
        .await;
    answer.is_ok_and(|over| over == asked)
}

/// `worktrees/<repository>/<task>`
fn folders(root: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    inside(root)
        .iter()
        .flat_map(|repository| inside(repository))
        .filter(|folder| folder.join(".git").is_file())
        .collect()
}

/// Whose it is, by the reason that it is locked with.
async fn ours(folder: PathBuf) -> Option<Found> {
    let listing = git(&folder, &["worktree", "list", "--porcelain"])
        .await
        .ok()?;
    let line = format!("worktree {}", fs::canonicalize(&folder).ok()?.display());
    let entry = listing
        .split("\n\n")
        .find(|entry| entry.lines().next() == Some(line.as_str()))?;
    let (task, created) = workspace::read_owner(
        entry
            .lines()
            .find_map(|line| line.strip_prefix("locked "))?,
    )?;
    Some(Found {
        folder,
        task,
        created,
    })
}
