//! Git, run as a program: hooks off, no prompts, arguments as a list, never a shell.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

/// Git said no.
#[derive(Debug, thiserror::Error)]
#[error("`git {command}` failed: {said}")]
pub struct GitError {
    /// Its sub-command.
    command: String,
    /// Its last words.
    said: String,
}

/// Runs git in `folder` and returns what it printed, without the last line break.
pub async fn git(folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let command = arguments.iter().find(|argument| !argument.starts_with('-') && !argument.contains('=')).copied().unwrap_or_default();
    let failed = |said: String| GitError { command: command.to_owned(), said };
    let output = Command::new("git")
        // Programs named by a repository's own configuration must not run: it may not be ours.
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"])
        .args(["-c", "commit.gpgSign=false", "-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| failed(format!("git cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.trim().lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" ")))
}

/// Whether git agrees.
pub async fn agrees(folder: &Path, arguments: &[&str]) -> bool {
    git(folder, arguments).await.is_ok()
}
