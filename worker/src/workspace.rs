//! One git worktree for each task, on the task's branch.
//!
//! A worktree of ours is locked with a reason that names the task, so git itself tells ours from
//! others', and no `git worktree prune` takes it away. Work is never lost: what an earlier attempt
//! left is committed before anything else happens, and a worktree is removed only after that.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use vine_domain::{
    Failure, FailureKind, TaskId, Timestamp, repo::Source, task::Report, worker::Assignment,
};

use crate::{
    agent::Finished,
    config::CommitConfig,
    git::{GitError, agrees, git},
};

/// The patch that is reported is cut here.
const PATCH_LIMIT: usize = 256 * 1024;
const STAT_LIMIT: usize = 16 * 1024;
const SUMMARY_LIMIT: usize = 64 * 1024;
/// The making of a worktree that stands still for this long was cut off.
const HALF_MADE: Duration = Duration::from_secs(1);

/// A task's worktree.
#[derive(Debug)]
pub struct Workspace {
    /// Where the agent works.
    pub folder: PathBuf,
    /// Where git was asked to make it: the repository, or our bare copy of it.
    home: PathBuf,
    remote: bool,
    base: String,
    branch: String,
    message: String,
    commit: CommitConfig,
    /// What people should know about how it was made.
    pub notes: Vec<String>,
}

/// What came of the work, as git sees it.
pub struct Changes {
    /// The commit, if anything changed.
    pub commit: Option<String>,
    /// `git diff --stat`.
    pub diffstat: String,
    /// `git diff`, cut.
    pub patch: String,
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        Self::new(FailureKind::Git, error.to_string())
    }
}

/// What marks a worktree or branch as this task's.
fn owner(task: &Assignment) -> String {
    format!("agentvine {} {}", task.attempt.task, task.created.0)
}

/// Reads [`owner`] back.
pub fn read_owner(reason: &str) -> Option<(TaskId, Timestamp)> {
    let (task, created) = reason.strip_prefix("agentvine ")?.split_once(' ')?;
    Some((task.parse().ok()?, Timestamp(created.parse().ok()?)))
}

impl Workspace {
    /// The worktree of a task that is over, found by its folder; only to be closed. One that is not
    /// on a branch of that task is refused.
    pub async fn of_orphan(
        folder: &Path,
        task: TaskId,
        commit: &CommitConfig,
    ) -> Result<Self, Failure> {
        let branch = git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        let owner = git(
            folder,
            &[
                "config",
                "--local",
                "--get",
                &format!("branch.{branch}.vine"),
            ],
        )
        .await
        .unwrap_or_default();
        if read_owner(&owner).is_none_or(|(owner, _)| owner != task) {
            let what = format!(
                "The agent left it on the branch `{branch}`, which was not made for {task}."
            );
            return Err(Failure::new(FailureKind::Git, what));
        }
        Ok(Self {
            folder: folder.into(),
            home: common(folder).await?,
            remote: false,
            base: String::new(),
            branch,
            message: format!("Task: {task}"),
            commit: commit.clone(),
            notes: Vec::new(),
        })
    }

    /// Makes or takes up the worktree of a task. `state` is the worker's own folder. Unless the
    /// agent goes back into its session (`resumes`), what an earlier attempt left uncommitted is
    /// committed first.
    pub async fn prepare(
        state: &Path,
        task: &Assignment,
        commit: &CommitConfig,
        resumes: bool,
    ) -> Result<Self, Failure> {
        let (home, remote) = home(state, task).await?;
        let base = find_base(&home, task).await?;
        let mut workspace = Self {
            folder: PathBuf::new(),
            home,
            remote,
            base,
            branch: task.branch.to_string(),
            message: message(task, commit),
            commit: commit.clone(),
            notes: Vec::new(),
        };
        workspace.folder = {
            let common = common(&workspace.home).await?;
            let _alone = alone(&common).await?;
            forget_half_made(&common).await;
            match workspace.checked_out(task).await? {
                Some(folder) => folder,
                None => workspace.add(state, task).await?,
            }
        };
        if !resumes && workspace.keep_leftovers().await? {
            workspace.notes.push(format!(
                "The worktree held uncommitted changes of an earlier attempt. They are kept as a \
                 commit on `{}`; the agent goes on from there.",
                workspace.branch
            ));
        }
        Ok(workspace)
    }

    /// The worktree that has our branch checked out, if it is this task's.
    async fn checked_out(&self, task: &Assignment) -> Result<Option<PathBuf>, Failure> {
        let listing = git(&self.home, &["worktree", "list", "--porcelain"]).await?;
        let ours = format!("branch refs/heads/{}", self.branch);
        let Some(entry) = listing
            .split("\n\n")
            .find(|entry| entry.lines().any(|line| line == ours))
        else {
            return Ok(None);
        };
        let folder = entry
            .lines()
            .find_map(|line| line.strip_prefix("worktree "))
            .unwrap_or_default();
        let reason = entry.lines().find_map(|line| line.strip_prefix("locked "));
        if matches!(reason, None | Some("initializing")) && self.is_ours(task).await {
            // Its making was cut off: what lies there is no work, and perhaps not even whole.
            git(
                &self.home,
                &["worktree", "remove", "--force", "--force", folder],
            )
            .await?;
            return Ok(None);
        }
        if reason != Some(owner(task).as_str()) {
            let what = format!(
                "The branch `{}` is checked out in {folder}, which is not a worktree of this task.",
                self.branch
            );
            return Err(Failure::new(FailureKind::BranchTaken, what));
        }
        if Path::new(folder).join(".git").exists() {
            return Ok(Some(folder.into()));
        }
        // Somebody deleted the folder: git must forget it before the branch can be checked out
        // again.
        git(&self.home, &["worktree", "unlock", folder]).await?;
        git(&self.home, &["worktree", "prune"]).await?;
        Ok(None)
    }

    async fn add(&self, state: &Path, task: &Assignment) -> Result<PathBuf, Failure> {
        let folder = free_folder(
            &state.join("worktrees").join(task.repo.name.as_str()),
            &task.attempt.task.to_string(),
        );
        let (path, reason) = (folder.display().to_string(), owner(task));
        if agrees(
            &self.home,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                &format!("refs/heads/{}", self.branch),
            ],
        )
        .await
        {
            if !self.is_ours(task).await {
                let what = format!(
                    "The branch `{}` exists already and was not made for this task.",
                    self.branch
                );
                return Err(Failure::new(FailureKind::BranchTaken, what));
            }
            git(
                &self.home,
                &["worktree", "add", "--quiet", &path, &self.branch],
            )
            .await?;
        } else {
            // Named as ours before it exists: a worker that dies in between leaves no branch that
            // nobody knows.
            git(&self.home, &["config", "--local", &self.key(), &reason]).await?;
            git(
                &self.home,
                &[
                    "worktree",
                    "add",
                    "--quiet",
                    "--no-track",
                    "-b",
                    &self.branch,
                    &path,
                    &self.base,
                ],
            )
            .await?;
        }
        // Locked when it is whole: an unlocked one is the mark of a making that was cut off.
        git(
            &self.home,
            &["worktree", "lock", "--reason", &reason, &path],
        )
        .await?;
        Ok(folder)
    }

    /// Where git keeps whose the branch is.
    fn key(&self) -> String {
        format!("branch.{}.vine", self.branch)
    }

    /// The branch was made for this task.
    async fn is_ours(&self, task: &Assignment) -> bool {
        git(&self.home, &["config", "--local", "--get", &self.key()])
            .await
            .is_ok_and(|known| known == owner(task))
    }

    /// Commits what lies in the worktree uncommitted; `false` when there is nothing.
    async fn keep_leftovers(&self) -> Result<bool, Failure> {
        self.is_on_its_branch().await?;
        if git(&self.folder, &["status", "--porcelain"])
            .await?
            .is_empty()
        {
            return Ok(false);
        }
        self.commit_all(&format!(
            "Keep what an earlier attempt left\n\n{}",
            self.message
        ))
        .await?;
        Ok(true)
    }

    async fn commit_all(&self, message: &str) -> Result<(), Failure> {
        git(&self.folder, &["add", "--all"]).await?;
        if agrees(&self.folder, &["diff", "--cached", "--quiet"]).await {
            return Ok(());
        }
        let (name, email) = (
            format!("user.name={}", self.commit.name),
            format!("user.email={}", self.commit.email),
        );
        git(
            &self.folder,
            &[
                "-c",
                &name,
                "-c",
                &email,
                "commit",
                "--quiet",
                "--no-verify",
                "--message",
                message,
            ],
        )
        .await?;
        Ok(())
    }

    /// The agent may have gone elsewhere: nothing is committed to a branch that is not the task's.
    async fn is_on_its_branch(&self) -> Result<(), Failure> {
        let on = git(
            &self.folder,
            &["symbolic-ref", "--quiet", "--short", "HEAD"],
        )
        .await
        .unwrap_or_else(|_| "no branch".into());
        if on == self.branch {
            return Ok(());
        }
        let folder = self.folder.display();
        let what = format!(
            "The agent left its worktree {folder} on {on} instead of `{}`; nothing was committed.",
            self.branch
        );
        Err(Failure::new(FailureKind::Git, what))
    }

    /// Commits what the agent left and says what changed since the base.
    pub async fn commit(&self) -> Result<Changes, Failure> {
        self.is_on_its_branch().await?;
        self.commit_all(&self.message).await?;
        let start = git(&self.folder, &["merge-base", &self.base, "HEAD"]).await?;
        let head = git(&self.folder, &["rev-parse", "HEAD"]).await?;
        if start == head {
            return Ok(Changes {
                commit: None,
                diffstat: String::new(),
                patch: String::new(),
            });
        }
        if self.remote {
            let refspec = format!("refs/heads/{0}:refs/heads/{0}", self.branch);
            git(&self.home, &["push", "--quiet", "origin", &refspec]).await?;
        }
        let diffstat = git(
            &self.folder,
            &[
                "diff",
                "--no-ext-diff",
                "--no-textconv",
                "--stat",
                &start,
                &head,
            ],
        )
        .await?;
        let patch = git(
            &self.folder,
            &[
                "diff",
                "--no-ext-diff",
                "--no-textconv",
                "--no-color",
                &start,
                &head,
            ],
        )
        .await?;
        Ok(Changes {
            commit: Some(head),
            diffstat: cut(diffstat, STAT_LIMIT),
            patch: cut(patch, PATCH_LIMIT),
        })
    }

    /// The task is over: commits what is left and removes the worktree; the branch stays.
    pub async fn close(&self) -> Result<(), Failure> {
        self.keep_leftovers().await?;
        let folder = self.folder.display().to_string();
        git(&self.home, &["worktree", "unlock", &folder]).await?;
        git(&self.home, &["worktree", "remove", "--force", &folder]).await?;
        Ok(())
    }
}

impl Changes {
    /// These changes as a report with the agent's words.
    pub fn report(self, finished: Finished) -> (Report, String) {
        let Finished {
            summary,
            usage,
            denied,
        } = finished;
        let summary = cut(summary, SUMMARY_LIMIT);
        (
            Report {
                summary,
                denied,
                commit: self.commit,
                diffstat: self.diffstat,
                usage,
            },
            self.patch,
        )
    }
}

/// The repository itself, or for a URL our bare copy of it, fetched.
async fn home(state: &Path, task: &Assignment) -> Result<(PathBuf, bool), Failure> {
    let missing = |what: String| Failure::new(FailureKind::RepositoryMissing, what);
    match &task.repo.source {
        Source::Path(path) => {
            let folder = PathBuf::from(path);
            if !folder.is_dir() {
                return Err(missing(format!(
                    "The repository `{}` should be at {path}, but there is no such folder on this \
                     worker.",
                    task.repo.name
                )));
            }
            let top = git(&folder, &["rev-parse", "--absolute-git-dir"]).await;
            top.map(|_| (folder, false))
                .map_err(|error| missing(format!("{path} is no git repository: {error}")))
        }
        Source::Url(url) => {
            let copy = state.join("repos").join(format!("{}.git", task.repo.name));
            // Two attempts of one worker must not make or fetch the copy at the same time.
            static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
            let _alone = ONE_AT_A_TIME.lock().await;
            let fetched = if copy.is_dir() {
                fetch(&copy, url).await
            } else {
                clone(&copy, url).await
            };
            fetched.map(|()| (copy, true)).map_err(|error| {
                let what = format!(
                    "The repository `{}` cannot be fetched from {url}: {error}",
                    task.repo.name
                );
                let gone = [
                    "not appear to be a git repository",
                    "not found",
                    "does not exist",
                ]
                .iter()
                .any(|words| what.contains(words));
                // Anything else may be the network, which comes back.
                Failure::new(
                    if gone {
                        FailureKind::RepositoryMissing
                    } else {
                        FailureKind::Git
                    },
                    what,
                )
            })
        }
    }
}

/// The folder that all worktrees of a repository share.
async fn common(home: &Path) -> Result<PathBuf, GitError> {
    git(
        home,
        &["rev-parse", "--path-format=absolute", "--git-common-dir"],
    )
    .await
    .map(PathBuf::from)
}

/// Waits until nobody else makes a worktree of this repository, in this worker or another one on
/// the machine: git lists all worktrees to make one, and stumbles over one that is being made. Ends
/// with the file.
async fn alone(common: &Path) -> Result<std::fs::File, Failure> {
    let path = common.join("agentvine.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::create(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    });
    let locked = locked
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)));
    locked.map_err(|error| {
        GitError::new(
            "worktree",
            format!("the repository's folder cannot be locked: {error}"),
        )
        .into()
    })
}

/// Git keeps a folder for each worktree and writes `commondir` into it. When it dies in between,
/// the file is empty, and from then on git fails for the whole repository
/// (`failed to read .git/worktrees/T-1/commondir: Success`, git 2.39). Nothing was checked out yet.
/// Call it [`alone`]; a stranger who makes one at this moment needs no second for it.
async fn forget_half_made(common: &Path) {
    let half_made = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(common.join("worktrees"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        entries
            .filter(|entry| {
                std::fs::metadata(entry.join("commondir")).is_ok_and(|file| file.len() == 0)
            })
            .collect()
    };
    let seen = half_made();
    if seen.is_empty() {
        return;
    }
    tokio::time::sleep(HALF_MADE).await;
    for entry in half_made().iter().filter(|entry| seen.contains(entry)) {
        tracing::warn!("the making of a worktree was cut off: {}", entry.display());
        let folder = worktree_of(entry);
        if folder.as_deref().is_some_and(holds_work) {
            // After a loss of power it may be this file alone that is not whole.
            let _shows_up_in_git = std::fs::write(entry.join("commondir"), "../..\n");
            continue;
        }
        if let Some(folder) = folder {
            let _gone_already = std::fs::remove_file(folder.join(".git"));
            let _not_empty = std::fs::remove_dir(folder);
        }
        let _shows_up_in_git = std::fs::remove_dir_all(entry);
    }
}

/// The worktree that git keeps an entry for.
fn worktree_of(entry: &Path) -> Option<PathBuf> {
    let link = entry.join(std::fs::read_to_string(entry.join("gitdir")).ok()?.trim());
    link.ends_with(".git")
        .then(|| link.parent().map(Path::to_owned))?
}

/// There is more in it than git's own file.
fn holds_work(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|one| one.file_name() != ".git")
}

/// Made under another name first, so that a copy that is there is whole.
async fn clone(copy: &Path, url: &str) -> Result<(), GitError> {
    let parent = copy.parent().unwrap_or(Path::new("/"));
    let draft = copy.with_extension("new");
    let _left_by_a_crash = std::fs::remove_dir_all(&draft);
    let _shows_up_in_git = std::fs::create_dir_all(parent);
    git(
        parent,
        &["init", "--quiet", "--bare", &draft.display().to_string()],
    )
    .await?;
    git(&draft, &["remote", "add", "origin", url]).await?;
    fetch(&draft, url).await?;
    std::fs::rename(&draft, copy).map_err(|error| GitError::new("init", error.to_string()))
}

async fn fetch(copy: &Path, url: &str) -> Result<(), GitError> {
    git(copy, &["remote", "set-url", "origin", url]).await?;
    git(
        copy,
        &[
            "fetch",
            "--quiet",
            "--prune",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
        ],
    )
    .await
    .map(|_| ())
}

/// The commit that the task starts from: a local branch first, then one of the remote.
async fn find_base(home: &Path, task: &Assignment) -> Result<String, Failure> {
    for name in [
        format!("refs/heads/{}", task.base),
        format!("refs/remotes/origin/{}", task.base),
    ] {
        if agrees(
            home,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                &format!("{name}^{{commit}}"),
            ],
        )
        .await
        {
            return Ok(name);
        }
    }
    let what = format!(
        "The repository `{}` has no branch `{}` with a commit.",
        task.repo.name, task.base
    );
    Err(Failure::new(FailureKind::BaseMissing, what))
}

fn free_folder(parent: &Path, name: &str) -> PathBuf {
    let candidates = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
    candidates
        .map(|name| parent.join(name))
        .find(|folder| !folder.exists())
        .expect("numbers do not end")
}

fn message(task: &Assignment, commit: &CommitConfig) -> String {
    let trailer = if commit.trailer.is_empty() {
        String::new()
    } else {
        format!("\n{}", commit.trailer)
    };
    format!(
        "{}\n\nTask: {}\nRequested-by: {}{trailer}",
        task.title, task.attempt.task, task.requester
    )
}

fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str("\n… cut here; all of it is on the branch or in the log\n");
    }
    text
}
