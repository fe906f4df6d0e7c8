//! Git, run as a program: hooks off, no prompts, arguments as a list, never a shell, never for
//! ever.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{io::AsyncReadExt, process::Command};

/// Git said no.
#[derive(Debug, thiserror::Error)]
#[error("`git {command}` failed: {said}")]
pub struct GitError {
    /// Its sub-command.
    command: String,
    /// Its last words.
    said: String,
}

impl GitError {
    /// An error of a step that belongs to `command`.
    pub fn new(command: &str, said: String) -> Self {
        Self {
            command: command.to_owned(),
            said,
        }
    }
}

/// Fetching a large repository takes minutes; anything longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What git prints is read up to here; what comes after is not needed by anybody.
const OUTPUT_LIMIT: u64 = 4 * 1024 * 1024;
/// Attempts on one repository write its configuration at the same time; git gives up at once when
/// it is locked.
const LOCK_TRIES: u64 = 10;

/// Runs git in `folder` and returns what it printed, without the last line break.
pub async fn git(folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let named = arguments
        .iter()
        .find(|argument| !argument.starts_with('-') && !argument.contains('='));
    let command = named.copied().unwrap_or_default();
    for pause in 1..=LOCK_TRIES {
        let output = once(folder, arguments)
            .await
            .map_err(|said| GitError::new(command, said))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end_matches('\n')
                .to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Another process at the same repository holds a lock, or is half way through making a
        // worktree.
        let passes = said.contains("could not lock config file") || said.contains("commondir");
        if !passes || pause == LOCK_TRIES {
            return Err(GitError::new(command, last_lines(&said)));
        }
        tokio::time::sleep(Duration::from_millis(20 * pause)).await;
    }
    Err(GitError::new(command, "it was not tried".into()))
}

/// Whether git agrees.
pub async fn agrees(folder: &Path, arguments: &[&str]) -> bool {
    git(folder, arguments).await.is_ok()
}

async fn once(folder: &Path, arguments: &[&str]) -> Result<Output, String> {
    let started = |error: std::io::Error| format!("git cannot be started: {error}");
    let mut child = command(folder, arguments).spawn().map_err(started)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        let (stdout, stderr) = tokio::join!(read(out), read(err));
        child.wait().await.map(|status| Output {
            status,
            stdout,
            stderr,
        })
    };
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(output) => output.map_err(started),
        Err(_) => Err(format!(
            "it did not end within {} minutes",
            PATIENCE.as_secs() / 60
        )),
    }
}

/// Reads to the limit, then lets the rest go by.
async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _partial_is_fine = (&mut stream)
            .take(OUTPUT_LIMIT)
            .read_to_end(&mut bytes)
            .await;
        let _not_needed = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    bytes
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    // Programs named by a repository's own configuration must not run: it may not be ours.
    command.args([
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "protocol.ext.allow=never",
    ]);
    command
        .args(["-c", "commit.gpgSign=false", "-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(folder);
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        .env("LC_ALL", "C");
    command
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.trim().lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" ")
}
