//! The worker: claims tasks, runs agents in git worktrees, forwards their questions to people and
//! returns the answers.
//!
//! To follow one task: `run` (claims), `heartbeats` (leases are renewed, answers arrive), `attempt`
//! (one task from worktree to report), `agent` (what an agent is; `claude` and `script` are the two kinds), `agent_host` (what an agent
//! may ask of its worker).
#![expect(
    clippy::disallowed_types,
    reason = "the worker is a program: its clock is that of its machine"
)]

mod active;
mod agent;
mod agent_folder;
mod agent_host;
mod attempt;
mod config;
mod context;
mod disk;
mod git;
mod git_tokens;
mod health;
mod heartbeats;
mod identity;
mod keeper;
mod lending;
mod probe;
mod process;
mod push;
mod reaper;
mod report;
mod run;
mod sent_files;
mod slots;
mod supervise;
mod wall;
mod workspace;

pub use agent::INSTALL;
pub use config::{
    AgentConfig, AgentKind, CommitConfig, GitAccess, GitConfig, WallConfig, WorkerConfig,
};
pub use heartbeats::UnknownWorker;
pub use identity::{WorkerIdentity, enrol};
pub use process::{be_supervised, find_program, parents};
pub use run::run;
pub use supervise::supervise;
pub use wall::{
    NoWall, Walls,
    bubblewrap::INSIDE,
    door::{DoorCall, NobodyAnswered, call as through_door},
};
