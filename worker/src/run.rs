//! The worker's two loops, claims and heartbeats, and its shutdown.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;
use vine_api::{Claim, Client, ClientError, Heartbeat, PausedRepo};
use vine_domain::{
    assignment::{Assignment, WorkerMessage},
    attempt::Attempt,
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
    identity::{WorkerIdentity, renew},
    probe::HealthProbes,
    process::ProcessMark,
    push::{self, PushRequest},
    reaper,
    slots::Slots,
    wall::{Walls, sandbox::run_folder::remove_left_behind},
};

const CLAIM_WAIT: f64 = 30.0;
const BEAT_WAIT: f64 = 10.0;
/// Time limit for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(3);
/// How often a process checks whether it was suspended.
const TICK: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_millis(100);
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
    let desk = Arc::new(ActiveAttempts::default());
    let config = Arc::new(config);
    let place = Arc::new(WorkerHealth::new(config.probe));
    remove_left_behind();
    git_tokens::clear(&config.state);
    let walls = Arc::new(Walls::stand(&config)?);
    walls.clear_up(&config)?;
    tracing::info!("wall: {}", walls.standing.said());
    let bench = WorkerContext {
        walls,
        config: Arc::clone(&config),
        client: client.clone(),
        desk: Arc::clone(&desk),
        agent,
        worker,
        turns: Arc::default(),
        place: Arc::clone(&place),
    };
    let identity_file = WorkerIdentity::file(&config.state).display().to_string();
    let beats = Heartbeats {
        bench: bench.clone(),
        client,
        desk: Arc::clone(&desk),
        place: Arc::clone(&place),
        identity,
        identity_file,
        slots: config.slots,
        boot: System.uuid(),
        disk: WorktreeSize::default(),
    };
    if let Err(missing) = agent::starts(&config.agent).await {
        place.falls_ill(HealthPart::Agent, &missing, None);
    }
    let probes = HealthProbes(Arc::clone(&config));
    let tracker = TaskTracker::new();
    let worktrees = config.state.join("worktrees");
    let end = tokio::select! {
        end = beats.run() => end,
        () = renew(&beats.identity, &bench.client, &config.state) => unreachable!("runs forever"),
        () = reaper::run(&bench) => unreachable!("runs forever"),
        () = beats.disk.run(&worktrees) => unreachable!("runs forever"),
        () = place.heal(&probes) => unreachable!("runs forever"),
        () = claim(&bench, &beats, &tracker, &stop) => {
            drain(&beats, &desk, &tracker, config.drain).await;
            Ok(())
        }
    };
    for held in desk.all() {
        held.stop(StopReason::Shutdown);
    }
    if end.is_ok() {
        say_goodbye(&bench).await;
    }
    end
}

/// Tells the daemon not to wait for this worker to return. The daemon may be gone too.
async fn say_goodbye(bench: &WorkerContext) {
    let path = format!("/workers/{}/goodbye", bench.worker);
    let said = bench.client.post::<_, ()>(&path, &());
    if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, said).await {
        tracing::debug!("could not say goodbye to the daemon: {error}");
    }
}

/// Allows one process per identity: two would kill each other's agents.
fn own(state: &std::path::Path) -> Result<fs::File> {
    let lock = fs::File::create(state.join("worker.lock"))
        .with_context(|| format!("cannot write to {}", state.display()))?;
    lock.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "another worker already uses {}; give this one its own folder with --state",
            state.display()
        )
    })?;
    Ok(lock)
}

/// The daemon does not know this worker: it was removed, or the daemon uses another database.
#[derive(Debug, thiserror::Error)]
#[error("the daemon no longer knows this worker ({0}); remove {1} and enrol it again")]
pub struct UnknownWorker(String, String);

/// Keeps every slot busy until `stop`.
async fn claim(
    bench: &WorkerContext,
    beats: &Heartbeats,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let slots = Slots::new(bench.config.slots);
    // The first heartbeat tells the daemon that the agents of an earlier process are gone; only
    // then may this process claim.
    tokio::select! {
        () = stop.cancelled() => return,
        () = beats.first() => {}
    }
    while !stop.is_cancelled() {
        let room = async {
            bench.place.well().await;
            slots.room().await
        };
        let room = tokio::select! {
            () = stop.cancelled() => return,
            room = room => room,
        };
        if let Err(full) = has_room(&bench.config) {
            bench.place.falls_ill(HealthPart::Disk, &full, None);
        }
        let changes = bench.place.changes();
        // The attempt that released the slot may have made the worker unhealthy.
        if bench.place.trouble().is_some() {
            continue;
        }
        let claim = Claim {
            slots: room,
            wait: CLAIM_WAIT,
            except_repos: bench
                .place
                .without()
                .into_iter()
                .map(|(repo, _)| repo)
                .collect(),
        };
        let sent = Instant::now();
        let claimed = tokio::select! {
            () = stop.cancelled() => return,
            () = changes => continue,
            claimed = bench.client.claim(&claim) => claimed,
        };
        match claimed {
            Ok(claimed) => {
                if claimed.assignments.is_empty() {
                    breathe(sent).await;
                }
                for task in claimed.assignments {
                    let held = bench.desk.take(&task, sent, slots.take());
                    let bench = bench.clone();
                    tracker.spawn(async move { one(&bench, &held, &task).await });
                }
            }
            Err(error) => {
                tracing::debug!("could not claim: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A stopping daemon answers at once instead of waiting; another daemon will take the next call.
async fn breathe(sent: Instant) {
    if sent.elapsed() < BREATH {
        tokio::time::sleep(BREATH).await;
    }
}

async fn one(bench: &WorkerContext, held: &Arc<AttemptHandle>, task: &Assignment) {
    let turn = bench.turns.of(task.attempt.task);
    let _turn = turn.lock().await;
    tracing::info!(task.id = %task.attempt.task, "{}: starting attempt {}", task.attempt.task, task.attempt.epoch.0);
    attempt::run(bench, held, task).await;
    bench.desk.release(task.attempt);
}

/// Parks waiting attempts, gives the others time to finish, then releases those too.
async fn drain(
    beats: &Heartbeats,
    desk: &ActiveAttempts,
    tracker: &TaskTracker,
    patience: Duration,
) {
    tracker.close();
    desk.all().iter().for_each(|held| held.park.cancel());
    let finish = async {
        if tokio::time::timeout(patience, tracker.wait())
            .await
            .is_err()
        {
            desk.all()
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

/// Returns when this process was suspended, perhaps with the whole machine.
async fn stood_still() {
    let mut last = Instant::now();
    while last.elapsed() < 3 * TICK {
        last = Instant::now();
        tokio::time::sleep(TICK).await;
    }
}

/// Renews the worker's leases and receives worker messages.
struct Heartbeats {
    bench: WorkerContext,
    client: Client,
    desk: Arc<ActiveAttempts>,
    place: Arc<WorkerHealth>,
    identity: WorkerIdentity,
    identity_file: String,
    slots: u32,
    boot: Uuid,
    disk: WorktreeSize,
}

impl Heartbeats {
    /// Sends heartbeats while the daemon knows this worker.
    async fn run(&self) -> Result<()> {
        loop {
            // A lease that is no longer trusted must be confirmed or ended at once.
            let wait = if self.desk.all().iter().all(|held| held.is_trusted()) {
                BEAT_WAIT
            } else {
                0.0
            };
            let beat = self.beat(wait);
            let sent = Instant::now();
            let beaten = tokio::select! {
                beaten = self.client.beat(self.identity.id, &beat) => beaten,
                // The set of leases has changed, so the daemon should know at once.
                () = self.desk.changed.notified() => continue,
                // A call that was in flight during a suspension may never be answered.
                () = stood_still() => continue,
            };
            match beaten {
                Ok(beaten) => {
                    if beaten.messages.is_empty() {
                        breathe(sent).await;
                    }
                    self.act(&beat.leases, beaten.messages, sent).await;
                }
                Err(ClientError::Refused { status: 401, error }) => {
                    return Err(UnknownWorker(error.message, self.identity_file.clone()).into());
                }
                Err(error @ ClientError::OtherWire { .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!("heartbeat: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends a heartbeat that does not wait, until the daemon has received one.
    async fn first(&self) {
        while let Err(error) = self.client.beat(self.identity.id, &self.beat(0.0)).await {
            let ends = matches!(
                error,
                ClientError::Refused { status: 401, .. } | ClientError::OtherWire { .. }
            );
            if ends {
                // The concurrent heartbeats report this and end the worker.
                std::future::pending::<()>().await;
            }
            tracing::info!("waiting for the daemon: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn beat(&self, wait: f64) -> Heartbeat {
        let leases = self.desk.all().iter().map(|held| held.attempt).collect();
        Heartbeat {
            boot: self.boot,
            slots: self.slots,
            leases,
            handling: self.desk.handling(),
            noting: self.desk.noting(),
            pushing: self.desk.pushing(),
            trouble: self.place.trouble(),
            paused_repos: self
                .place
                .without()
                .into_iter()
                .map(|(repo, why)| PausedRepo { repo, why })
                .collect(),
            worktree_bytes: self.disk.taken(),
            isolation: Some(self.bench.walls.standing.clone()),
            wait,
        }
    }

    async fn act(&self, named: &[Attempt], deliveries: Vec<WorkerMessage>, sent: Instant) {
        let over = |attempt: &Attempt| {
            deliveries.iter().any(
                |told| matches!(told, WorkerMessage::Stop { attempt: over, .. } if over == attempt),
            )
        };
        let kept: Vec<Attempt> = named
            .iter()
            .filter(|attempt| !over(attempt))
            .copied()
            .collect();
        self.desk.confirm(&kept, sent);
        let mut idle = !deliveries.is_empty();
        for delivery in deliveries {
            match delivery {
                WorkerMessage::Stop { attempt, why, over } => {
                    self.desk.stop(attempt, StopReason::LeaseOver { why, over });
                }
                WorkerMessage::Answer { question } => idle &= !self.desk.answer(*question),
                WorkerMessage::Note { attempt, note } => idle &= !self.desk.note(attempt, note),
                WorkerMessage::Push {
                    attempt,
                    commit,
                    created_at: created,
                    repo,
                } => {
                    idle = false;
                    let order = PushRequest {
                        attempt,
                        commit,
                        created,
                        repo: *repo,
                    };
                    push::begin(&self.bench, order);
                }
            }
        }
        if idle {
            // The daemon repeats messages that cannot be acted on yet, for example for an agent
            // that is starting.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
