//! Runs git as a program: no hooks, no prompts, no shell, arguments as a list, with a time limit. A
//! repository's own configuration (programs, identities, other addresses) has no effect: git runs
//! in repositories whose configuration we write, see [`crate::keeper`].

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{io::AsyncReadExt, process::Command};

use crate::{config::GitAccess, git_tokens::https_host};

/// A failed git command.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`git {command}` failed: {said}")]
pub struct GitError {
    /// The subcommand.
    command: String,
    /// Its last output.
    pub said: String,
}

impl GitError {
    /// An error in a step that belongs to `command`.
    pub fn new(command: &str, said: impl Into<String>) -> Self {
        Self {
            command: command.to_owned(),
            said: said.into(),
        }
    }
}

/// Fetching a large repository takes minutes; anything longer than this is considered hung.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Limit for git's output; the rest is discarded.
const OUTPUT_LIMIT: u64 = 4 * 1024 * 1024;
/// Attempts on one repository write to it at the same time; git fails at once if something is
/// locked.
const LOCK_TRIES: u64 = 25;
/// Such a lock is held for milliseconds. One this old was left by a git that was killed, as ours
/// are when their worker dies.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// Where git runs and on what repository.
#[derive(Debug, Clone, Default)]
pub struct Git {
    folder: PathBuf,
    dir: Option<PathBuf>,
    tree: Option<(PathBuf, PathBuf)>,
    variables: Vec<(&'static str, String)>,
    settings: Vec<String>,
    limit: Option<u64>,
}

impl Git {
    /// In a folder; git finds the repository by itself.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ..Self::default()
        }
    }

    /// On the given git directory.
    pub fn of(dir: &Path) -> Self {
        Self {
            folder: dir.to_owned(),
            dir: Some(dir.to_owned()),
            ..Self::default()
        }
    }

    /// With the files in `tree` and a separate index.
    pub fn with_tree(mut self, tree: &Path, index: &Path) -> Self {
        tree.clone_into(&mut self.folder);
        self.tree = Some((tree.to_owned(), index.to_owned()));
        self
    }

    /// With an additional environment variable.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Limits stdout to this many bytes; more is an error, [`TOO_MUCH`].
    pub fn reading(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// With the operator's settings for the remote at `source`. No other host receives its token.
    pub fn reaching(mut self, access: &GitAccess, source: &str) -> Self {
        self.variables
            .extend(ssh(access).map(|ssh| ("GIT_SSH_COMMAND", ssh)));
        if let (Some(file), Some(host)) = (&access.token_file, https_host(source)) {
            let name = format!("credential.https://{host}.helper");
            // An empty value resets the list, so no other configured helper is asked.
            self.settings.push(format!("{name}="));
            self.settings
                .push(format!("{name}={}", helper(file, &access.token_user)));
        }
        self
    }

    /// Runs git and returns its output without the final line break.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, GitError> {
        let named = arguments
            .iter()
            .find(|argument| !argument.starts_with('-') && !argument.contains('='));
        let command = named.copied().unwrap_or_default();
        for pause in 1..=LOCK_TRIES {
            let output = self
                .once(arguments)
                .await
                .map_err(|said| GitError::new(command, said))?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout)
                    .trim_end_matches('\n')
                    .to_owned());
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !is_locked(&said) || pause == LOCK_TRIES {
                return Err(GitError::new(command, last_lines(&said)));
            }
            self.remove_left_behind(&said);
            tokio::time::sleep(Duration::from_millis(20 * pause)).await;
        }
        Err(GitError::new(command, "not attempted"))
    }

    /// Like `run`, but a silent failure is an answer, not an error.
    pub async fn ask(&self, arguments: &[&str]) -> Result<Option<String>, GitError> {
        match self.run(arguments).await {
            Ok(said) => Ok(Some(said)),
            Err(error) if error.said == SILENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the lock named in git's message if no process can still hold it. Only inside our own
    /// git directory: the message may contain names that an agent chose.
    fn remove_left_behind(&self, said: &str) {
        let Some(dir) = &self.dir else { return };
        let named = said.split('\'').nth(1).map(Path::new);
        let Some(lock) = named.filter(|lock| lock.extension().is_some_and(|end| end == "lock"))
        else {
            return;
        };
        let is_plain = lock
            .components()
            .all(|part| !matches!(part, std::path::Component::ParentDir));
        if lock.starts_with(dir) && is_plain && is_old(lock) && std::fs::remove_file(lock).is_ok() {
            tracing::warn!(lock = %lock.display(), "removed a lock that a killed git left behind");
        }
    }

    async fn once(&self, arguments: &[&str]) -> Result<Output, String> {
        let started = |error: std::io::Error| format!("git cannot be started: {error}");
        if !self.folder.is_dir() {
            return Err(format!(
                "the folder {} does not exist",
                self.folder.display()
            ));
        }
        let mut child = self.command(arguments).spawn().map_err(started)?;
        let out = child.stdout.take();
        let err = child.stderr.take();
        let whole = async {
            let limit = self.limit.unwrap_or(OUTPUT_LIMIT);
            let (stdout, stderr) = tokio::join!(read(out, limit), read(err, OUTPUT_LIMIT));
            child.wait().await.map(|status| Output {
                status,
                stdout,
                stderr,
            })
        };
        match tokio::time::timeout(PATIENCE, whole).await {
            Ok(Ok(output)) if self.limit == Some(output.stdout.len() as u64) => {
                Err(TOO_MUCH.into())
            }
            Ok(output) => output.map_err(started),
            Err(_) => Err(format!(
                "it did not end within {} minutes",
                PATIENCE.as_secs() / 60
            )),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for setting in OURS {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.args(arguments).current_dir(&self.folder);
        for name in BENDING {
            command.env_remove(name);
        }
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C");
        if let Some(dir) = &self.dir {
            command.env("GIT_DIR", dir);
        }
        if let Some((tree, index)) = &self.tree {
            command
                .env("GIT_WORK_TREE", tree)
                .env("GIT_INDEX_FILE", index);
        }
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// The ssh command for a remote with its own key or hosts; it never prompts.
fn ssh(access: &GitAccess) -> Option<String> {
    let GitAccess {
        ssh_key,
        known_hosts,
        ..
    } = access;
    if ssh_key.is_none() && known_hosts.is_none() {
        return None;
    }
    let key = ssh_key
        .as_ref()
        .map(|file| format!(" -i {} -o IdentitiesOnly=yes", quoted(file)));
    let hosts = known_hosts.as_ref().map(|file| {
        format!(
            " -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes",
            quoted(file)
        )
    });
    Some(format!(
        "ssh -o BatchMode=yes{}{}",
        key.unwrap_or_default(),
        hosts.unwrap_or_default()
    ))
}

/// A credential helper (gitcredentials(7)) that returns the contents of a file and stores nothing.
fn helper(file: &Path, user: &str) -> String {
    let user = quoted(Path::new(user));
    let file = quoted(file);
    format!(
        "!f() {{ test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' {user} \"$(cat {file})\"; }}; f"
    )
}

/// Quotes a path for a shell.
fn quoted(file: &Path) -> String {
    format!("'{}'", file.display().to_string().replace('\'', r"'\''"))
}

/// No programs named in a configuration, and no automatic maintenance.
const OURS: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.addEmbeddedRepo=false",
    "push.gpgSign=false",
    "core.safecrlf=false",
    "core.protectNTFS=false",
    "core.excludesFile=/dev/null",
    "init.defaultRefFormat=files",
];

/// Variables that would redirect git.
const BENDING: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DEFAULT_REF_FORMAT",
];

fn is_locked(said: &str) -> bool {
    said.contains("could not lock config file")
        || said.contains("Unable to create") && said.contains(".lock': File exists")
}

fn is_old(lock: &Path) -> bool {
    let written = lock
        .symlink_metadata()
        .and_then(|lock| lock.modified())
        .ok();
    let age = written.and_then(|written| written.elapsed().ok());
    age.is_some_and(|age| age >= LEFT_BEHIND)
}

/// Reads up to the limit and discards the rest.
async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _partial_is_fine = (&mut stream).take(limit).read_to_end(&mut bytes).await;
        let _not_needed = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    bytes
}

const SILENT: &str = "it gave no reason";
/// Git printed more than the limit.
pub const TOO_MUCH: &str = "too much output";

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .trim()
        .lines()
        .filter(|line| !line.starts_with("hint:"))
        .collect();
    let last = lines[lines.len().saturating_sub(5)..].join(" ");
    if last.is_empty() { SILENT.into() } else { last }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;

    impl Git {
        /// Runs it with this input and returns its output.
        async fn fed(&self, arguments: &[&str], words: &str) -> String {
            use tokio::io::AsyncWriteExt;
            let mut child = self
                .command(arguments)
                .stdin(Stdio::piped())
                .spawn()
                .expect("git");
            let mut stdin = child.stdin.take().expect("open");
            stdin.write_all(words.as_bytes()).await.expect("read");
            drop(stdin);
            let output = child.wait_with_output().await.expect("ended");
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    }

    /// One of our repositories, with refs locked for `since`.
    async fn locked(since: Duration) -> (tempfile::TempDir, Git, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Git::at(folder.path())
            .run(&["init", "--quiet", "--bare", "r.git"])
            .await;
        made.expect("made");
        let dir = folder.path().join("r.git");
        let lock = dir.join("packed-refs.lock");
        let file = fs::File::create(&lock).expect("locked");
        #[expect(
            clippy::disallowed_methods,
            reason = "files have the machine's own times"
        )]
        let now = SystemTime::now();
        file.set_modified(now - since).expect("dated");
        let git = Git::of(&dir);
        (folder, git, lock)
    }

    #[tokio::test]
    async fn a_token_is_read_from_its_file_whenever_git_asks() {
        let (folder, git, _) = locked(LEFT_BEHIND * 2).await;
        let file = folder.path().join("it's a token");
        let access = GitAccess {
            token_file: Some(file.clone()),
            token_user: "bot".into(),
            ..GitAccess::default()
        };
        let git = git.reaching(&access, "https://example.org/a.git");
        let other = git.fed(
            &["credential", "fill"],
            "url=https://evil.example/a.git\n\n",
        );
        assert!(!other.await.contains("password"), "it is of one host");
        for token in ["first", "second"] {
            fs::write(&file, format!("{token}\n")).expect("written");
            let asked = ["credential", "fill"];
            let said = git.fed(&asked, "url=https://example.org/a.git\n\n").await;
            let expected =
                format!("protocol=https\nhost=example.org\nusername=bot\npassword={token}\n");
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn a_key_is_offered_alone_and_only_known_hosts_are_trusted() {
        let access = GitAccess {
            ssh_key: Some("/k".into()),
            known_hosts: Some("/h h".into()),
            ..GitAccess::default()
        };
        let said = ssh(&access).expect("some");
        assert_eq!(
            said,
            "ssh -o BatchMode=yes -i '/k' -o IdentitiesOnly=yes -o UserKnownHostsFile='/h h' -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
        );
        assert_eq!(
            ssh(&GitAccess::default()),
            None,
            "the operator's own counts"
        );
    }

    #[tokio::test]
    async fn a_lock_that_a_killed_git_left_behind_stops_nothing() {
        let (_folder, git, lock) = locked(LEFT_BEHIND * 2).await;
        let packed = git.run(&["pack-refs", "--all"]).await;
        assert_eq!(packed.map_err(|error| error.to_string()), Ok(String::new()));
        assert!(!lock.exists());
    }

    #[tokio::test]
    async fn a_lock_that_somebody_holds_is_waited_for_and_left_alone() {
        let (_folder, git, lock) = locked(Duration::ZERO).await;
        let held = lock.clone();
        let holder = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(held.exists(), "nobody took it away");
            fs::remove_file(held).expect("released");
        });
        let packed = git.run(&["pack-refs", "--all"]).await;
        assert_eq!(packed.map_err(|error| error.to_string()), Ok(String::new()));
        holder.await.expect("held");
    }
}
