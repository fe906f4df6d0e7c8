//! Configuration of a worker.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use vine_domain::{Repo, Slug, Wall, secrets::KnownSecrets};

use crate::git_tokens::{self, GitTokens};

/// One worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The daemon's address.
    pub daemon: String,
    /// The worker's display name.
    pub name: String,
    /// Maximum number of concurrent agents.
    pub slots: u32,
    /// The folder for the identity, worktrees and temporary files; outside every repository that
    /// tasks work on.
    pub state: PathBuf,
    /// How agents are started.
    pub agent: AgentConfig,
    /// How git is used.
    pub git: GitConfig,
    /// How long an agent that waits for a person is kept alive before it is parked.
    pub hold: Duration,
    /// If more agents than this wait, additional ones are parked at once.
    pub max_held: usize,
    /// How long running agents may continue after the worker is asked to stop.
    pub drain: Duration,
    /// Pause before an unhealthy part is checked again; it doubles each time, up to ten minutes.
    pub probe: Duration,
    /// The worker takes no work while its disk has fewer free bytes than this.
    pub min_free: u64,
    /// The wall around its agents.
    pub wall: WallConfig,
}

/// The supported kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Claude Code, over stream-json and its control protocol.
    Claude,
    /// Any executable; it asks by running `vine ask`.
    Script,
}

impl AgentKind {
    /// Whether it can resume a session; otherwise it starts again from the beginning.
    pub fn resumes(self) -> bool {
        self == Self::Claude
    }
}

/// How agents are started.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The kind of agent.
    pub kind: AgentKind,
    /// The program and its first arguments; never taken from chat text.
    pub command: Vec<String>,
    /// Its environment, in addition to the few variables that every program needs.
    pub env: BTreeMap<String, String>,
    /// Names of variables that it inherits from the worker when they are set.
    pub pass: Vec<String>,
    /// Which of these values may be secrets.
    pub known: KnownSecrets,
    /// An agent is considered hung after this long without output while no question is open.
    pub hang_after: Duration,
}

impl AgentConfig {
    /// The value of this variable in an agent's environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        let passed = || {
            let is_passed = self.pass.iter().any(|one| one == name);
            is_passed.then(|| std::env::var(name).ok()).flatten()
        };
        self.env.get(name).cloned().or_else(passed)
    }

    /// Claude Code's own folder on the host: `CLAUDE_CONFIG_DIR`, or `.claude` in the home folder.
    pub fn claude_folder(&self) -> Option<PathBuf> {
        let env = |name: &str| self.variable(name).or_else(|| std::env::var(name).ok());
        env("CLAUDE_CONFIG_DIR")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env("HOME")?).join(".claude")))
    }

    /// The values in an agent's environment that may be secrets, by name.
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
    /// How remotes are reached unless their repository has its own settings.
    pub access: GitAccess,
    /// Settings for single repositories, by name; these take precedence.
    pub repos: BTreeMap<Slug, GitAccess>,
    /// Tokens that the daemon has lent.
    pub tokens: Arc<GitTokens>,
}

impl GitConfig {
    /// What the operator set for the remote of a repository.
    pub fn of(&self, repo: &Slug) -> &GitAccess {
        self.repos.get(repo).unwrap_or(&self.access)
    }

    /// How the remote of a repository is reached: as the operator set it, else with a token that the daemon lent.
    pub fn access(&self, state: &Path, repo: &Repo) -> GitAccess {
        let own = self.of(&repo.name).clone();
        match self
            .tokens
            .file(state, repo)
            .filter(|_| own.token_file.is_none())
        {
            Some(lent) => GitAccess {
                token_file: Some(lent),
                token_user: git_tokens::USER.into(),
                ..own
            },
            None => own,
        }
    }
}

/// How git reaches a remote; unset fields leave it to the operator's git and ssh configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitAccess {
    /// An SSH key; no other key is offered.
    pub ssh_key: Option<PathBuf>,
    /// The only trusted hosts, in ssh's `known_hosts` format.
    pub known_hosts: Option<PathBuf>,
    /// A file with a token for HTTPS; read each time git asks, so it may change.
    pub token_file: Option<PathBuf>,
    /// The user name to send with the token; most forges accept any.
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
