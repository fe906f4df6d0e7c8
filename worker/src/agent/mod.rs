//! What an agent is to a worker: a program that runs in a folder, asks people through its
//! [`AgentHost`], and ends.

mod claude;

pub use claude::INSTALL;
pub mod script;

use std::path::{Path, PathBuf};

use vine_domain::{Failure, SessionId, assignment::Assignment, attempt::Usage};

use crate::{
    agent_host::AgentHost,
    config::{AgentConfig, WorkerConfig},
    process::ProcessMark,
    wall::Sandbox,
};

/// The supported kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Claude Code, over stream-json and its control protocol.
    Claude,
    /// Any executable; it asks by running `vine ask`.
    Script,
}

/// One run of an agent.
pub struct AgentRun<'a> {
    /// The worker's configuration.
    pub worker: &'a WorkerConfig,
    /// How agents are started.
    pub config: &'a AgentConfig,
    /// The task.
    pub task: &'a Assignment,
    /// The sandbox around it.
    pub sandbox: &'a Sandbox,
    /// Where it works.
    pub folder: PathBuf,
    /// The branch that it works on.
    pub branch: String,
    /// A folder for this worker's temporary files, used without a wall.
    pub temp: PathBuf,
    /// Carried by all its processes.
    pub mark: ProcessMark,
    /// The session to create or resume.
    pub session: SessionId,
    /// Whether to resume the session instead of creating it.
    pub resume: bool,
}

/// What a finished agent left besides its changes.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct FinishedRun {
    /// Its final message.
    pub summary: String,
    /// What it used.
    pub usage: Usage,
    /// The calls that were denied.
    pub denied: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub enum RunOutcome {
    /// The agent reports that it finished.
    Finished(FinishedRun),
    /// It did not finish.
    Failed(Failure),
    /// The session to resume does not exist.
    NoSession,
    /// It ended while it waited for people; their questions stay open.
    Parked,
    /// It was stopped because its host requested it.
    Stopped,
}

impl AgentKind {
    /// Its name and version, recorded with sessions.
    pub async fn describe(self, config: &AgentConfig) -> String {
        match self {
            Self::Claude => claude::version(config).await,
            Self::Script => "script".into(),
        }
    }

    /// Checks whether its program exists and starts.
    pub async fn starts(self, config: &AgentConfig) -> Result<(), Failure> {
        match self {
            Self::Claude => claude::starts(config).await,
            Self::Script => script::starts(config),
        }
    }

    /// Checks whether it reaches its model with its credentials, at the cost of a few tokens.
    pub async fn speaks(self, config: &AgentConfig, temp: &Path) -> Result<(), Failure> {
        match self {
            Self::Claude => claude::speaks(config, temp).await,
            Self::Script => Ok(()),
        }
    }

    /// Whether it can resume a session; otherwise it starts again from the beginning.
    pub fn resumes(self) -> bool {
        self == Self::Claude
    }

    /// Runs it to completion. When this returns, none of its processes is left.
    pub async fn run(self, job: AgentRun<'_>, host: &AgentHost) -> RunOutcome {
        let mark = job.mark.clone();
        let outcome = tokio::select! {
            () = host.stopped() => RunOutcome::Stopped,
            () = host.stopped_waiting(), if !self.resumes() => RunOutcome::Stopped,
            failure = job.sandbox.overfull(job.worker) => RunOutcome::Failed(failure),
            outcome = async {
                match self {
                    Self::Claude => claude::run(&job, host).await,
                    Self::Script => script::run(&job, host).await,
                }
            } => outcome,
        };
        let left = mark.kill().await;
        if left > 0 {
            tracing::debug!(task.id = %host.attempt().task, "killed {left} leftover processes of the agent");
        }
        host.tell_refused().await;
        match outcome {
            RunOutcome::Failed(failure) => RunOutcome::Failed(job.sandbox.bounded(failure)),
            other => other,
        }
    }
}

/// The last lines of an agent's output, for people.
fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(5)..].join(" / ");
    if last.is_empty() {
        "it printed nothing".into()
    } else {
        format!(
            "last output: {}",
            last.chars().take(600).collect::<String>()
        )
    }
}
