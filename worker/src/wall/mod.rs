//! What stands around an agent.
//!
//! ```text
//!  keeper (this process)                      the agent's sandbox
//!    token, git, keys, state      ┌──────────────────────────────────────┐
//!    door    ◄── socket ──────────┤ vine ask, note, progress, show, finish│
//!    model   ◄── socket ──────────┤ 127.0.0.1:MODEL   (a dummy key inside)│
//!    egress  ◄── socket ──────────┤ 127.0.0.1:EGRESS  (HTTP_PROXY)        │
//!                                 │ its folder, a home of its own, /usr   │
//!                                 └──────────────────────────────────────┘
//! ```
//!
//! [`stand`] finds the best wall that can stand here, once, when a worker starts; [`sandbox`] puts it
//! around one attempt. What is mounted is decided in [`mounts`], what the agent's home holds in
//! [`home`], who is let out in [`egress`].

pub mod address;
pub mod bubblewrap;
pub mod client_hello;
pub mod connection_limit;
pub mod container;
pub mod door;
pub mod egress;
pub mod home;
pub mod limits;
pub mod model;
pub mod mounts;
pub mod sandbox;
pub mod stand;
pub mod users;

pub use sandbox::Sandbox;
pub use stand::{NoWall, Walls};

use std::{collections::BTreeMap, net::SocketAddr};

use vine_domain::Wall;

/// What an administrator says of walls.
#[derive(Debug, Clone, Default)]
pub struct WallConfig {
    /// Just this one; `None` for the best that stands.
    pub wanted: Option<Wall>,
    /// Bytes of memory for one agent with all that it starts; `None` for a share of the machine's.
    pub memory: Option<u64>,
    /// Processes of one agent, threads counted.
    pub processes: u64,
    /// An attempt whose files leave less than this many bytes on the disk is ended.
    pub keep_free: u64,
    /// Hosts that stand at an address of the administrator's choice, whatever their names resolve to:
    /// mirrors of registries, mostly. They must be let out by name all the same.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// What of the person's own Claude Code folder agents find in theirs, by name.
    pub own: Vec<String>,
    /// The image of the container wall.
    pub image: Option<String>,
    /// So many agents share this machine.
    pub agents: u32,
    /// Why it is to be none, for people.
    pub why: String,
    /// The first of the user numbers that the wall `user` takes, one for each agent.
    pub first_user: u32,
}
