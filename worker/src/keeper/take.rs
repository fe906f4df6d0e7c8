//! Brings the work in an agent's folder into the keeper's repository: its commits, checked, and
//! what lies there uncommitted. The agent is gone by then. Nothing that it wrote is believed: not
//! its configuration, not its index, not where its repository says that it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vine_domain::{Failure, FailureKind};

use super::{Keeper, record::Record};
use crate::{config::CommitConfig, git::GitError};

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// The commit that holds all of it that can be held; the record's tip is the same.
    pub tip: String,
    /// Something lay there uncommitted, and is a commit of the keeper's now.
    pub kept: bool,
    /// What people should know, a sentence each.
    pub notes: Vec<String>,
    /// Paths that stay in the folder, since no commit holds what is in them.
    pub stays: Vec<String>,
}

/// At most so many names in one sentence.
const NAMED: usize = 5;

impl Keeper {
    /// Takes everything. `message` is that of a commit that is made of what is uncommitted.
    pub async fn take(
        &self,
        record: &mut Record,
        commit: &CommitConfig,
        message: &str,
    ) -> Result<Taken, Failure> {
        let _alone = self.alone().await;
        let mut taken = Taken::default();
        if !record.folder.is_dir() {
            taken.tip.clone_from(&record.tip);
            taken.notes.push(format!(
                "The folder {} is gone; what was kept before is what there is.",
                record.folder.display()
            ));
            return Ok(taken);
        }
        let head = self.take_commits(record, &mut taken).await?;
        taken.stays = nested(&record.folder, &self.submodules(&head).await?);
        // What was kept before is built on, unless the agent went another way since.
        let parent = match self.is_in(&head, &record.tip).await? {
            true => record.tip.clone(),
            false => head.clone(),
        };
        let tip = self
            .commit_rest(record, commit, message, &parent, &taken.stays)
            .await?;
        taken.kept = tip != head;
        self.hold(&format!("refs/vine/{}/work", record.key()), &tip)
            .await?;
        record.tip.clone_from(&tip);
        let saved = record.save();
        saved.map_err(|error| GitError::new("update-ref", error.to_string()))?;
        if !taken.stays.is_empty() {
            taken.notes.push(format!(
                "The agent made repositories inside the folder, which no commit can hold: {}. They \
                 stay in {}.",
                named(&taken.stays),
                record.folder.display()
            ));
        }
        taken.tip = tip;
        Ok(taken)
    }

    /// Fetches all branches of the folder; gives its head.
    async fn take_commits(&self, record: &Record, taken: &mut Taken) -> Result<String, Failure> {
        let Some(inside) = self.readable(record) else {
            taken.notes.push(
                "The agent's repository is gone or leads elsewhere; its files were taken as they lie \
                 there."
                    .into(),
            );
            return Ok(record.tip.clone());
        };
        let (from, key) = (inside.display().to_string(), record.key());
        let heads = format!("+refs/heads/*:refs/vine/{key}/heads/*");
        let stash = format!("+refs/stash*:refs/vine/{key}/stash*");
        let head = format!("+HEAD:refs/vine/{key}/head");
        let fetch = [
            "-c",
            "fetch.fsckObjects=true",
            "fetch",
            "--quiet",
            "--no-tags",
            "--prune",
            "--no-write-fetch-head",
            "--update-shallow",
            &from,
            &heads,
            &stash,
        ];
        let with_head: Vec<&str> = fetch.iter().copied().chain([head.as_str()]).collect();
        let fetched = match self.git().run(&with_head).await {
            // A head without a commit, as after `git checkout --orphan`.
            Err(error) if error.said.contains("remote ref HEAD") => self.git().run(&fetch).await,
            other => other,
        };
        if let Err(error) = fetched {
            taken.notes.push(format!(
                "The agent's commits cannot be read ({error}); its files were taken as they lie there."
            ));
            return Ok(record.tip.clone());
        }
        let at_head = self.commit_at(&format!("refs/vine/{key}/head")).await?;
        let head = at_head.unwrap_or_else(|| record.tip.clone());
        self.name_others(record, &head, taken).await?;
        Ok(head)
    }

    /// Names branches that the agent made and that its head does not hold.
    async fn name_others(
        &self,
        record: &Record,
        head: &str,
        taken: &mut Taken,
    ) -> Result<(), Failure> {
        let prefix = format!("refs/vine/{}/", record.key());
        let (format, heads, stash) = (
            "--format=%(refname)",
            format!("{prefix}heads"),
            format!("{prefix}stash"),
        );
        let listed = self
            .git()
            .run(&["for-each-ref", format, &heads, &stash])
            .await?;
        let mut others = Vec::new();
        for name in listed.lines() {
            let new = self
                .git()
                .run(&[
                    "rev-list",
                    "--count",
                    name,
                    "--not",
                    head,
                    &record.base,
                    "--remotes=origin",
                ])
                .await?;
            if new != "0" {
                others.push(
                    name.trim_start_matches(&prefix)
                        .trim_start_matches("heads/")
                        .to_owned(),
                );
            }
        }
        if !others.is_empty() {
            taken.notes.push(format!(
                "The agent also left commits on {}, beside its result; the worker keeps them under \
                 {prefix}.",
                named(&others)
            ));
        }
        Ok(())
    }

    /// Commits what lies in the folder and is not in `head`, without the folder's own repository.
    async fn commit_rest(
        &self,
        record: &Record,
        commit: &CommitConfig,
        message: &str,
        head: &str,
        stays: &[String],
    ) -> Result<String, Failure> {
        let index = self.index(record);
        let _left_by_a_crash = fs::remove_file(index.with_extension("index.lock"));
        let git = self.git().with_tree(&record.folder, &index);
        if git.run(&["read-tree", "-m", head]).await.is_err() {
            let _was_broken = fs::remove_file(&index);
            git.run(&["read-tree", head]).await?;
        }
        let without: Vec<String> = stays
            .iter()
            .map(|path| format!(":(exclude,literal){path}"))
            .collect();
        let add: Vec<&str> = ["add", "--all", "--", "."]
            .into_iter()
            .chain(without.iter().map(String::as_str))
            .collect();
        git.run(&add).await.map_err(|error| full(&error))?;
        let tree = git
            .run(&["write-tree"])
            .await
            .map_err(|error| full(&error))?;
        let before = self
            .git()
            .run(&["rev-parse", &format!("{head}^{{tree}}")])
            .await?;
        if tree == before {
            return Ok(head.to_owned());
        }
        let made = self
            .git()
            .with("GIT_AUTHOR_NAME", &commit.name)
            .with("GIT_AUTHOR_EMAIL", &commit.email)
            .with("GIT_COMMITTER_NAME", &commit.name)
            .with("GIT_COMMITTER_EMAIL", &commit.email)
            .run(&["commit-tree", &tree, "-p", head, "-m", message])
            .await
            .map_err(|error| full(&error))?;
        Ok(made)
    }

    /// Paths that the commit itself says are other repositories.
    async fn submodules(&self, head: &str) -> Result<Vec<String>, GitError> {
        let listed = self
            .git()
            .run(&[
                "ls-tree",
                "-r",
                "-z",
                "--format=%(objectmode) %(path)",
                head,
            ])
            .await;
        let said = listed?;
        let links = said
            .split('\0')
            .filter_map(|line| line.strip_prefix("160000 "));
        Ok(links.map(str::to_owned).collect())
    }
}

/// Git's words for a full disk are the disk's fault.
fn full(error: &GitError) -> Failure {
    let is_full = error.said.contains("No space left");
    let kind = if is_full {
        FailureKind::DiskFull
    } else {
        FailureKind::Git
    };
    Failure::new(kind, error.to_string())
}

/// Repositories inside the folder, as paths in it. One that is a submodule and empty is none.
fn nested(folder: &Path, submodules: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inside))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = inside.join(entry.file_name());
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || entry.file_name() == ".git" {
                continue;
            }
            if folder.join(&path).join(".git").symlink_metadata().is_ok() {
                found.push(path.display().to_string());
            } else {
                folders.push(path);
            }
        }
    }
    // A link that the agent committed, to a repository that nobody has elsewhere, is among them.
    let holds = |path: &&String| {
        fs::read_dir(folder.join(path.as_str())).is_ok_and(|mut all| all.next().is_some())
    };
    found.extend(submodules.iter().filter(holds).cloned());
    found.sort();
    found.dedup();
    found
}

/// `a`, `b` and 3 more
pub fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
