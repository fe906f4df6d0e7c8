//! Claude Code, headless: the native binary with stream-json and its control protocol, as measured
//! with 2.1.330.
//!
//! 1. AgentVine starts it, sends `initialize`, and sends the prompt as a user message with a uuid
//! 2. Claude works; its text goes to the log
//! 3. `can_use_tool` asks for a permission or a plan, our hook for a clarifying question; people
//!    receive each, and any number may stay open for any time
//! 4. the answer goes back as `control_response`
//! 5. `result` ends a turn; when `session_state_changed idle` follows, the run is over
//!
//! An agent that waits longer than the hold time is parked ([`parking`]): its process ends, and the
//! answer goes to the resumed session. The conversation itself is in [`talk`].
//!
//! A `result` alone is not the end, and `success` alone does not mean success: see [`ending`].

mod ending;
mod frames;
mod grants;
mod lines;
mod own_tools;
mod parking;
mod records;
mod resets;
mod rules;
mod steps;
mod talk;
mod tools;
mod words;

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncReadExt, BufReader},
    process::Child,
};
use vine_domain::{Failure, FailureKind};

use self::{
    lines::OutputLines,
    talk::{Conversation, EXIT, TalkEnd},
};
use crate::agent::run::{AgentRun, RunOutcome, last_words};
use crate::{
    agent_host::AgentHost,
    config::AgentConfig,
    process::{self, ProcessMark},
    supervise::is_not_started,
};

/// The command that installs it.
pub const INSTALL: &str = "npm install -g @anthropic-ai/claude-code";

/// `claude 2.1.330`, or `claude of unknown version`.
pub async fn version(config: &AgentConfig) -> String {
    let text = ask_version(config)
        .await
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    format!(
        "claude {}",
        text.split_whitespace()
            .next()
            .unwrap_or("of unknown version")
    )
}

async fn ask_version(config: &AgentConfig) -> std::io::Result<std::process::Output> {
    let program = config.command.first().map_or("claude", String::as_str);
    tokio::process::Command::new(program)
        .arg("--version")
        .env_clear()
        .output()
        .await
}

/// Checks whether the program exists and starts.
pub async fn starts(config: &AgentConfig) -> Result<(), Failure> {
    let why = match ask_version(config).await {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(does_not_start(config, &why))
}

fn does_not_start(config: &AgentConfig, why: &str) -> Failure {
    let command = config.command.join(" ");
    let what = format!(
        "Claude Code (`{command}`) does not start: {why}. Install it with `{INSTALL}`, or set \
         `agents.claude.command`."
    );
    Failure::new(FailureKind::AgentMissing, what)
}

/// Checks whether it reaches the model service with its credentials: one turn without tools, in an
/// empty folder, without a persistent session.
pub async fn speaks(config: &AgentConfig, temp: &Path) -> Result<(), Failure> {
    let folder = temp.join("probe");
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| does_not_start(config, &error.to_string()))?;
    let mark = ProcessMark::new(&format!("probe {}", folder.display()), "probe");
    let mut command = process::command(&config.command, &folder, &mark, &config.env, &config.pass);
    command.args([
        "-p",
        "Reply with the word: ok",
        "--output-format",
        "json",
        "--max-turns",
        "1",
    ]);
    command.args([
        "--tools",
        "",
        "--setting-sources",
        "user",
        "--strict-mcp-config",
    ]);
    command.args(["--no-session-persistence"]);
    command
        .env("CLAUDE_CODE_MAX_RETRIES", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let output = tokio::time::timeout(PROBE, command.output()).await;
    mark.kill().await;
    let output = match output {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(does_not_start(config, &error.to_string())),
        Err(_) => {
            let what = "The model service did not respond within two minutes.";
            return Err(Failure::new(FailureKind::Overloaded, what));
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok());
    match result.map(|result| ending::outcome(&result, None, false)) {
        Some(RunOutcome::Failed(failure)) => Err(failure),
        Some(_) => Ok(()),
        None => Err(does_not_start(
            config,
            &format!(
                "{}; {}",
                output.status,
                last_words(&String::from_utf8_lossy(&output.stderr))
            ),
        )),
    }
}

/// Time limit of a probe.
const PROBE: Duration = Duration::from_secs(120);

/// Runs Claude Code to completion.
pub async fn run(job: &AgentRun<'_>, host: &AgentHost) -> RunOutcome {
    let mut child = match start(job).await {
        Ok(child) => child,
        Err(error) => return RunOutcome::Failed(does_not_start(job.config, &error.to_string())),
    };
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return RunOutcome::Failed(Failure::new(
            FailureKind::AgentMissing,
            "Claude Code started without standard input, output or error.",
        ));
    };
    let complaints = tokio::spawn(async move {
        let mut text = String::new();
        let _partial_is_fine = BufReader::new(stderr)
            .take(1024 * 1024)
            .read_to_string(&mut text)
            .await;
        text
    });
    let mut talk = Conversation::new(job, host, stdin);
    let mut lines = OutputLines::new(stdout);
    let end = talk.drive(&mut lines).await;
    let deferred = matches!(end, TalkEnd::Held) && talk.defer(&mut lines).await;
    if matches!(end, TalkEnd::Turn(_)) {
        talk.report_context(&mut lines).await;
    }
    let patience = match end {
        // A process that exits by itself records where its session ends. Otherwise, a session that
        // was resumed once would later be resumed from its older end (measured).
        TalkEnd::Held if deferred => EXIT,
        // If it exited by itself, it would record that people had refused the open calls.
        TalkEnd::Held | TalkEnd::Hung | TalkEnd::Over => Duration::ZERO,
        TalkEnd::Turn(_) | TalkEnd::Gone => EXIT,
    };
    let idle_exit = talk.close(&mut child, patience).await;
    // Leftover processes would keep the stderr pipe open.
    job.mark.kill().await;
    let said = host.clean(complaints.await.unwrap_or_default());
    match end {
        TalkEnd::Turn(result) => {
            let outcome = talk.outcome(&result);
            if matches!(outcome, RunOutcome::Finished(_)) {
                talk.confirm_all().await;
            }
            outcome
        }
        TalkEnd::Held => RunOutcome::Parked,
        TalkEnd::Hung => {
            let minutes = job.config.hang_after.as_secs_f64() / 60.0;
            let what = format!(
                "Claude Code was silent for {minutes:.1} minutes without an open question, and was \
                 stopped."
            );
            RunOutcome::Failed(Failure::new(FailureKind::AgentHung, what))
        }
        TalkEnd::Over => RunOutcome::Stopped,
        // It died while people were thinking: their questions stay open, and the session continues
        // with the answers.
        TalkEnd::Gone if !talk.open.is_empty() => {
            host.log(format!(
                "Claude Code exited while it waited; {}",
                last_words(&said)
            ));
            RunOutcome::Parked
        }
        TalkEnd::Gone => gone(job, idle_exit, &said),
    }
}

/// The process exited before a result.
fn gone(job: &AgentRun<'_>, status: Option<std::process::ExitStatus>, said: &str) -> RunOutcome {
    if job.resume && said.contains("No conversation found") {
        return RunOutcome::NoSession;
    }
    if status.is_some_and(is_not_started) && said.contains("does not start") {
        return RunOutcome::Failed(does_not_start(job.config, last_line(said)));
    }
    let how = status.map_or_else(
        || "without a trace".into(),
        |status| format!("with {status}"),
    );
    let kind = match status {
        Some(status) if status.success() => FailureKind::StoppedEarly,
        _ => FailureKind::AgentCrashed,
    };
    RunOutcome::Failed(Failure::new(
        kind,
        format!(
            "Claude Code ended {how} before it finished; {}.",
            last_words(said)
        ),
    ))
}

fn last_line(said: &str) -> &str {
    said.trim().lines().next_back().unwrap_or_default()
}

async fn start(job: &AgentRun<'_>) -> anyhow::Result<Child> {
    let mut words = job.config.command.clone();
    let mut say = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    say(&[
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ]);
    // Without the last flag, a resumed session sometimes repeats its deferred call before it has
    // registered our hook: the call then comes as `can_use_tool` and cannot be deferred again
    // (measured).
    say(&["--permission-prompt-tool", "stdio", "--await-initialize"]);
    // A repository's own settings, hooks and servers could run programs and redirect the key, so
    // they are used only if the repository is trusted.
    match job.task.repo.trusted {
        true => say(&["--setting-sources", "user,project,local"]),
        false => say(&["--setting-sources", "user", "--strict-mcp-config"]),
    }
    say(&["--mcp-config", &own_tools::config()]);
    // These tools reach other sessions of the same user.
    say(&["--disallowedTools", "SendMessage,ListAgents"]);
    let rules = rules::of(job.sandbox.preset, job.sandbox.is_walled());
    let settings = job
        .sandbox
        .write("settings.json", &rules.settings().to_string())?;
    say(&["--permission-mode", rules.mode, "--settings", &settings]);
    // What people sent may be read, and what the agent shows goes to people: neither is asked about.
    let sent = job.sandbox.sent.folder().display().to_string();
    // A rule has no way to write these.
    let rule =
        (!sent.contains([',', '(', ')', '*', '?', '[', '{'])).then(|| format!("Read(/{sent}/**)"));
    let mut allowed = vec![own_tools::SHOW];
    allowed.extend(rule.as_deref());
    allowed.extend(rules.allowed);
    say(&["--allowedTools", &allowed.join(",")]);
    if let Some(model) = &job.task.model.model {
        say(&["--model", model.as_str()]);
    }
    if let Some(effort) = job.task.model.effort {
        say(&["--effort", effort.as_str()]);
    }
    let session = job.session.to_string();
    match (job.copy_of, job.resume) {
        (Some(other), _) => say(&[
            "--resume",
            &other.to_string(),
            "--fork-session",
            "--session-id",
            &session,
        ]),
        (None, true) => say(&["--resume", &session]),
        (None, false) => say(&["--session-id", &session]),
    }
    let mut env = job.sandbox.door_variables();
    if !job.sandbox.is_walled() {
        env.push(("TMPDIR".into(), job.temp.display().to_string()));
    }
    env.push(("DISABLE_AUTOUPDATER".into(), "1".into()));
    env.push(("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS".into(), "1".into()));
    // Its own list of steps, which cards show.
    env.push(("CLAUDE_CODE_ENABLE_TODO_TOOLS".into(), "1".into()));
    let mut command = job.sandbox.command(job.worker, &words, env)?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    job.sandbox.start(command).await
}
