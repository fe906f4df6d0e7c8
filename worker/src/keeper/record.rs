//! What the keeper knows of the folder of one task: a file beside the folder, where no agent writes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use vine_domain::{Epoch, Repo, TaskId, Timestamp};

use crate::agent::FinishedRun;

/// What people are told before a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFinding {
    /// In which tip it was found.
    pub tip: String,
    /// For which the push waits; nothing where it need not.
    pub held: Vec<String>,
}

/// The folder of a task, and where its work stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FolderRecord {
    /// Whose it is.
    pub task: TaskId,
    /// Tells the task from those of other installations.
    pub created: Timestamp,
    /// The latest attempt in it.
    pub epoch: Epoch,
    /// Of which repository.
    pub repo: Repo,
    /// Where the agent works.
    pub folder: PathBuf,
    /// The branch's name, without `refs/heads/`.
    pub branch: String,
    /// The branch was there before; it is gone on with, and nothing else is made in its place.
    pub continues: bool,
    /// The commit that the work starts from.
    pub base: String,
    /// The last commit that the keeper holds of it.
    pub tip: String,
    /// What of it stands outside `refs/heads` at the source.
    pub kept: Option<String>,
    /// What is written under commits of the keeper.
    pub message: String,
    /// The folder was made whole.
    pub made: bool,
    /// The agent came to its end; what is left is git's.
    pub finished: Option<FinishedRun>,
    /// The tip that its branch at the source holds.
    #[serde(default)]
    pub published: Option<String>,
    /// What looks like a secret.
    #[serde(default)]
    pub named: Option<NamedFinding>,
    /// The tip of which people were told that it is kept.
    #[serde(default)]
    pub told: Option<String>,
    /// The folder is gone; what is kept of it may still be asked for.
    #[serde(default)]
    pub retired: Option<PathBuf>,
}

impl FolderRecord {
    /// Names the task in refs and files of the keeper.
    pub fn key(&self) -> String {
        format!("{}-{}", self.task, self.created.0)
    }

    /// All records of folders; files that are none are passed over.
    pub fn all(state: &Path) -> Vec<Self> {
        let repositories = inside(&state.join("worktrees"));
        read(
            repositories
                .iter()
                .flat_map(|repository| inside(repository)),
        )
    }

    /// All records without a folder.
    pub fn all_retired(state: &Path) -> Vec<Self> {
        read(inside(&state.join("kept")))
    }

    /// The record of one task.
    pub fn of(state: &Path, task: TaskId, created: Timestamp) -> Option<Self> {
        let mut all = Self::all(state).into_iter();
        all.find(|record| record.task == task && record.created == created)
    }

    /// The record of a task whose folder is gone, as long as the source does not have all of it.
    pub fn retired(state: &Path, task: TaskId, created: Timestamp) -> Option<Self> {
        let file = state
            .join("kept")
            .join(format!("{task}-{}.json", created.0));
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// The folder goes; the record stays where [`FolderRecord::retired`] finds it.
    pub fn retire(&mut self, state: &Path) -> io::Result<()> {
        let former = self.file();
        let folder = state.join("kept");
        fs::create_dir_all(&folder)?;
        self.retired = Some(folder.join(format!("{}.json", self.key())));
        self.save()?;
        fs::remove_file(former)
    }

    /// The source has all that there is.
    pub fn is_at_source(&self) -> bool {
        let tip = Some(&self.tip);
        self.tip == self.base || self.published.as_ref() == tip || self.kept.as_ref() == tip
    }

    fn file(&self) -> PathBuf {
        if let Some(retired) = &self.retired {
            return retired.clone();
        }
        let mut name = self.folder.clone().into_os_string();
        name.push(".json");
        name.into()
    }

    /// Writes it, whole or not at all.
    pub fn save(&self) -> io::Result<()> {
        let (file, text) = (self.file(), serde_json::to_vec_pretty(self)?);
        let draft = file.with_extension("new");
        fs::write(&draft, text)?;
        fs::rename(draft, file)
    }

    /// Forgets it.
    pub fn remove(&self) {
        let _gone_already = fs::remove_file(self.file());
    }
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn read(files: impl IntoIterator<Item = PathBuf>) -> Vec<FolderRecord> {
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok())
        .collect()
}
