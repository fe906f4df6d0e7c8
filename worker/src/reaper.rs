//! Worktrees that nobody needs any more: their task ended while this worker was away. They are taken away when it starts,
//! before it claims anything. What lies in them uncommitted goes onto their branch first, and the branch stays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vine_api::{Client, Orphans};
use vine_domain::{TaskId, Timestamp, WorkerId};

use crate::{
    config::WorkerConfig,
    git::git,
    workspace::{self, Workspace},
};

/// A worktree of ours.
struct Found {
    folder: PathBuf,
    task: TaskId,
    created: Timestamp,
}

/// Takes away what is over. What cannot be taken away is named in the log and stays.
pub async fn reap(config: &WorkerConfig, client: &Client, worker: WorkerId) {
    let mut found = Vec::new();
    for folder in folders(&config.state.join("worktrees")) {
        found.extend(ours(folder).await);
    }
    if found.is_empty() {
        return;
    }
    let asked = Orphans { tasks: found.iter().map(|one| (one.task, one.created)).collect() };
    let over = match client.post::<_, Orphans>(&format!("/workers/{worker}/orphans"), &asked).await {
        Ok(over) => over.tasks,
        Err(error) => return tracing::info!("worktrees of earlier runs are left alone: {error}"),
    };
    for orphan in found.iter().filter(|one| over.contains(&(one.task, one.created))) {
        let (task, folder) = (orphan.task, orphan.folder.display());
        match Workspace::of_orphan(&orphan.folder, task, &config.commit).await {
            Ok(workspace) => match workspace.close().await {
                Ok(()) => tracing::info!(task.id = %task, "{task} is over; took its worktree {folder} away"),
                Err(failure) => tracing::warn!(task.id = %task, "the worktree {folder} of {task} stays: {}", failure.what),
            },
            Err(failure) => tracing::warn!(task.id = %task, "the worktree {folder} of {task} stays: {}", failure.what),
        }
    }
}

/// `worktrees/<repository>/<task>`
fn folders(root: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    inside(root).iter().flat_map(|repository| inside(repository)).filter(|folder| folder.join(".git").is_file()).collect()
}

/// Whose it is, by the reason that it is locked with.
async fn ours(folder: PathBuf) -> Option<Found> {
    let listing = git(&folder, &["worktree", "list", "--porcelain"]).await.ok()?;
    let line = format!("worktree {}", fs::canonicalize(&folder).ok()?.display());
    let entry = listing.split("\n\n").find(|entry| entry.lines().next() == Some(line.as_str()))?;
    let (task, created) = workspace::read_owner(entry.lines().find_map(|line| line.strip_prefix("locked "))?)?;
    Some(Found { folder, task, created })
}
