//! `[worker]`, `[agents]`, `[git]`: how a machine works.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use vine_domain::{Slug, Wall};

/// A worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSection {
    pub daemon: Option<String>,
    pub name: Option<String>,
    pub slots: u32,
    pub state: Option<PathBuf>,
    pub hold_seconds: u64,
    pub max_held: u32,
    pub drain_seconds: u64,
    pub probe_seconds: u64,
    pub min_free_mb: u64,
    pub wall: Option<Wall>,
    pub memory_mb: u64,
    pub processes: u64,
    pub keep_free_mb: u64,
    pub hosts: BTreeMap<String, SocketAddr>,
    pub image: Option<String>,
    pub first_user: u32,
}

/// How agents are started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    pub default: AgentName,
    pub claude: ClaudeConfig,
    pub script: ScriptConfig,
}

/// Which agent runs tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentName {
    /// `claude`, unless it is not found and there is a script.
    #[default]
    Auto,
    Claude,
    Script,
}

/// Claude Code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaudeConfig {
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub env_files: BTreeMap<String, PathBuf>,
    pub pass_env: Vec<String>,
    pub hang_after_seconds: u64,
    pub own: Vec<String>,
}

/// Any executable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptConfig {
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
}

/// How agents' work is committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommitSection {
    pub name: String,
    pub email: String,
    pub trailer: String,
}

/// How workers reach remotes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GitSection {
    pub all: RemoteConfig,
    pub repos: BTreeMap<Slug, RemoteConfig>,
}

/// How workers reach one remote, where that differs from the operator's own git and ssh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteConfig {
    pub ssh_key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    pub token_file: Option<PathBuf>,
    pub token_user: String,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            daemon: None,
            name: None,
            slots: 1,
            state: None,
            hold_seconds: 600,
            max_held: 8,
            drain_seconds: 30,
            probe_seconds: 15,
            min_free_mb: 200,
            wall: None,
            memory_mb: 0,
            processes: 2000,
            keep_free_mb: 1024,
            hosts: BTreeMap::new(),
            image: None,
            first_user: 2_000_000,
        }
    }
}

impl Default for ClaudeConfig {
    fn default() -> Self {
        let pass = [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "ANTHROPIC_BASE_URL",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CONFIG_DIR",
            "HTTPS_PROXY",
            "NO_PROXY",
        ];
        Self {
            command: vec!["claude".into()],
            env: BTreeMap::new(),
            env_files: BTreeMap::new(),
            pass_env: pass.map(String::from).into(),
            hang_after_seconds: 15 * 60,
            own: Vec::new(),
        }
    }
}

impl Default for CommitSection {
    fn default() -> Self {
        Self {
            name: "AgentVine".into(),
            email: "agentvine@localhost".into(),
            trailer: String::new(),
        }
    }
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            ssh_key: None,
            known_hosts: None,
            token_file: None,
            token_user: "x-access-token".into(),
        }
    }
}
