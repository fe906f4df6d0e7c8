//! What an agent is to a worker: a program that runs in a folder, asks people through its
//! [`AgentHost`], and ends.

mod claude;
mod run;
pub mod script;

use std::path::Path;

use vine_domain::Failure;

pub use crate::agent::{
    claude::INSTALL,
    run::{AgentRun, FinishedRun, RunOutcome},
};
use crate::{
    agent_host::AgentHost,
    config::{AgentConfig, AgentKind},
};

/// The name and version of an agent, recorded with sessions.
pub async fn describe(config: &AgentConfig) -> String {
    match config.kind {
        AgentKind::Claude => claude::version(config).await,
        AgentKind::Script => "script".into(),
    }
}

/// Checks whether an agent's program exists and starts.
pub async fn starts(config: &AgentConfig) -> Result<(), Failure> {
    match config.kind {
        AgentKind::Claude => claude::starts(config).await,
        AgentKind::Script => script::starts(config),
    }
}

/// Checks whether it reaches its model with its credentials, at the cost of a few tokens.
pub async fn speaks(config: &AgentConfig, temp: &Path) -> Result<(), Failure> {
    match config.kind {
        AgentKind::Claude => claude::speaks(config, temp).await,
        AgentKind::Script => Ok(()),
    }
}

/// Runs it to completion. When this returns, none of its processes is left.
pub async fn run(job: AgentRun<'_>, host: &AgentHost) -> RunOutcome {
    let kind = job.config.kind;
    let mark = job.mark.clone();
    let outcome = tokio::select! {
        () = host.stopped() => RunOutcome::Stopped,
        () = host.stopped_waiting(), if !kind.resumes() => RunOutcome::Stopped,
        failure = job.sandbox.overfull(job.worker) => RunOutcome::Failed(failure),
        outcome = async {
            match kind {
                AgentKind::Claude => claude::run(&job, host).await,
                AgentKind::Script => script::run(&job, host).await,
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
