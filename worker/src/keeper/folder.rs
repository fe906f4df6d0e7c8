//! The agent's folder: a repository of its own that borrows the keeper's objects. Whatever an agent
//! does to it, other tasks and the source are unharmed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Keeper, quoted, record::FolderRecord};
use crate::{
    config::CommitConfig,
    git::{Git, GitError},
};

impl Keeper {
    /// Creates a task's folder with the files of its tip.
    pub async fn make_folder(
        &self,
        record: &FolderRecord,
        commit: &CommitConfig,
    ) -> Result<(), GitError> {
        let git = self.make_repository(record, commit).await?;
        git.run(&["reset", "--quiet", "--hard"]).await?;
        // The keeper uses its own copy of the index and never trusts the agent's.
        let _first_look_is_slower = fs::copy(record.folder.join(".git/index"), self.index(record));
        Ok(())
    }

    /// Creates the folder's repository again around the existing files.
    pub async fn remake_repository(
        &self,
        record: &FolderRecord,
        commit: &CommitConfig,
    ) -> Result<(), GitError> {
        let former = record.folder.join(".git");
        let removed = match fs::symlink_metadata(&former) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&former),
            Ok(_) => fs::remove_file(&former),
            Err(_) => Ok(()),
        };
        removed.map_err(|error| GitError::new("init", error.to_string()))?;
        let git = self.make_repository(record, commit).await?;
        git.run(&["reset", "--quiet"]).await.map(|_| ())
    }

    async fn make_repository(
        &self,
        record: &FolderRecord,
        commit: &CommitConfig,
    ) -> Result<Git, GitError> {
        let told = |error: io::Error| GitError::new("init", error.to_string());
        fs::create_dir_all(&record.folder).map_err(told)?;
        let git = Git::at(&record.folder);
        let kind = self
            .git()
            .run(&["rev-parse", "--show-object-format"])
            .await?;
        let format = format!("--object-format={kind}");
        git.run(&["init", "--quiet", "--template=", &format])
            .await?;
        let inside = record.folder.join(".git");
        self.lend(&inside).map_err(told)?;
        fs::write(inside.join("packed-refs"), self.lent_refs(record).await?).map_err(told)?;
        let config = inside.join("config");
        let ours = format!(
            "{}[user]\n\tname = {}\n\temail = {}\n[remote \"origin\"]\n\turl = {}\n\tfetch = \
             +refs/heads/*:refs/remotes/origin/*\n[gc]\n\tauto = 0\n",
            fs::read_to_string(&config).map_err(told)?,
            quoted(&commit.name),
            quoted(&commit.email),
            quoted(&self.repo.source.shown()),
        );
        fs::write(config, ours).map_err(told)?;
        let branch = format!("refs/heads/{}", record.branch);
        git.run(&["symbolic-ref", "HEAD", &branch]).await?;
        git.run(&["update-ref", &branch, &record.tip]).await?;
        Ok(git)
    }

    /// Branches and tags, as in a clone.
    async fn lent_refs(&self, record: &FolderRecord) -> Result<String, GitError> {
        let format = "--format=%(objectname) %(refname)";
        let listed = self
            .git()
            .run(&["for-each-ref", format, "refs/remotes/origin", "refs/tags"])
            .await?;
        Ok(listed
            .lines()
            .filter(|line| !line.ends_with(&format!("/{}", record.branch)))
            .map(|line| format!("{line}\n"))
            .collect())
    }

    /// Lets the folder read the keeper's objects, and no others.
    fn lend(&self, inside: &Path) -> io::Result<()> {
        let info = inside.join("objects/info");
        fs::create_dir_all(&info)?;
        let alternates = info.join("alternates");
        let _not_there = fs::remove_file(&alternates);
        fs::write(alternates, format!("{}\n", self.objects().display()))?;
        if self.dir.join("shallow").exists() {
            fs::copy(self.dir.join("shallow"), inside.join("shallow"))?;
        }
        Ok(())
    }

    /// The folder's repository, if it can be read safely: a folder without anything that leads to
    /// objects elsewhere. Removes locks that a killed git left behind.
    pub fn readable(&self, record: &FolderRecord) -> Option<PathBuf> {
        let inside = record.folder.join(".git");
        let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let whole = ["", "objects", "objects/info", "refs"];
        let is_whole = whole.iter().all(|part| is_folder(&inside.join(part)));
        if !is_folder(&record.folder) || !is_whole {
            return None;
        }
        if ["objects", "refs"]
            .iter()
            .any(|part| leads_out(&inside.join(part)))
        {
            return None;
        }
        for elsewhere in [
            "commondir",
            "objects/info/http-alternates",
            "gitdir",
            "shallow",
        ] {
            let _mostly_not_there = fs::remove_file(inside.join(elsewhere));
        }
        self.lend(&inside).ok()?;
        unlock(&inside);
        Some(inside)
    }

    /// The keeper's own index of the folder's files.
    pub fn index(&self, record: &FolderRecord) -> PathBuf {
        self.dir.join(format!("vine-{}.index", record.key()))
    }
}

/// Whether it contains a link.
fn leads_out(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => leads_out(&entry.path()),
        Ok(kind) => kind.is_symlink(),
        Err(_) => true,
    })
}

/// Removes lock files; no process is running there.
fn unlock(inside: &Path) {
    let mut folders = vec![inside.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type();
            match kind {
                Ok(kind) if kind.is_dir() && entry.file_name() != "objects" => folders.push(path),
                Ok(kind) if kind.is_file() && path.extension().is_some_and(|end| end == "lock") => {
                    let _held_by_nobody = fs::remove_file(path);
                }
                _ => {}
            }
        }
    }
}

/// Whether a rebase, merge or similar is in progress, or the head is not on the branch.
pub fn is_between(inside: &Path, branch: &str) -> bool {
    let head = fs::read_to_string(inside.join("HEAD")).unwrap_or_default();
    let marks = [
        "rebase-merge",
        "rebase-apply",
        "MERGE_HEAD",
        "CHERRY_PICK_HEAD",
        "REVERT_HEAD",
        "BISECT_LOG",
    ];
    head.trim() != format!("ref: refs/heads/{branch}")
        || marks.iter().any(|mark| inside.join(mark).exists())
}
