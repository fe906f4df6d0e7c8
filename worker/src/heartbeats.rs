//! Heartbeats: the leases that the worker holds are renewed, and what it must be told comes back.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::time::Instant;
use uuid::Uuid;
use vine_api::{Client, ClientError, Heartbeat, PausedRepo};
use vine_domain::{assignment::WorkerMessage, attempt::Attempt};

use crate::{
    active::{ActiveAttempts, StopReason},
    context::WorkerContext,
    disk::WorktreeSize,
    health::WorkerHealth,
    identity::WorkerIdentity,
    push::{self, PushRequest},
};

const BEAT_WAIT: f64 = 10.0;
/// How often a process checks whether it was suspended.
const TICK: Duration = Duration::from_secs(1);
/// The pause after a call that failed.
pub const PAUSE: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_millis(100);

/// The daemon does not know this worker: it was removed, or the daemon uses another database.
#[derive(Debug, thiserror::Error)]
#[error("the daemon no longer knows this worker ({0}); remove {1} and enrol it again")]
pub struct UnknownWorker(String, String);

/// A stopping daemon answers at once instead of waiting; another daemon will take the next call.
pub async fn breathe(sent: Instant) {
    if sent.elapsed() < BREATH {
        tokio::time::sleep(BREATH).await;
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
pub struct Heartbeats {
    pub context: WorkerContext,
    pub client: Client,
    pub attempts: Arc<ActiveAttempts>,
    pub health: Arc<WorkerHealth>,
    pub identity: WorkerIdentity,
    pub identity_file: String,
    pub slots: u32,
    pub boot: Uuid,
    pub disk: WorktreeSize,
}

impl Heartbeats {
    /// Sends heartbeats while the daemon knows this worker.
    pub async fn run(&self) -> Result<()> {
        let mut is_away = false;
        loop {
            // A lease that is no longer trusted must be confirmed or ended at once.
            let wait = if self.attempts.all().iter().all(|held| held.is_trusted()) {
                BEAT_WAIT
            } else {
                0.0
            };
            let beat = self.beat(wait);
            let sent = Instant::now();
            let beaten = tokio::select! {
                beaten = self.client.beat(self.identity.id, &beat) => beaten,
                // The set of leases has changed, so the daemon should know at once.
                () = self.attempts.changed.notified() => continue,
                // A call that was in flight during a suspension may never be answered.
                () = stood_still() => continue,
            };
            match beaten {
                Ok(beaten) => {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("the daemon answers again");
                    }
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
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(
                            "the daemon does not answer; trying again, and running agents continue: {error}"
                        );
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends a heartbeat that does not wait, until the daemon has received one.
    pub async fn first(&self) {
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
        let leases = self
            .attempts
            .all()
            .iter()
            .map(|held| held.attempt)
            .collect();
        Heartbeat {
            boot: self.boot,
            slots: self.slots,
            leases,
            handling: self.attempts.handling(),
            noting: self.attempts.noting(),
            pushing: self.attempts.pushing(),
            trouble: self.health.trouble(),
            paused_repos: self
                .health
                .without()
                .into_iter()
                .map(|(repo, why)| PausedRepo { repo, why })
                .collect(),
            worktree_bytes: self.disk.taken(),
            isolation: Some(self.context.walls.standing.clone()),
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
        self.attempts.confirm(&kept, sent);
        let mut idle = !deliveries.is_empty();
        for delivery in deliveries {
            match delivery {
                WorkerMessage::Stop { attempt, why, over } => {
                    self.attempts
                        .stop(attempt, StopReason::LeaseOver { why, over });
                }
                WorkerMessage::Answer { question } => idle &= !self.attempts.answer(*question),
                WorkerMessage::Note { attempt, note } => idle &= !self.attempts.note(attempt, note),
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
                    push::begin(&self.context, order);
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
