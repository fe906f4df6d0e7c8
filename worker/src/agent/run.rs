//! One run of an agent, and how it ends.

use std::path::PathBuf;

use vine_domain::{Failure, SessionId, assignment::Assignment, attempt::Usage};

use crate::{
    config::{AgentConfig, WorkerConfig},
    process::ProcessMark,
    wall::sandbox::Sandbox,
};

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
    /// What others committed to the branch since the last round, one line each.
    pub changed: Option<String>,
    /// A folder for this worker's temporary files, used without a wall.
    pub temp: PathBuf,
    /// Carried by all its processes.
    pub mark: ProcessMark,
    /// The session to create or resume.
    pub session: SessionId,
    /// Whether to resume the session instead of creating it.
    pub resume: bool,
    /// The session that this one is a copy of, as it is created.
    pub copy_of: Option<SessionId>,
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

/// The last lines of an agent's output, for people.
pub(super) fn last_words(text: &str) -> String {
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
