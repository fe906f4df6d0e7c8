//! Checks of a commit: check runs, or the jobs of Actions if our token may not read those, and statuses.

use serde_json::Value;
use vine_domain::{
    forge::{Check, CheckState, ForgeProject},
    ports::{ForgeError, ForgeResult},
};

use crate::{
    github::Github,
    json::{id, list, text as words},
};

/// Runs of Actions that are looked through.
const RUNS: usize = 10;

/// `completed` with a conclusion, or anything before that.
/// <https://docs.github.com/en/rest/checks/runs>
fn run_state(run: &Value) -> CheckState {
    match (run["status"].as_str(), run["conclusion"].as_str()) {
        (Some("completed"), Some("success")) => CheckState::Passed,
        (
            Some("completed"),
            Some("failure" | "timed_out" | "startup_failure" | "action_required"),
        ) => CheckState::Failed,
        (Some("completed"), _) => CheckState::Neither,
        _ => CheckState::Running,
    }
}

/// <https://docs.github.com/en/rest/commits/statuses>
fn status_state(status: &Value) -> CheckState {
    match status["state"].as_str() {
        Some("success") => CheckState::Passed,
        Some("failure" | "error") => CheckState::Failed,
        _ => CheckState::Running,
    }
}

impl Github {
    pub async fn checks(
        &self,
        project: &ForgeProject,
        number: u64,
        head: &str,
    ) -> ForgeResult<Vec<Check>> {
        let commit = format!("/repos/{}/commits/{head}", project.path);
        let runs = format!("{commit}/check-runs");
        let mut checks: Vec<Check> = match self.client.all_in(&runs, "check_runs").await {
            Ok(runs) => runs.iter().map(|run| of_run(run, number)).collect(),
            // Fine-grained tokens cannot be allowed to read check runs.
            Err(ForgeError::Refused(_)) => self.jobs(project, number, head).await?,
            Err(error) => return Err(error),
        };
        let statuses = format!("{commit}/status");
        match self.client.all_in(&statuses, "statuses").await {
            Ok(statuses) => checks.extend(statuses.iter().map(of_status)),
            Err(ForgeError::Refused(why)) => tracing::debug!("no statuses of {project}: {why}"),
            Err(error) => return Err(error),
        }
        Ok(checks)
    }

    /// The jobs of Actions.
    async fn jobs(
        &self,
        project: &ForgeProject,
        number: u64,
        head: &str,
    ) -> ForgeResult<Vec<Check>> {
        let actions = format!("/repos/{}/actions/runs", project.path);
        let runs = match self.client.get(&format!("{actions}?head_sha={head}")).await {
            Ok(runs) => runs,
            Err(ForgeError::Refused(why)) => {
                tracing::debug!("no runs of {project}: {why}");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut checks = Vec::new();
        for run in list(&runs["workflow_runs"]).iter().take(RUNS) {
            let jobs = format!("{actions}/{}/jobs?filter=latest", id(&run["id"]));
            let jobs = self.client.all_in(&jobs, "jobs").await?;
            let of_job = |job: &Value| Check {
                log: Some(id(&job["id"])),
                is_own: is_about(run, number),
                ..of_run(job, number)
            };
            checks.extend(jobs.iter().map(of_job));
        }
        Ok(checks)
    }
}

fn of_run(run: &Value, number: u64) -> Check {
    let output = &run["output"];
    Check {
        name: words(&run["name"]),
        state: run_state(run),
        // Only the jobs of Actions have logs, under the number of the run.
        log: (run["app"]["slug"] == "github-actions").then(|| id(&run["id"])),
        summary: format!("{}\n{}", words(&output["title"]), words(&output["summary"])),
        is_own: is_about(run, number),
    }
}

/// Runs for a fork name no request.
fn is_about(run: &Value, number: u64) -> bool {
    list(&run["pull_requests"])
        .iter()
        .any(|one| one["number"] == number)
}

fn of_status(status: &Value) -> Check {
    Check {
        name: words(&status["context"]),
        state: status_state(status),
        log: None,
        summary: words(&status["description"]),
        is_own: false,
    }
}
