//! `vine.toml`: each section is a struct with its defaults. Every key can also come from the
//! environment: `VINE_`, the section and the key in capitals, with two underscores between
//! (`VINE_DAEMON__LISTEN`).

mod chat;
mod database;
mod forges;
mod load;
mod login;
mod people;
mod reminders;
mod secret;
mod worker;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vine_domain::{
    ReminderPolicy, Retention, Role, SessionPolicy, Slug,
    access::{DecisionRule, DecisionRules},
    retention::LogCap,
};

pub use chat::{BUILT_IN, ChatConfig};
pub use database::{DatabaseConfig, DurabilityName, RedisConfig};
pub use forges::{ForgeConfig, check_host};
pub use login::LoginConfig;
pub use people::{PersonConfig, grants};
pub use worker::{AgentName, AgentsConfig, CommitSection, GitSection, RemoteConfig, WorkerSection};

/// The commented example, as `vine config example` prints it.
pub const EXAMPLE: &str = include_str!("../../../deploy/vine.example.toml");

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file it was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    pub daemon: DaemonConfig,
    pub database: DatabaseConfig,
    pub redis: RedisConfig,
    pub people: Vec<PersonConfig>,
    pub decisions: Vec<DecisionsConfig>,
    pub chat: ChatConfig,
    pub forges: Vec<ForgeConfig>,
    pub questions: QuestionsConfig,
    pub sessions: SessionsConfig,
    pub keep: KeepConfig,
    pub worker: WorkerSection,
    pub agents: AgentsConfig,
    pub commit: CommitSection,
    pub git: GitSection,
    pub log: LogConfig,
    pub traces: TracesConfig,
    pub login: LoginConfig,
}

/// Who decides what agents ask in a repository, or in all others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionsConfig {
    pub repo: Option<String>,
    pub permissions: Option<Role>,
    pub plans: Option<Role>,
    pub own: Option<bool>,
}

impl Config {
    /// Sections that differ in another configuration and that only a restart applies.
    pub fn needs_a_restart(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("daemon", self.daemon == other.daemon),
            ("database", self.database == other.database),
            ("redis", self.redis == other.redis),
            ("login", self.login == other.login),
            ("log", self.log == other.log),
            ("traces", self.traces == other.traces),
        ];
        let others = same.into_iter().filter(|(_, same)| !same);
        others.map(|(section, _)| section).collect()
    }

    /// The decision rules. Each repository has one entry at most.
    pub fn rules(&self) -> Result<DecisionRules> {
        let mut rules = Vec::<DecisionRule>::new();
        for said in &self.decisions {
            let repo = said.repo.as_ref().map(|name| name.parse::<Slug>());
            let rule = DecisionRule {
                repo: repo.transpose().context("decisions.repo")?,
                permissions: said.permissions,
                plans: said.plans,
                not_own: said.own == Some(false),
            };
            if rules.iter().any(|known| known.repo == rule.repo) {
                let name = said.repo.as_deref().unwrap_or("all repositories");
                bail!("decisions: two entries for {name}");
            }
            rules.push(rule);
        }
        Ok(DecisionRules(rules))
    }
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonConfig {
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    pub hosts: Vec<String>,
    pub insecure: bool,
    pub state: Option<PathBuf>,
    pub drain_seconds: u64,
}

impl Default for DaemonConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            public_url: None,
            hosts: Vec::new(),
            insecure: false,
            state: None,
            drain_seconds: 0,
        }
    }
}

impl DaemonConfig {
    /// Whether its traffic could be read on the way: other machines reach it, there is no https in
    /// front, and `insecure` is not set.
    pub fn is_overheard(&self) -> bool {
        let https = self
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"));
        !self.listen.ip().is_loopback() && !https && !self.insecure
    }
}

/// Where traces of questions are sent; nowhere by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    pub otlp_url: Option<String>,
    pub authorization_file: Option<PathBuf>,
}

/// What happens while nobody answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuestionsConfig {
    pub remind_after_seconds: u64,
    pub escalate_after_seconds: u64,
    pub escalate_to: String,
    pub expire_after_seconds: u64,
    pub expire_permission_after_seconds: u64,
    pub quiet_hours: Option<String>,
    pub time_zone: String,
    pub digest_from: usize,
}

const DAY: u64 = 86_400;

/// When sessions are kept and reused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsConfig {
    pub reuse: bool,
    pub max_age_seconds: u64,
    pub max_idle_seconds: u64,
    pub max_context_percent: u8,
    pub affinity_seconds: u64,
    pub rest_days: u64,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        let policy = SessionPolicy::default();
        Self {
            reuse: policy.reuse,
            max_age_seconds: policy.max_age.as_secs(),
            max_idle_seconds: policy.max_idle.as_secs(),
            max_context_percent: policy.max_context,
            affinity_seconds: policy.affinity.as_secs(),
            rest_days: policy.rest.as_secs() / DAY,
        }
    }
}

impl SessionsConfig {
    /// The session policy.
    pub fn policy(&self) -> SessionPolicy {
        let seconds = Duration::from_secs;
        SessionPolicy {
            reuse: self.reuse,
            max_age: seconds(self.max_age_seconds),
            max_idle: seconds(self.max_idle_seconds),
            max_context: self.max_context_percent,
            affinity: seconds(self.affinity_seconds),
            rest: seconds(self.rest_days.saturating_mul(DAY)),
        }
    }
}

/// What is kept, and for how long; 0 means forever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepConfig {
    pub log_days: u32,
    pub history_days: u32,
    pub audit_days: u32,
    pub size_mb: u64,
    pub attempt_log_lines: u64,
    pub attempt_log_mb: u64,
}

impl Default for KeepConfig {
    fn default() -> Self {
        let retention = Retention::default();
        let days = |age: Option<Duration>| age.map_or(0, |age| age.as_secs() / 86_400);
        let days = |age| u32::try_from(days(age)).unwrap_or(0);
        Self {
            log_days: days(retention.log),
            history_days: days(retention.history),
            audit_days: days(retention.audit),
            size_mb: retention.size.unwrap_or(0) >> 20,
            attempt_log_lines: retention.attempt.lines,
            attempt_log_mb: retention.attempt.bytes >> 20,
        }
    }
}

impl KeepConfig {
    /// The retention.
    pub fn retention(&self) -> Retention {
        let days = |days: u32| (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
        let most = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        Retention {
            log: days(self.log_days),
            history: days(self.history_days),
            audit: days(self.audit_days),
            size: (self.size_mb > 0).then(|| self.size_mb.saturating_mul(1 << 20)),
            attempt: LogCap {
                lines: most(self.attempt_log_lines),
                bytes: most(self.attempt_log_mb.saturating_mul(1 << 20)),
            },
        }
    }
}

impl Default for QuestionsConfig {
    fn default() -> Self {
        let patience = ReminderPolicy::default();
        Self {
            remind_after_seconds: patience.remind.as_secs(),
            escalate_after_seconds: patience.escalate.as_secs(),
            escalate_to: patience.escalate_to,
            expire_after_seconds: patience.expire.as_secs(),
            expire_permission_after_seconds: patience.expire_permission.as_secs(),
            quiet_hours: None,
            time_zone: "UTC".into(),
            digest_from: patience.digest,
        }
    }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub filter: String,
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        // The SDK logs each of its steps at level info, and each refusal as an error before we have
        // handled it.
        Self {
            filter: "info,matrix_sdk=warn,matrix_sdk::http_client=off".into(),
            json: false,
        }
    }
}
