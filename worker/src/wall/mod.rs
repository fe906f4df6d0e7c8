//! What separates an agent from its machine.
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
//! [`stand`] picks the best wall available on this machine, once, when a worker starts; [`sandbox`]
//! puts it around one attempt. [`mounts`] decides what is mounted, [`home`] what the agent's home
//! contains, and [`egress`] which hosts the agent may reach.

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

/// An administrator's settings for walls.
#[derive(Debug, Clone, Default)]
pub struct WallConfig {
    /// The only wall to use; `None` for the best available.
    pub wanted: Option<Wall>,
    /// Bytes of memory for one agent and everything it starts; `None` for a share of the machine's
    /// memory.
    pub memory: Option<u64>,
    /// Maximum number of processes of one agent, including threads.
    pub processes: u64,
    /// An attempt is ended if its files leave fewer free bytes than this on the disk.
    pub keep_free: u64,
    /// Hosts with an address set by the administrator, whatever their names resolve to: typically
    /// registry mirrors. They must still be allowed by name.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Entries of the person's own Claude Code folder that agents get too, by name.
    pub own: Vec<String>,
    /// The image for the container wall.
    pub image: Option<String>,
    /// How many agents share this machine.
    pub agents: u32,
    /// Why no wall was requested, for people.
    pub why: String,
    /// The first user id for the wall `user`; each agent takes one.
    pub first_user: u32,
}
