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
