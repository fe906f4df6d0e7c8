//! What a worker is told about its work.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use vine_domain::{Slug, secrets::KnownSecrets};

use crate::{agent::AgentKind, wall::WallConfig};

/// One worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Where the daemon is.
    pub daemon: String,
    /// What people call this worker.
    pub name: String,
    /// How many agents at once.
    pub slots: u32,
    /// Where identity, worktrees and temporary files live; outside every repository that tasks work
    /// on.
    pub state: PathBuf,
    /// How agents are started.
    pub agent: AgentConfig,
    /// How git is used.
    pub git: GitConfig,
    /// How long an agent that waits for a person is kept alive before it is parked.
    pub hold: Duration,
    /// With more agents than this waiting, further ones are parked at once.
    pub max_held: usize,
    /// How long running agents may go on after the worker is asked to stop.
    pub drain: Duration,
    /// How soon what is ill is looked at again; twice as long each time, up to ten minutes.
    pub probe: Duration,
    /// With less than this many bytes left on its disk the worker takes no work.
    pub min_free: u64,
    /// What is to stand around its agents.
    pub wall: WallConfig,
}

/// How agents are started.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Which one.
    pub kind: AgentKind,
    /// The program and its first arguments; never from chat text.
    pub command: Vec<String>,
    /// Its environment beside the few names that every program needs.
    pub env: BTreeMap<String, String>,
    /// Names of variables that it inherits from the worker when they are set.
    pub pass: Vec<String>,
    /// What of that may be secret.
    pub known: KnownSecrets,
    /// An agent that says nothing for this long, with nobody asked, hangs.
    pub hang_after: Duration,
}

impl AgentConfig {
    /// What an agent would find under this name in its environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        let passed = || {
            let is_passed = self.pass.iter().any(|one| one == name);
            is_passed.then(|| std::env::var(name).ok()).flatten()
        };
        self.env.get(name).cloned().or_else(passed)
    }

    /// Claude Code's own folder, as the person has it: `CLAUDE_CONFIG_DIR`, or `.claude` in the home.
    pub fn claude_folder(&self) -> Option<PathBuf> {
        let env = |name: &str| self.variable(name).or_else(|| std::env::var(name).ok());
        env("CLAUDE_CONFIG_DIR")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env("HOME")?).join(".claude")))
    }

    /// What an agent finds in its environment that may be secret, by name.
    pub fn known(env: &BTreeMap<String, String>, pass: &[String]) -> KnownSecrets {
        let passed = pass
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
        KnownSecrets::of(&passed.chain(env.clone()).collect())
    }
}

/// How git is used.
#[derive(Debug, Clone)]
pub struct GitConfig {
    /// How the agents' work is committed.
    pub commit: CommitConfig,
    /// How all remotes are reached, where nothing else is said.
    pub access: GitAccess,
    /// How those of single repositories are, by name; that counts instead.
    pub repos: BTreeMap<Slug, GitAccess>,
}

impl GitConfig {
    /// How the remote of a repository is reached.
    pub fn access(&self, repo: &Slug) -> &GitAccess {
        self.repos.get(repo).unwrap_or(&self.access)
    }
}

/// How git reaches a remote; what is not said is as the operator's own git and ssh do it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitAccess {
    /// An SSH key, offered alone.
    pub ssh_key: Option<PathBuf>,
    /// The only hosts that are trusted, as ssh's `known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// A file with a token for HTTPS; read whenever git asks, so it may change.
    pub token_file: Option<PathBuf>,
    /// The user that goes with it; most forges take any.
    pub token_user: String,
}

/// How the agents' work is committed.
#[derive(Debug, Clone)]
pub struct CommitConfig {
    /// Author and committer.
    pub name: String,
    /// Their address.
    pub email: String,
    /// A line like `Agent: AgentVine`, added to the trailers; empty for none.
    pub trailer: String,
}
