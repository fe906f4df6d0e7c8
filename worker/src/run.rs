//! The worker: its claims, and its shutdown. Its heartbeats are in `heartbeats`.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vine_api::{Claim, Client};
use vine_domain::{
    assignment::Assignment,
    clock::{Ids, System},
};

use crate::{
    active::{ActiveAttempts, AttemptHandle, StopReason},
    agent, attempt,
    config::WorkerConfig,
    context::WorkerContext,
    disk::{WorktreeSize, has_room},
    git_tokens,
    health::{HealthPart, WorkerHealth},
    heartbeats::{Heartbeats, PAUSE, breathe},
    identity::{WorkerIdentity, renew},
    probe::HealthProbes,
    process::ProcessMark,
    reaper,
    slots::Slots,
    wall::{Walls, sandbox::run_folder::remove_left_behind},
};

const CLAIM_WAIT: f64 = 30.0;
/// Time limit for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long reports of stopped attempts may take before the process exits anyway.
const LAST_REPORTS: Duration = Duration::from_secs(10);

/// Works until `stop`, then drains: waiting agents are parked at once, running ones have
/// `config.drain` to finish. Returns early if the daemon no longer knows this worker.
pub async fn run(
    config: WorkerConfig,
    identity: WorkerIdentity,
    stop: CancellationToken,
) -> Result<()> {
    let _owned = own(&config.state)?;
    let client = Client::new(&config.daemon, Some(identity.token.clone()));
    let temp = config.state.join("tmp");
    fs::create_dir_all(&temp)
        .with_context(|| format!("cannot create the folder {}", temp.display()))?;
    // Processes that an earlier run of this worker left behind belong to no attempt.
    let worker: Arc<str> = identity.id.to_string().into();
    let left = ProcessMark::kill_of_worker(&worker).await;
    if left > 0 {
        tracing::warn!("killed {left} processes left behind by an earlier run of this worker");
    }
    let agent: Arc<str> = agent::describe(&config.agent).await.into();
    let attempts = Arc::new(ActiveAttempts::default());
    let config = Arc::new(config);
    let health = Arc::new(WorkerHealth::new(config.probe));
    remove_left_behind();
    git_tokens::clear(&config.state);
    let walls = Arc::new(Walls::stand(&config)?);
    walls.clear_up(&config)?;
    tracing::info!("wall: {}", walls.standing.said());
    let context = WorkerContext {
        walls,
        config: Arc::clone(&config),
        client: client.clone(),
        attempts: Arc::clone(&attempts),
        agent,
        worker,
        turns: Arc::default(),
        health: Arc::clone(&health),
    };
    let identity_file = WorkerIdentity::file(&config.state).display().to_string();
    let beats = Heartbeats {
        context: context.clone(),
        client,
        attempts: Arc::clone(&attempts),
        health: Arc::clone(&health),
        identity,
        identity_file,
        slots: config.slots,
        boot: System.uuid(),
        disk: WorktreeSize::default(),
    };
    if let Err(missing) = agent::starts(&config.agent).await {
        health.falls_ill(HealthPart::Agent, &missing, None);
    }
    let probes = HealthProbes(Arc::clone(&config));
    let tracker = TaskTracker::new();
    let worktrees = config.state.join("worktrees");
    let end = tokio::select! {
        end = beats.run() => end,
        () = renew(&beats.identity, &context.client, &config.state) => unreachable!("runs forever"),
        () = reaper::run(&context) => unreachable!("runs forever"),
        () = beats.disk.run(&worktrees) => unreachable!("runs forever"),
        () = health.heal(&probes) => unreachable!("runs forever"),
        () = claim(&context, &beats, &tracker, &stop) => {
            drain(&beats, &attempts, &tracker, config.drain).await;
            Ok(())
        }
    };
    for held in attempts.all() {
        held.stop(StopReason::Shutdown);
    }
    if end.is_ok() {
        say_goodbye(&context).await;
    }
    end
}

/// Tells the daemon not to wait for this worker to return. The daemon may be gone too.
async fn say_goodbye(context: &WorkerContext) {
    let path = format!("/workers/{}/goodbye", context.worker);
    let said = context.client.post::<_, ()>(&path, &());
    if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, said).await {
        tracing::debug!("could not say goodbye to the daemon: {error}");
    }
}

/// Allows one process per identity: two would kill each other's agents.
fn own(state: &std::path::Path) -> Result<fs::File> {
    let lock = fs::File::create(state.join("worker.lock"))
        .with_context(|| format!("cannot write to {}", state.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => bail!(
            "another worker already uses {}; give this one its own folder with --state",
            state.display()
        ),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock a file in {}", state.display()))
        }
    }
}

/// Keeps every slot busy until `stop`.
async fn claim(
    context: &WorkerContext,
    beats: &Heartbeats,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let slots = Slots::new(context.config.slots);
    // The first heartbeat tells the daemon that the agents of an earlier process are gone; only
    // then may this process claim.
    tokio::select! {
        () = stop.cancelled() => return,
        () = beats.first() => {}
    }
    while !stop.is_cancelled() {
        let room = async {
            context.health.well().await;
            slots.room().await
        };
        let room = tokio::select! {
            () = stop.cancelled() => return,
            room = room => room,
        };
        if let Err(full) = has_room(&context.config) {
            context.health.falls_ill(HealthPart::Disk, &full, None);
        }
        let changes = context.health.changes();
        // The attempt that released the slot may have made the worker unhealthy.
        if context.health.trouble().is_some() {
            continue;
        }
        let claim = Claim {
            slots: room,
            wait: CLAIM_WAIT,
            except_repos: context
                .health
                .without()
                .into_iter()
                .map(|(repo, _)| repo)
                .collect(),
        };
        let sent = Instant::now();
        let claimed = tokio::select! {
            () = stop.cancelled() => return,
            () = changes => continue,
            claimed = context.client.claim(&claim) => claimed,
        };
        match claimed {
            Ok(claimed) => {
                if claimed.assignments.is_empty() {
                    breathe(sent).await;
                }
                for task in claimed.assignments {
                    let held = context.attempts.take(&task, sent, slots.take());
                    let context = context.clone();
                    tracker.spawn(async move { one(&context, &held, &task).await });
                }
            }
            Err(error) => {
                tracing::debug!("could not claim: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn one(context: &WorkerContext, held: &Arc<AttemptHandle>, task: &Assignment) {
    let turn = context.turns.of(task.attempt.task);
    let _turn = turn.lock().await;
    tracing::info!(task.id = %task.attempt.task, "{}: starting attempt {}", task.attempt.task, task.attempt.epoch.0);
    attempt::run(context, held, task).await;
    context.attempts.release(task.attempt);
}

/// Parks waiting attempts, gives the others time to finish, then releases those too.
async fn drain(
    beats: &Heartbeats,
    attempts: &ActiveAttempts,
    tracker: &TaskTracker,
    patience: Duration,
) {
    tracker.close();
    attempts.all().iter().for_each(|held| held.park.cancel());
    let finish = async {
        if tokio::time::timeout(patience, tracker.wait())
            .await
            .is_err()
        {
            attempts
                .all()
                .iter()
                .for_each(|held| held.stop(StopReason::Shutdown));
            let _daemon_may_be_gone_too = tokio::time::timeout(LAST_REPORTS, tracker.wait()).await;
        }
    };
    tokio::select! {
        () = finish => {}
        _ = beats.run() => {}
    }
}
