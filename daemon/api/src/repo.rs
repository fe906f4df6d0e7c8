//! Repositories.

use serde::Serialize;
use vine_domain::{
    Branch, Conventions, Effort, Followups, ModelName, Repo, Slug, Wall,
    forge::RequestRule,
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
    /// Agents load its own agent settings, hooks and MCP servers.
    pub trusted: bool,
    /// Its rooms are end-to-end encrypted if the platform supports it.
    pub encrypted: bool,
    /// What workers push without being asked.
    pub push: Push,
    /// What agents may do without asking.
    pub preset: Option<Preset>,
    /// Which hosts agents may reach.
    pub egress: Egress,
    /// The hosts on its allowlist.
    pub hosts: Vec<Host>,
    /// The wall that it requires.
    pub wall: Option<Wall>,
    /// The model of its agents.
    pub model: Option<ModelName>,
    /// How much they think.
    pub effort: Option<Effort>,
    /// Which words in the thread of a task that is over let it continue.
    pub followups: Followups,
    /// What it wants of its pull requests.
    pub requests: RequestRule,
    /// How it names branches and ends commit messages.
    pub conventions: Conventions,
}

impl RepoView {
    /// The view of a repository.
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
            model: repo.model.model.clone(),
            effort: repo.model.effort,
            followups: repo.followups,
            requests: repo.requests.clone(),
            conventions: repo.conventions.clone(),
        }
    }
}
