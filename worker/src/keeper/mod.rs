//! The keeper's side of git: a bare repository for each repository that tasks work on, which no
//! agent writes to. Bases come from it, work goes back into it, and everything that people see or
//! that leaves the machine is read from it.
//!
//! ```text
//!  source ──fetch──► keeper ──alternates──► the agent's folder, a repository of its own
//!    ▲                 │ ▲                          │
//!    └──── push ───────┘ └──── fetch, with fsck ────┘
//! ```
//!
//! [`folder`] creates and repairs the agent's folder, [`take`] fetches work from it, and
//! [`publish`] pushes it to the source. Refs in the keeper, for the task `T-7`:
//!
//! | ref | what |
//! |---|---|
//! | `refs/remotes/origin/*` | the source's branches as they were last fetched |
//! | `refs/vine/T-7-<created>/base` | what its folder borrows, so that `gc` keeps it |
//! | `refs/vine/T-7-<created>/work` | the latest known state of its work |
//! | `refs/vine/T-7-<created>/e2/*` | all refs of its second attempt's repository |

pub mod folder;
mod nested;
mod other_refs;
pub mod publish;
pub mod record;
pub mod secret_scan;
pub mod take;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use vine_domain::{Failure, FailureKind, Repo, assignment::UnfinishedWork, repo::Source};

use self::record::FolderRecord;
use crate::{
    config::{GitAccess, GitConfig},
    git::{Git, GitError},
};

/// The keeper's copy of one repository.
#[derive(Debug, Clone)]
pub struct Keeper {
    dir: PathBuf,
    repo: Repo,
    config: GitConfig,
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        Self::new(FailureKind::Git, error.to_string())
    }
}

/// Whether git reports damaged objects or refs.
fn is_damaged(error: &GitError) -> bool {
    [
        "bad object",
        "corrupt",
        "loose object",
        "did not send all necessary objects",
        "unable to read",
    ]
    .iter()
    .any(|words| error.said.contains(words))
}

/// The base name that stands for the source's default branch.
const DEFAULT: &str = "HEAD";

impl Keeper {
    /// The existing copy, without contacting the source.
    pub fn of(state: &Path, repo: &Repo, git: &GitConfig) -> Self {
        let name = format!("{}.git", repo.name);
        Self {
            dir: state.join("repos").join(name),
            repo: repo.clone(),
            config: git.clone(),
        }
    }

    /// The copy, updated from the source; created if missing.
    pub async fn fresh(state: &Path, repo: &Repo, git: &GitConfig) -> Result<Self, Failure> {
        let keeper = Self::of(state, repo, git);
        keeper.is_there()?;
        let _alone = keeper.alone().await;
        let made = match keeper.dir.is_dir() {
            true => keeper.fetch().await,
            false => keeper.make().await,
        };
        let Err(error) = made else {
            return Ok(keeper);
        };
        // A copy that a power failure damaged cannot be repaired by fetching, so it is created
        // again.
        if keeper.dir.is_dir() && is_damaged(&error) {
            let mended = keeper.make_anew().await;
            return mended
                .map(|()| keeper.clone())
                .map_err(|error| keeper.away(&error));
        }
        Err(keeper.away(&error))
    }

    /// Creates the copy again, with everything readable that the damaged one kept.
    async fn make_anew(&self) -> Result<(), GitError> {
        let damaged = (1..)
            .map(|number| self.dir.with_extension(format!("damaged-{number}")))
            .find(|path| !path.exists())
            .expect("numbers do not end");
        tracing::warn!(
            "the copy {} is damaged and will be created again; the old one is now {}",
            self.dir.display(),
            damaged.display()
        );
        fs::rename(&self.dir, &damaged)
            .map_err(|error| GitError::new("clone", error.to_string()))?;
        self.make().await?;
        let from = damaged.display().to_string();
        let kept = self.git();
        if let Err(error) = kept
            .run(&[
                "fetch",
                "--quiet",
                "--no-tags",
                &from,
                "+refs/vine/*:refs/vine/*",
            ])
            .await
        {
            tracing::error!("could not read the tasks' work in {from}: {error}");
        }
        Ok(())
    }

    /// Git on this copy. Its configuration is rewritten before each use, since agents may run as
    /// the same user.
    pub fn git(&self) -> Git {
        Git::of(&self.dir).reaching(&self.access(), self.repo.source.as_str())
    }

    /// How its remote is reached now.
    fn access(&self) -> GitAccess {
        self.config.access(self.state(), &self.repo)
    }

    /// The worker's own folder.
    pub fn state(&self) -> &Path {
        let above = self.dir.parent().and_then(Path::parent);
        above.unwrap_or(Path::new("/"))
    }

    /// The folder of its objects.
    pub fn objects(&self) -> PathBuf {
        self.dir.join("objects")
    }

    fn is_there(&self) -> Result<(), Failure> {
        match &self.repo.source {
            Source::Path(path) if !Path::new(path).is_dir() => {
                let what = format!(
                    "The repository `{}` is expected at {path}, but this worker has no such \
                     folder.",
                    self.repo.name
                );
                Err(Failure::new(FailureKind::RepositoryMissing, what))
            }
            _ => Ok(()),
        }
    }

    /// The failure that results when the source does not respond.
    pub fn away(&self, error: &GitError) -> Failure {
        let (kind, what) = match &self.repo.source {
            Source::Path(path) => (
                FailureKind::RepositoryMissing,
                format!(
                    "Could not read the repository `{}` at {path}: {error}",
                    self.repo.name
                ),
            ),
            Source::Url(_) => (
                FailureKind::RemoteAway,
                format!(
                    "Could not read the remote of the repository `{}` ({}): {error}",
                    self.repo.name,
                    self.repo.source.shown()
                ),
            ),
        };
        Failure::new(kind, what)
    }

    /// Serializes writes to the copy.
    pub async fn alone(&self) -> OwnedMutexGuard<()> {
        static TURNS: LazyLock<Mutex<HashMap<PathBuf, Arc<AsyncMutex<()>>>>> =
            LazyLock::new(Mutex::default);
        let turn = {
            let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(self.dir.clone()).or_default())
        };
        let guard = turn.lock_owned().await;
        self.own();
        guard
    }

    /// Rewrites the copy's configuration and removes files that would redirect git.
    fn own(&self) {
        let file = self.dir.join("config");
        let Ok(before) = fs::read_to_string(&file) else {
            return;
        };
        let is_sha256 = |line: &str| line.trim() == "objectformat = sha256";
        let format = if before.lines().any(is_sha256) {
            "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n[core]\n"
        } else {
            "\trepositoryformatversion = 0\n"
        };
        let url = quoted(self.repo.source.as_str());
        let ours = format!("[core]\n{format}\tbare = true\n[remote \"origin\"]\n\turl = {url}\n");
        if before != ours {
            let _shows_up_in_git = fs::write(&file, ours);
        }
        for other in [
            "commondir",
            "objects/info/alternates",
            "info/attributes",
            "info/grafts",
        ] {
            let _mostly_not_there = fs::remove_file(self.dir.join(other));
        }
    }

    /// Created under another name first, so that an existing copy is complete. Objects on the same
    /// disk are hard-linked, so they survive a deletion at the source.
    async fn make(&self) -> Result<(), GitError> {
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        let draft = self.dir.with_extension("new");
        let _left_by_a_crash = fs::remove_dir_all(&draft);
        let _shows_up_in_git = fs::create_dir_all(parent);
        let source = self.repo.source.as_str();
        let to = draft.display().to_string();
        // Objects that the source borrows are copied, so that the copy is self-contained.
        let clone = [
            "clone",
            "--quiet",
            "--bare",
            "--no-tags",
            "--template=",
            "--dissociate",
            source,
            &to,
        ];
        let git = Git::at(parent).reaching(&self.access(), source);
        git.run(&clone).await?;
        // The copy needs no branches of its own; only fetched ones count.
        let drafted = Self {
            dir: draft.clone(),
            ..self.clone()
        };
        drafted.own();
        drafted.fetch().await?;
        let git = drafted.git();
        let heads = git
            .run(&["for-each-ref", "--format=%(refname)", "refs/heads"])
            .await?;
        for head in heads.lines() {
            drafted.git().run(&["update-ref", "-d", head]).await?;
        }
        drafted
            .git()
            .run(&["symbolic-ref", "HEAD", "refs/heads/none"])
            .await?;
        fs::rename(&draft, &self.dir).map_err(|error| GitError::new("clone", error.to_string()))
    }

    async fn fetch(&self) -> Result<(), GitError> {
        let wanted: &[&str] = match self.repo.source {
            // The remote branches of a local folder can be bases too.
            Source::Path(_) => &[
                "+refs/heads/*:refs/remotes/origin/*",
                "+refs/remotes/origin/*:refs/remotes/upstream/*",
                "+refs/tags/*:refs/tags/*",
            ],
            Source::Url(_) => &[
                "+refs/heads/*:refs/remotes/origin/*",
                "+refs/tags/*:refs/tags/*",
            ],
        };
        let fetch = [
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--update-shallow",
            "origin",
        ];
        self.git()
            .run(&[&fetch[..], wanted].concat())
            .await
            .map(|_| ())
    }

    /// The commit with this name, if it exists.
    pub async fn commit_at(&self, name: &str) -> Result<Option<String>, GitError> {
        let commit = format!("{name}^{{commit}}");
        self.git()
            .ask(&["rev-parse", "--verify", "--quiet", &commit])
            .await
    }

    /// The branch and commit that a task starts from; `HEAD` means the source's default branch.
    pub async fn base(&self, wanted: &str) -> Result<(String, String), Failure> {
        let name = match wanted {
            DEFAULT => self.default_branch().await?,
            other => other.to_owned(),
        };
        for place in ["origin", "upstream"] {
            if let Some(commit) = self
                .commit_at(&format!("refs/remotes/{place}/{name}"))
                .await?
            {
                return Ok((name, commit));
            }
        }
        let what = format!(
            "The repository `{}` has no branch `{name}` with a commit.",
            self.repo.name
        );
        Err(Failure::new(FailureKind::BaseMissing, what))
    }

    async fn default_branch(&self) -> Result<String, Failure> {
        let said = self
            .git()
            .run(&["ls-remote", "--symref", "origin", "HEAD"])
            .await;
        let said = said.map_err(|error| self.away(&error))?;
        let named = said.lines().find_map(|line| {
            line.strip_prefix("ref: refs/heads/")?
                .strip_suffix("\tHEAD")
        });
        named.map(str::to_owned).ok_or_else(|| {
            let what = format!(
                "The repository `{}` does not report its default branch.",
                self.repo.name
            );
            Failure::new(FailureKind::BaseMissing, what)
        })
    }

    /// Whether `one` is `other` or an ancestor of it.
    pub async fn is_in(&self, one: &str, other: &str) -> Result<bool, GitError> {
        let asked = self
            .git()
            .ask(&["merge-base", "--is-ancestor", one, other])
            .await?;
        Ok(asked.is_some())
    }

    /// What earlier attempts of a task left: here, or where another worker pushed it.
    pub async fn earlier(
        &self,
        record: &FolderRecord,
        work: Option<&UnfinishedWork>,
    ) -> Result<Option<String>, Failure> {
        let own = format!("refs/vine/{}/work", record.key());
        let found = self.commit_at(&own).await?;
        let Some(work) = work.filter(|work| found.as_ref() != Some(&work.commit)) else {
            return Ok(found);
        };
        let other = format!("refs/vine/{}/other", record.key());
        let refspec = format!("+{}:{other}", work.name);
        let fetch = ["fetch", "--quiet", "--no-tags", "origin", &refspec];
        match self.git().run(&fetch).await {
            Ok(_) => {}
            // Someone deleted it at the source.
            Err(error) if error.said.contains("remote ref") => return Ok(found),
            Err(error) => return Err(self.away(&error)),
        }
        let there = self.commit_at(&other).await?;
        match (found, there) {
            // Ours is newer than what was pushed.
            (Some(here), Some(there)) if self.is_in(&there, &here).await? => Ok(Some(here)),
            (here, there) => Ok(there.or(here)),
        }
    }

    /// Releases what a removed folder borrowed. What was taken from it stays.
    pub async fn let_go(&self, record: &FolderRecord) {
        let _only_faster = fs::remove_file(self.index(record));
        for part in ["base", "head", "other"] {
            let name = format!("refs/vine/{}/{part}", record.key());
            let _stays_harmless = self.forget(&name).await;
        }
    }

    async fn forget(&self, name: &str) -> Result<(), GitError> {
        self.git()
            .run(&["update-ref", "-d", name])
            .await
            .map(|_| ())
    }

    /// The copy's git directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a commit reachable by a ref.
    pub async fn hold(&self, name: &str, commit: &str) -> Result<(), GitError> {
        self.git()
            .run(&["update-ref", name, commit])
            .await
            .map(|_| ())
    }
}

/// Quotes a value for git's configuration.
fn quoted(text: &str) -> String {
    let plain = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{plain}\"")
}
