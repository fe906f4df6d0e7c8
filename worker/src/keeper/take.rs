//! Brings the work in an agent's folder into the keeper's repository: its commits, checked, and
//! what lies there uncommitted. The agent is gone by then. Nothing that it wrote is believed: not
//! its configuration, not its index, not where its repository says that it is. And nothing that it
//! wrote can keep the rest of its work from being taken: what no commit can hold stays, named.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use vine_domain::{Failure, FailureKind};

use super::{Keeper, record::FolderRecord};
use crate::{
    config::CommitConfig,
    git::{Git, GitError},
};

/// What was taken.
#[derive(Debug, Default)]
pub struct TakenWork {
    /// The commit that holds all of it that can be held; the record's tip is the same.
    pub tip: String,
    /// Something lay there uncommitted, and is a commit of the keeper's now.
    pub kept: bool,
    /// What people should know, a sentence each.
    pub notes: Vec<String>,
    /// Paths that stay in the folder, since no commit holds what is in them.
    pub stays: BTreeSet<String>,
}

/// At most so many names in one sentence.
const NAMED: usize = 5;
/// So many paths are tried one by one when git refuses them together.
const ALONE: usize = 500;
/// So many commits are looked for that only the reflog names.
const LOGGED: usize = 100;

impl Keeper {
    /// Takes everything. `message` is that of a commit that is made of what is uncommitted.
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
                "The folder {} is gone; what was kept before is what there is.",
                record.folder.display()
            ));
            return Ok(taken);
        }
        let head = self.take_commits(record, &mut taken).await?;
        // What was kept before is built on, unless the agent went another way since.
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
                "No commit can hold {}, so it stays in {}.",
                named(taken.stays.iter()),
                record.folder.display()
            ));
        }
        taken.tip = tip;
        Ok(taken)
    }

    /// Where the commits of one attempt are held, beside its result. Nothing is pruned there.
    fn prefix(record: &FolderRecord) -> String {
        format!("refs/vine/{}/e{}", record.key(), record.epoch.0)
    }

    /// Fetches all that the folder's repository has; gives its head.
    async fn take_commits(
        &self,
        record: &FolderRecord,
        taken: &mut TakenWork,
    ) -> Result<String, Failure> {
        let Some(inside) = self.readable(record) else {
            taken.notes.push(
                "The agent's repository is gone or leads elsewhere; its files were taken as they \
                 lie there."
                    .into(),
            );
            if fs::symlink_metadata(record.folder.join(".git")).is_ok() {
                taken.stays.insert(".git".into());
            }
            return Ok(record.tip.clone());
        };
        let (from, prefix) = (inside.display().to_string(), Self::prefix(record));
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

    async fn fetch_from(&self, from: &str, wanted: &[&str]) -> Result<(), GitError> {
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

    /// One bad object hides none of the others.
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
                        .push(format!("The agent's `{short}` cannot be read: {error}."));
                }
                Err(error) => return Err(full(&error)),
            }
        }
        Ok(())
    }

    /// Tags that the agent made.
    async fn take_tags(&self, from: &str, prefix: &str) -> Result<(), Failure> {
        let listed = self
            .git()
            .run(&["ls-remote", "--quiet", "--refs", "--tags", from])
            .await;
        let known = self
            .git()
            .run(&[
                "for-each-ref",
                "--format=%(objectname)\t%(refname)",
                "refs/tags",
            ])
            .await?;
        let known: BTreeSet<&str> = known.lines().collect();
        let listed = listed.unwrap_or_default();
        for line in listed
            .lines()
            .filter(|line| !known.contains(line))
            .take(LOGGED)
        {
            let short = line.split_once("\trefs/").map_or("", |(_, short)| short);
            let wanted = format!("+refs/{short}:{prefix}/{short}");
            let _bad_ones_stay_where_they_are = self.fetch_from(from, &[&wanted]).await;
        }
        Ok(())
    }

    /// Commits that the agent made and left again, which only the reflog names.
    async fn take_logged(&self, inside: &Path, from: &str, prefix: &str) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for commit in logged(&inside.join("logs")) {
            if missing.len() < LOGGED && self.commit_at(&commit).await?.is_none() {
                missing.push(commit);
            }
        }
        for commit in missing {
            let wanted = format!("+{commit}:{prefix}/left/{commit}");
            let _gone_already = self.fetch_from(from, &[&wanted]).await;
        }
        Ok(())
    }

    /// Names what the agent made beside its result.
    async fn name_others(
        &self,
        record: &FolderRecord,
        head: &str,
        taken: &mut TakenWork,
    ) -> Result<(), Failure> {
        let prefix = Self::prefix(record);
        let listed = self
            .git()
            .run(&["for-each-ref", "--format=%(refname)", &prefix])
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
                    &record.tip,
                    "--remotes=origin",
                ])
                .await?;
            if new != "0" {
                let short = name.trim_start_matches(&prefix).trim_start_matches('/');
                others.push(short.trim_start_matches("heads/").to_owned());
            }
        }
        if !others.is_empty() {
            taken.notes.push(format!(
                "The agent also left commits on {}, beside its result; the worker keeps them under \
                 {prefix} of {}.",
                named(others.iter()),
                self.dir().display()
            ));
        }
        Ok(())
    }

    /// Commits what lies in the folder and is not in `parent`, without the folder's own repository.
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
            // A link to a repository that nobody else has would hold nothing.
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

    /// Paths that the commit itself says are other repositories.
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

/// Adds everything; what git refuses stays, and only that.
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

/// The fault lies in what was to be read, not in how it was read.
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

/// Git's words for a full disk are the disk's fault.
fn full(error: &GitError) -> Failure {
    let is_full = error.said.contains("No space left");
    let kind = match is_full {
        true => FailureKind::DiskFull,
        false => FailureKind::Git,
    };
    Failure::new(kind, error.to_string())
}

/// What in a folder git does not look into.
#[derive(Default)]
struct NestedRepos {
    /// Repositories of their own, by path.
    repositories: Vec<String>,
    /// Folders that cannot be opened.
    closed: Vec<String>,
}

fn look_inside(folder: &Path) -> NestedRepos {
    let mut found = NestedRepos::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&inside)) else {
            found.closed.push(inside.display().to_string());
            continue;
        };
        for entry in entries.flatten() {
            let path = inside.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || entry.file_name() == ".git" {
                continue;
            }
            if folder.join(&path).join(".git").symlink_metadata().is_ok() {
                found.repositories.push(path.display().to_string());
            } else {
                folders.push(path);
            }
        }
    }
    found
}

/// All commits that reflogs name: the second word of each line.
fn logged(logs: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != "remotes" => {
                found.extend(logged(&entry.path()));
            }
            Ok(kind) if kind.is_file() => {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let words = text.lines().filter_map(|line| line.split(' ').nth(1));
                let is_hash = |word: &&str| {
                    word.len() >= 40
                        && word.chars().all(|c| c.is_ascii_hexdigit())
                        && word.chars().any(|c| c != '0')
                };
                found.extend(words.filter(is_hash).map(str::to_owned));
            }
            _ => {}
        }
    }
    found
}

/// `a`, `b` and 3 more
fn named<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown: Vec<String> = names.take(NAMED).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
