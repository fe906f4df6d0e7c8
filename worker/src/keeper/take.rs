//! Takes the work in an agent's folder into the keeper's repository: its checked commits and
//! uncommitted changes. The agent is gone by then. Nothing that it wrote is trusted: neither its
//! configuration, nor its index, nor the location of its repository. Nothing that it wrote can
//! prevent the rest from being taken: what no commit can hold stays and is reported.

use std::{collections::BTreeSet, fs};

use vine_domain::{Failure, FailureKind};

use crate::{
    config::CommitConfig,
    git::{Git, GitError},
    keeper::{Keeper, nested::look_inside, record::FolderRecord},
};

/// The result of taking work.
#[derive(Debug, Default)]
pub struct TakenWork {
    /// The commit that holds everything a commit can hold; also the record's tip.
    pub tip: String,
    /// Whether uncommitted changes were committed by the keeper.
    pub kept: bool,
    /// Notes for people, one sentence each.
    pub notes: Vec<String>,
    /// Paths that stay in the folder because no commit can hold them.
    pub stays: BTreeSet<String>,
}

/// Maximum number of paths to add one by one when git refuses them together.
const ALONE: usize = 500;

/// Maximum number of names in one sentence.
pub(super) const NAMED: usize = 5;

impl Keeper {
    /// Takes everything. `message` is the message of a commit of uncommitted changes.
    pub async fn take(
        &self,
        record: &mut FolderRecord,
        commit: &CommitConfig,
        message: &str,
    ) -> Result<TakenWork, Failure> {
        let _alone = self.alone().await;
        let mut taken = TakenWork::default();
        let is_there = fs::symlink_metadata(&record.folder).is_ok_and(|found| found.is_dir());
        if !is_there {
            taken.tip.clone_from(&record.tip);
            taken.notes.push(format!(
                "The folder {} is gone; only previously kept work is left.",
                record.folder.display()
            ));
            return Ok(taken);
        }
        let head = self.take_commits(record, &mut taken).await?;
        // Build on what was kept before, unless the agent has diverged from it.
        let parent = match self.is_in(&head, &record.tip).await? {
            true => record.tip.clone(),
            false => head.clone(),
        };
        let tip = self
            .commit_rest(record, commit, message, &parent, &mut taken)
            .await?;
        taken.kept = tip != head;
        self.hold(&format!("refs/vine/{}/work", record.key()), &tip)
            .await?;
        record.tip.clone_from(&tip);
        let saved = record.save();
        saved.map_err(|error| GitError::new("update-ref", error.to_string()))?;
        if !taken.stays.is_empty() {
            taken.notes.push(format!(
                "Could not commit {}; left in {}.",
                counted_names(taken.stays.iter()),
                record.folder.display()
            ));
        }
        taken.tip = tip;
        Ok(taken)
    }

    /// The prefix under which an attempt's commits are held, besides its result. Nothing is pruned
    /// there.
    pub(super) fn prefix(record: &FolderRecord) -> String {
        format!("refs/vine/{}/e{}", record.key(), record.epoch.0)
    }

    /// Fetches everything in the folder's repository; returns its head.
    async fn take_commits(
        &self,
        record: &FolderRecord,
        taken: &mut TakenWork,
    ) -> Result<String, Failure> {
        let Some(inside) = self.readable(record) else {
            taken.notes.push(
                "The agent's repository is gone or points elsewhere; its files were taken as they \
                 are."
                    .into(),
            );
            if fs::symlink_metadata(record.folder.join(".git")).is_ok() {
                taken.stays.insert(".git".into());
            }
            return Ok(record.tip.clone());
        };
        let from = inside.display().to_string();
        let prefix = Self::prefix(record);
        let all = [
            format!("+refs/*:{prefix}/*"),
            "^refs/remotes/*".into(),
            "^refs/tags/*".into(),
        ];
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        if let Err(error) = self.fetch_from(&from, &all).await {
            if !is_of_content(&error) {
                return Err(full(&error));
            }
            self.take_one_by_one(&from, &prefix, taken).await?;
        }
        let head = format!("+HEAD:refs/vine/{}/head", record.key());
        let _stale = self
            .forget(&format!("refs/vine/{}/head", record.key()))
            .await;
        let fetched = self.fetch_from(&from, &[&head]).await;
        let is_unborn = |error: &GitError| error.said.contains("remote ref HEAD");
        match fetched {
            Ok(()) => {}
            Err(error) if is_unborn(&error) || is_of_content(&error) => {}
            Err(error) => return Err(full(&error)),
        }
        self.take_tags(&from, &prefix).await?;
        self.take_logged(&inside, &from, &prefix).await?;
        let at_head = self
            .commit_at(&format!("refs/vine/{}/head", record.key()))
            .await?;
        let head = at_head.unwrap_or_else(|| record.tip.clone());
        self.name_others(record, &head, taken).await?;
        Ok(head)
    }

    pub(super) async fn fetch_from(&self, from: &str, wanted: &[&str]) -> Result<(), GitError> {
        let mut fetch = vec![
            "-c",
            "fetch.fsckObjects=true",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
        ];
        if self.dir().join("shallow").exists() {
            fetch.push("--update-shallow");
        }
        fetch.push(from);
        fetch.extend(wanted);
        self.git().run(&fetch).await.map(|_| ())
    }

    /// Fetches refs one by one, so that a bad object does not affect the others.
    async fn take_one_by_one(
        &self,
        from: &str,
        prefix: &str,
        taken: &mut TakenWork,
    ) -> Result<(), Failure> {
        let listed = self.git().run(&["ls-remote", "--quiet", from]).await?;
        for line in listed.lines() {
            let Some((_, name)) = line.split_once('\t') else {
                continue;
            };
            let Some(short) = name
                .strip_prefix("refs/")
                .filter(|short| !short.starts_with("remotes/"))
            else {
                continue;
            };
            match self
                .fetch_from(from, &[&format!("+{name}:{prefix}/{short}")])
                .await
            {
                Ok(()) => {}
                Err(error) if is_of_content(&error) => {
                    taken.stays.insert(".git".into());
                    taken
                        .notes
                        .push(format!("Could not read the agent's `{short}`: {error}."));
                }
                Err(error) => return Err(full(&error)),
            }
        }
        Ok(())
    }

    /// Commits what is in the folder but not in `parent`, without the folder's own repository.
    async fn commit_rest(
        &self,
        record: &FolderRecord,
        commit: &CommitConfig,
        message: &str,
        parent: &str,
        taken: &mut TakenWork,
    ) -> Result<String, Failure> {
        let index = self.index(record);
        let _left_by_a_crash = fs::remove_file(index.with_extension("index.lock"));
        let git = self.git().with_tree(&record.folder, &index);
        if git.run(&["read-tree", "-m", parent]).await.is_err() {
            let _was_broken = fs::remove_file(&index);
            git.run(&["read-tree", parent]).await?;
        }
        let links = self.submodules(parent).await?;
        add(&git, taken).await?;
        let folder = record.folder.clone();
        let inside = tokio::task::spawn_blocking(move || look_inside(&folder)).await;
        let inside = inside.map_err(|error| GitError::new("add", error.to_string()))?;
        for path in inside.repositories {
            // A submodule link to a repository that exists only here would hold nothing.
            if !links.contains(&path) {
                let literal = format!(":(literal){path}");
                git.run(&[
                    "rm",
                    "--quiet",
                    "--cached",
                    "--force",
                    "-r",
                    "--ignore-unmatch",
                    "--",
                    &literal,
                ])
                .await?;
            }
            taken.stays.insert(path);
        }
        taken.stays.extend(inside.closed);
        let tree = git
            .run(&["write-tree"])
            .await
            .map_err(|error| full(&error))?;
        let before = self
            .git()
            .run(&["rev-parse", &format!("{parent}^{{tree}}")])
            .await?;
        if tree == before {
            return Ok(parent.to_owned());
        }
        let made = self
            .git()
            .with("GIT_AUTHOR_NAME", &commit.name)
            .with("GIT_AUTHOR_EMAIL", &commit.email)
            .with("GIT_COMMITTER_NAME", &commit.name)
            .with("GIT_COMMITTER_EMAIL", &commit.email)
            .run(&["commit-tree", &tree, "-p", parent, "-m", message])
            .await
            .map_err(|error| full(&error))?;
        Ok(made)
    }

    /// Paths that the commit itself declares as submodules.
    async fn submodules(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let list = [
            "ls-tree",
            "-r",
            "-z",
            "--format=%(objectmode) %(path)",
            commit,
        ];
        let said = self.git().run(&list).await?;
        let links = said
            .split('\0')
            .filter_map(|line| line.strip_prefix("160000 "));
        Ok(links.map(str::to_owned).collect())
    }
}

/// Adds everything; only what git refuses is left out.
async fn add(git: &Git, taken: &mut TakenWork) -> Result<(), Failure> {
    let all = git
        .run(&["add", "--all", "--ignore-errors", "--", "."])
        .await;
    let Err(error) = all else {
        return Ok(());
    };
    if error.said.contains("No space left") {
        return Err(full(&error));
    }
    let list = [
        "ls-files",
        "-z",
        "--others",
        "--modified",
        "--deleted",
        "--exclude-standard",
    ];
    let listed = git.run(&list).await?;
    let left: BTreeSet<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    for (number, path) in left.into_iter().enumerate() {
        let literal = format!(":(literal){path}");
        let added = number < ALONE && git.run(&["add", "--all", "--", &literal]).await.is_ok();
        if !added {
            taken.stays.insert(path.to_owned());
        }
    }
    Ok(())
}

/// Whether the content is at fault, not the way it was read.
fn is_of_content(error: &GitError) -> bool {
    let of_place = [
        "No space left",
        "Unable to create",
        "cannot be started",
        "did not end within",
    ];
    let of_content = [
        "fsck",
        "index-pack",
        "unpack",
        "bad object",
        "missing",
        "corrupt",
        "not our ref",
        "did not send",
        "upload-pack",
        "unable to read",
        "not appear to be a git repository",
    ];
    let holds = |all: &[&str]| all.iter().any(|words| error.said.contains(words));
    holds(&of_content) && !holds(&of_place)
}

/// Classifies a git error: a full disk is the disk's fault.
fn full(error: &GitError) -> Failure {
    let is_full = error.said.contains("No space left");
    let kind = match is_full {
        true => FailureKind::DiskFull,
        false => FailureKind::Git,
    };
    Failure::new(kind, error.to_string())
}

/// `a`, `b` and 3 more
pub(super) fn counted_names<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown: Vec<String> = names.take(NAMED).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
