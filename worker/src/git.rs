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
const LOCK_TRIES: u64 = 25;
/// A lock on the configuration is held for milliseconds. One this old was left by a git that was
/// killed, as ours are when their worker dies.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

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
        remove_left_behind(folder).await;
        tokio::time::sleep(Duration::from_millis(20 * pause)).await;
    }
    Err(GitError::new(command, "it was not tried".into()))
}

/// Removes the lock on the repository's configuration, if nobody can hold it any more. Where it is
/// git says; what it printed with its refusal may hold names that an agent chose.
async fn remove_left_behind(folder: &Path) {
    let Ok(asked) = once(folder, &["rev-parse", "--git-path", "config"]).await else {
        return;
    };
    let config = String::from_utf8_lossy(&asked.stdout);
    let lock = folder.join(format!("{}.lock", config.trim_end()));
    if !lock.ends_with("config.lock") {
        return;
    }
    let written = lock
        .symlink_metadata()
        .and_then(|lock| lock.modified())
        .ok();
    let age = written.and_then(|written| written.elapsed().ok());
    if age.is_some_and(|age| age >= LEFT_BEHIND) && std::fs::remove_file(&lock).is_ok() {
        tracing::warn!(lock = %lock.display(), "removed a lock that a killed git left behind");
    }
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

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, time::SystemTime};

    use super::*;

    /// A repository whose configuration is locked since then.
    async fn locked(since: Duration) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        git(folder.path(), &["init", "--quiet"])
            .await
            .expect("made");
        let lock = folder.path().join(".git/config.lock");
        let file = fs::File::create(&lock).expect("locked");
        #[expect(
            clippy::disallowed_methods,
            reason = "files have the machine's own times"
        )]
        let now = SystemTime::now();
        file.set_modified(now - since).expect("dated");
        (folder, lock)
    }

    #[tokio::test]
    async fn a_lock_that_a_killed_git_left_behind_stops_nothing() {
        let (folder, lock) = locked(LEFT_BEHIND * 2).await;
        let written = git(
            folder.path(),
            &["config", "--local", "branch.x.vine", "T-1"],
        )
        .await;
        assert_eq!(
            written.map_err(|error| error.to_string()),
            Ok(String::new())
        );
        assert!(!lock.exists());
    }

    #[tokio::test]
    async fn a_lock_that_somebody_holds_is_waited_for_and_left_alone() {
        let (folder, lock) = locked(Duration::ZERO).await;
        let held = lock.clone();
        let holder = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            assert!(held.exists(), "nobody took it away");
            fs::remove_file(held).expect("released");
        });
        let written = git(
            folder.path(),
            &["config", "--local", "branch.x.vine", "T-1"],
        )
        .await;
        assert_eq!(
            written.map_err(|error| error.to_string()),
            Ok(String::new())
        );
        holder.await.expect("held");
    }
}
