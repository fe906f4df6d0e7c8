//! Workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{clock::Timestamp, guard::WorkerIsolation, ids::WorkerId, input::Slug, lease::LEASE};

/// A machine, or a share of one, that runs agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Given at enrolment.
    pub id: WorkerId,
    /// What people call it, unique.
    pub name: String,
    /// How many agents it runs at once.
    pub slots: u32,
    /// Program and version: `vine 0.1.0`.
    pub version: String,
    /// Takes no new work; `worker resume` ends it.
    pub draining: bool,
    /// What keeps it from working, in its own words.
    pub trouble: Option<String>,
    /// Repositories of which it takes no tasks now, each with the reason in its own words.
    #[serde(default)]
    pub without: Vec<(Slug, String)>,
    /// Made at each start of its process; another one means that its agents are gone.
    pub boot: Option<Uuid>,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// What its worktrees take on its disk, as it last said.
    #[serde(default)]
    pub worktree_bytes: u64,
    /// What an administrator lets it do.
    #[serde(default)]
    pub limits: WorkerLimits,
    /// When it said goodbye, or lost its leases since its connection closed; `None` while it is there.
    #[serde(default)]
    pub gone: Option<Timestamp>,
    /// What stands around its agents, as it last said.
    #[serde(default)]
    pub standing: Option<WorkerIsolation>,
}

/// What an administrator lets a worker do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// So many agents at once at most, whatever it says.
    pub slots: Option<u32>,
    /// Tasks of these repositories alone.
    pub repos: Option<Vec<Slug>>,
}

impl WorkerLimits {
    /// In words, behind the number of slots; empty without limits.
    pub fn said(&self) -> String {
        let slots = self.slots.map(|slots| format!(", at most {slots}"));
        let repos = self.repos.as_ref().map(|repos| {
            let names: Vec<&str> = repos.iter().map(Slug::as_str).collect();
            format!(", only {}", names.join(", "))
        });
        [slots, repos].into_iter().flatten().collect()
    }
}

/// The plan's five words for what a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkerState {
    /// Free for work.
    Idle,
    /// At least one agent runs.
    Busy,
    /// All its agents wait for people.
    Waiting,
    /// It said that it cannot work.
    Error,
    /// It said goodbye, lost its leases, or was not heard of for longer than one lasts.
    Offline,
}

impl WorkerState {
    /// The plan's word.
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
    /// What is ill there, a sentence each.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        let repos = self.without.iter();
        let repos = repos.map(|(repo, why)| format!("takes no tasks of `{repo}`: {why}"));
        self.trouble.clone().into_iter().chain(repos)
    }

    /// What this worker is doing, given how many of its leases run and how many wait for a person.
    pub fn state(&self, running: usize, waiting: usize, now: Timestamp) -> WorkerState {
        match () {
            () if self.gone.is_some() || now.since(self.seen) > LEASE => WorkerState::Offline,
            () if self.trouble.is_some() => WorkerState::Error,
            () if running > 0 => WorkerState::Busy,
            () if waiting > 0 => WorkerState::Waiting,
            () => WorkerState::Idle,
        }
    }
}
