//! Workers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, guard::WorkerIsolation, ids::WorkerId, input::Slug, lease::LEASE};

/// A machine, or a share of one, that runs agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Given at enrolment.
    pub id: WorkerId,
    /// Its unique name, as people use it.
    pub name: String,
    /// How many agents it runs at once.
    pub slots: u32,
    /// Program and version: `vine 0.1.0`.
    pub version: String,
    /// It takes no new work until `worker resume`.
    pub draining: bool,
    /// Why it cannot work, as the worker reports it.
    pub trouble: Option<String>,
    /// Repositories whose tasks it cannot take now, each with the reason that the worker reports.
    #[serde(default)]
    pub without: Vec<(Slug, String)>,
    /// Created at each start of its process; a different one means that its agents are gone.
    pub boot: Option<Uuid>,
    /// When it was last seen.
    pub seen: Timestamp,
    /// The disk space of its worktrees, as last reported.
    #[serde(default)]
    pub worktree_bytes: u64,
    /// The limits that an administrator set.
    #[serde(default)]
    pub limits: WorkerLimits,
    /// When it signed off, or lost its leases because its connection closed; `None` while it is
    /// present.
    #[serde(default)]
    pub gone: Option<Timestamp>,
    /// The wall around its agents, as last reported.
    #[serde(default)]
    pub standing: Option<WorkerIsolation>,
}

/// The limits that an administrator set for a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// At most this many agents at once, whatever the worker offers.
    pub slots: Option<u32>,
    /// Only tasks of these repositories.
    pub repos: Option<Vec<Slug>>,
}

impl WorkerLimits {
    /// As text to append to the number of slots; empty without limits.
    pub fn said(&self) -> String {
        let slots = self.slots.map(|slots| format!(", at most {slots}"));
        let repos = self.repos.as_ref().map(|repos| {
            let names: Vec<&str> = repos.iter().map(Slug::as_str).collect();
            format!(", only {}", names.join(", "))
        });
        [slots, repos].into_iter().flatten().collect()
    }
}

/// The five states of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkerState {
    /// It has no agents and can take work.
    Idle,
    /// At least one agent runs.
    Busy,
    /// All its agents wait for people.
    Waiting,
    /// It reported that it cannot work.
    Error,
    /// It signed off, lost its leases, or was not seen for longer than a lease lasts.
    Offline,
}

impl WorkerState {
    /// The word for this state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Busy => "BUSY",
            Self::Waiting => "WAITING",
            Self::Error => "ERROR",
            Self::Offline => "OFFLINE",
        }
    }
}

impl Worker {
    /// What is wrong with the worker, one phrase each.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        let repos = self.without.iter();
        let repos = repos.map(|(repo, why)| format!("takes no tasks of `{repo}`: {why}"));
        self.trouble.clone().into_iter().chain(repos)
    }

    /// Whether it was seen lately.
    pub fn is_online(&self, now: Timestamp) -> bool {
        self.gone.is_none() && now.since(self.seen) <= LEASE
    }
}

/// A worker and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLoad {
    /// The worker.
    pub worker: Worker,
    /// How many of its leases run.
    pub running: usize,
    /// How many of them wait for a person.
    pub waiting: usize,
}

impl WorkerLoad {
    /// What the worker is doing.
    pub fn state(&self, now: Timestamp) -> WorkerState {
        match () {
            () if !self.worker.is_online(now) => WorkerState::Offline,
            () if self.worker.trouble.is_some() => WorkerState::Error,
            () if self.running > 0 => WorkerState::Busy,
            () if self.waiting > 0 => WorkerState::Waiting,
            () => WorkerState::Idle,
        }
    }
}
