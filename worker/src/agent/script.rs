//! The script agent: any executable. It receives the prompt on standard input and the task in
//! `VINE_*` variables, and asks people by running `vine ask "…" --option a --option b`, which
//! blocks and prints the answer ([`mod@crate::wall::door`]). A script that runs again after a crash
//! asks the same questions again; those that have an answer return it at once.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use vine_domain::{Failure, FailureKind};

use super::run::{AgentRun, FinishedRun, RunOutcome, last_words};
use crate::{agent_host::AgentHost, config::AgentConfig, process, supervise::is_not_started};

/// Checks whether the script exists.
pub fn starts(config: &AgentConfig) -> Result<(), Failure> {
    let program = config.command.first().map_or("", String::as_str);
    match process::find_program(program) {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            FailureKind::AgentMissing,
            format!("The script agent `{program}` was not found."),
        )),
    }
}

/// Runs the script to completion.
pub async fn run(job: &AgentRun<'_>, host: &AgentHost) -> RunOutcome {
    match start(job, host).await {
        Ok(outcome) => outcome,
        Err(error) => RunOutcome::Failed(Failure::new(
            FailureKind::AgentMissing,
            format!("Could not run the script agent: {error:#}."),
        )),
    }
}

async fn start(job: &AgentRun<'_>, host: &AgentHost) -> Result<RunOutcome> {
    let variables = variables(job);
    let mut command = job
        .sandbox
        .command(job.worker, &job.config.command, variables)?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = job.sandbox.start(command).await;
    let mut child =
        started.with_context(|| format!("`{}` does not start", job.config.command.join(" ")))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    // In a later round, what was asked for then.
    let prompt = match job.task.rounds.last() {
        Some(round) => round.text.clone(),
        None => job.task.prompt.as_str().to_owned(),
    };
    let prompt = job.sandbox.sent.resolve(prompt).await.text;
    let line = tokio::spawn(async move {
        let _it_need_not_read = stdin.write_all(prompt.as_bytes()).await;
        process::end_input(stdin).await
    });
    let said = tokio::spawn(listen(stdout, host.clone()));
    let complained = tokio::spawn(listen(stderr, host.clone()));
    let status = child.wait().await;
    line.abort();
    // An answer that the script has received must be recorded as delivered before the task is done.
    job.sandbox.door.settled().await;
    // Leftover programs would keep the script's streams open.
    tokio::time::sleep(Duration::from_millis(50)).await;
    job.mark.kill().await;
    let said = said.await.unwrap_or_default();
    let complained = complained.await.unwrap_or_default();
    let status = status?;
    if status.success() {
        let last = || {
            let mut lines = said.lines().rev();
            lines
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .to_owned()
        };
        let summary = job.sandbox.door.last_words().unwrap_or_else(last);
        for question in job
            .task
            .answered
            .iter()
            .filter(|question| question.untold().is_some())
        {
            // It had expired, and this run continued without it: it is not delivered again.
            let _over = host.delivered(question.heard()).await;
        }
        return Ok(RunOutcome::Finished(FinishedRun {
            summary,
            ..FinishedRun::default()
        }));
    }
    if is_not_started(status) && complained.contains("does not start") {
        bail!("{}", complained.trim());
    }
    let what = format!(
        "The script ended with {status}; {}.",
        last_words(&host.clean(complained))
    );
    Ok(RunOutcome::Failed(Failure::new(
        FailureKind::AgentCrashed,
        what,
    )))
}

fn variables(job: &AgentRun<'_>) -> Vec<(String, String)> {
    let task = job.task;
    let round = task.rounds.last().map_or(1, |round| round.number);
    let mut all = job.sandbox.door_variables();
    let own = [
        ("VINE_TASK", task.attempt.task.to_string()),
        ("VINE_ATTEMPT", task.attempt.epoch.0.to_string()),
        ("VINE_ROUND", round.to_string()),
        ("VINE_TITLE", task.title.to_string()),
        ("VINE_REPO", task.repo.name.to_string()),
        ("VINE_BRANCH", job.branch.clone()),
        ("VINE_WORKTREE", job.folder.display().to_string()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if !job.sandbox.is_walled() {
        all.push(("TMPDIR".into(), job.temp.display().to_string()));
    }
    all
}

const LINE_LIMIT: u64 = 16 * 1024;
const KEPT: usize = 64 * 1024;

/// Logs every line, whatever its bytes, splitting long ones; returns the last 64 KiB or more.
async fn listen(stream: impl tokio::io::AsyncRead + Unpin, host: AgentHost) -> String {
    let mut stream = BufReader::new(stream);
    let mut all = String::new();
    let mut line = Vec::new();
    while matches!(
        (&mut stream)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .await,
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line).into_owned();
        host.log(text.trim_end_matches('\n'));
        all.push_str(&text);
        line.clear();
        if all.len() > 2 * KEPT {
            let start = (all.len() - KEPT..all.len())
                .find(|start| all.is_char_boundary(*start))
                .unwrap_or(0);
            all.drain(..start);
        }
    }
    all
}
