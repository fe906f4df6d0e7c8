//! What an agent is to a worker: something that runs in a folder, asks people through its [`AgentHost`],
//! and ends.

mod claude;

pub use claude::INSTALL;
pub mod script;

use std::path::{Path, PathBuf};

use vine_domain::{Failure, SessionId, task::Usage, worker::Assignment};

use crate::{
    agent_host::AgentHost,
    config::{AgentConfig, WorkerConfig},
    process::ProcessMark,
    wall::Sandbox,
};

/// The agents we can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Claude Code, over stream-json and its control protocol.
    Claude,
    /// Any executable; it asks by running `vine ask`.
    Script,
}

/// One run of an agent.
pub struct AgentRun<'a> {
    /// The worker it runs on.
    pub worker: &'a WorkerConfig,
    /// How agents are started here.
    pub config: &'a AgentConfig,
    /// The task.
    pub task: &'a Assignment,
    /// What stands around it.
    pub sandbox: &'a Sandbox,
    /// Where it works.
    pub folder: PathBuf,
    /// The branch that it works on.
    pub branch: String,
    /// A folder for temporary files of this worker, where no wall stands.
    pub temp: PathBuf,
    /// Carried by all its processes.
    pub mark: ProcessMark,
    /// The session to make.
    pub session: SessionId,
    /// Go back into the session instead of making it.
    pub resume: bool,
}

/// What an agent that finished left beside its changes.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct FinishedRun {
    /// Its last words.
    pub summary: String,
    /// What it used.
    pub usage: Usage,
    /// What it was not allowed to do.
    pub denied: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub enum RunOutcome {
    /// The agent says that it finished.
    Finished(FinishedRun),
    /// It did not finish.
    Failed(Failure),
    /// The session to go back into does not exist any more.
    NoSession,
    /// It ended while it waited for people; their questions stay open.
    Parked,
    /// It was stopped, because its host said so.
    Stopped,
}

impl AgentKind {
    /// Its name and version, for the record of sessions.
    pub async fn describe(self, config: &AgentConfig) -> String {
        match self {
            Self::Claude => claude::version(config).await,
            Self::Script => "script".into(),
        }
    }

    /// Whether its program is there and starts.
    pub async fn starts(self, config: &AgentConfig) -> Result<(), Failure> {
        match self {
            Self::Claude => claude::starts(config).await,
            Self::Script => script::starts(config),
        }
    }

    /// Whether it reaches its model with its credentials; what that costs is a few words.
    pub async fn speaks(self, config: &AgentConfig, temp: &Path) -> Result<(), Failure> {
        match self {
            Self::Claude => claude::speaks(config, temp).await,
            Self::Script => Ok(()),
        }
    }

    /// Whether it can go back into a session; one that cannot is started again from the beginning.
    pub fn resumes(self) -> bool {
        self == Self::Claude
    }

    /// Runs it to its end. When this returns, no process of it is left.
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
            tracing::debug!(task.id = %host.attempt().task, "ended {left} processes of the agent");
        }
        host.tell_refused().await;
        match outcome {
            RunOutcome::Failed(failure) => RunOutcome::Failed(job.sandbox.bounded(failure)),
            other => other,
        }
    }
}

/// The last lines of what an agent said on its way out, for people.
fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(5)..].join(" / ");
    if last.is_empty() {
        "it said nothing".into()
    } else {
        format!(
            "its last words were: {}",
            last.chars().take(600).collect::<String>()
        )
    }
}
