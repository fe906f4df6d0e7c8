//! Removes folders that no attempt of this worker needs: their task ended while the worker was
//! away, or continues elsewhere. When the worker starts, their contents are kept and reported;
//! then, and periodically, those whose task is over are removed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use vine_api::Orphans;
use vine_domain::{SessionId, attempt::Attempt};

use crate::{
    context::WorkerContext,
    disk::remove_all,
    keeper::record::FolderRecord,
    lending,
    report::{close, is_over, keep, tell_kept},
    wall::home::SessionHome,
    workspace::{UnfinishedPolicy, Workspace},
};

const EVERY: Duration = Duration::from_secs(60);

/// Cleans up immediately and then periodically; runs alongside claiming, since a push may wait for
/// the network.
pub async fn run(context: &WorkerContext) {
    let mut begins = true;
    loop {
        reap(context, begins).await;
        begins = false;
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes what is over. If the worker `begins`, also keeps what interrupted attempts left behind.
async fn reap(context: &WorkerContext, begins: bool) {
    let config = &context.config;
    if begins {
        remove_halves(&config.state);
    }
    for record in FolderRecord::all(&config.state) {
        // An attempt that starts meanwhile waits for this lock.
        let task = record.task;
        let turn = context.turns.of(task);
        // A running attempt is not over and may take days.
        let Ok(_turn) = turn.try_lock() else {
            continue;
        };
        let is_over = is_over(context, task, record.created).await;
        if !is_over && !begins {
            continue;
        }
        let epoch = record.epoch;
        let attempt = Attempt { task, epoch };
        let repo = record.repo.clone();
        let mut workspace = Workspace::of_orphan(&config.state, record, &config.git);
        if begins && workspace.finished().is_none() {
            let keeping = match is_over {
                true => UnfinishedPolicy::Here,
                false => {
                    let _kept_here_without = lending::borrow(context, attempt, &repo).await;
                    UnfinishedPolicy::ByRule
                }
            };
            keep(context, task, &mut workspace, keeping).await;
        }
        if is_over {
            tracing::info!(task.id = %task, "{task} is over; removing its folder {}", workspace.folder().display());
            close(task, &mut workspace).await;
        }
    }
    remove_homes(context).await;
    for record in FolderRecord::all_retired(&config.state) {
        let task = record.task;
        let turn = context.turns.of(record.task);
        let Ok(_turn) = turn.try_lock() else {
            continue;
        };
        let mut workspace = Workspace::of_orphan(&config.state, record, &config.git);
        if workspace.is_untold() && tell_kept(context, &workspace.kept(Vec::new())).await {
            tracing::info!(task.id = %task, "reported the kept work of {task}");
            workspace.told();
        }
    }
}

/// Homes of sessions that will not be resumed.
async fn remove_homes(context: &WorkerContext) {
    let state = &context.config.state;
    let sessions: Vec<SessionId> = SessionHome::all(state)
        .into_iter()
        .filter(|session| SessionHome::of(state, *session).is_old())
        .collect();
    if sessions.is_empty() {
        return;
    }
    let asked = Orphans {
        sessions,
        ..Orphans::default()
    };
    let path = format!("/workers/{}/orphans", context.worker);
    if let Ok(over) = context.client.post::<_, Orphans>(&path, &asked).await {
        for session in over.sessions {
            SessionHome::of(state, session).remove();
        }
    }
}

/// Folders whose removal was interrupted.
fn remove_halves(state: &Path) {
    let inside = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let folders = inside(state.join("worktrees")).into_iter().flat_map(inside);
    for gone in folders.filter(|path| path.extension().is_some_and(|end| end == "gone")) {
        let _named_next_time = remove_all(&gone);
    }
}
