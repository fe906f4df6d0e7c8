//! Repositories.

use serde::Serialize;
use vine_domain::{
    Branch, Repo, Slug, Wall,
    guard::{Egress, Host, Preset},
    repo::Push,
};

/// A repository.
#[derive(Debug, Clone, Serialize)]
pub struct RepoView {
    /// Its name.
    pub id: Slug,
    /// `open` or `paused`.
    pub state: &'static str,
    /// Where it is, without secrets.
    pub source: String,
    /// The branch that new tasks start from.
    pub base: Branch,
    /// Its own agent settings, hooks and MCP servers are loaded.
    pub trusted: bool,
    /// Its rooms are end-to-end encrypted, where the platform can.
    pub encrypted: bool,
    /// What workers push without being asked.
    pub push: Push,
    /// What agents may do without asking.
    pub preset: Option<Preset>,
    /// Which hosts agents reach.
    pub egress: Option<Egress>,
    /// The hosts on its list.
    pub hosts: Vec<Host>,
    /// The wall that it requires.
    pub wall: Option<Wall>,
}

impl RepoView {
    /// A repository.
    pub fn of(repo: &Repo) -> Self {
        Self {
            id: repo.name.clone(),
            state: if repo.paused { "paused" } else { "open" },
            source: repo.source.shown(),
            base: repo.base.clone(),
            trusted: repo.trusted,
            encrypted: repo.encrypted,
            push: repo.push,
            preset: repo.guard.preset,
            egress: repo.guard.egress,
            hosts: repo.guard.hosts.clone(),
            wall: repo.guard.wall,
        }
    }
}
