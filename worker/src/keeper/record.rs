//! What the keeper knows about a task's folder: a file beside the folder, where no agent writes.

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
    /// The tip in which it was found.
    pub tip: String,
    /// The findings that hold back the push; empty if it need not wait.
    pub held: Vec<String>,
}

/// The folder of a task, and the state of its work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FolderRecord {
    /// The task.
    pub task: TaskId,
    /// Distinguishes the task from those of other installations.
    pub created: Timestamp,
    /// The latest attempt in the folder.
    pub epoch: Epoch,
    /// The repository.
    pub repo: Repo,
    /// The folder that the agent works in.
    pub folder: PathBuf,
    /// The branch's name, without `refs/heads/`.
    pub branch: String,
    /// The branch existed before; it is continued, and no other name is used instead.
    pub continues: bool,
    /// The commit that the work starts from.
    pub base: String,
    /// The last commit of the work that the keeper holds.
    pub tip: String,
    /// The commit that was pushed outside `refs/heads` at the source.
    pub kept: Option<String>,
    /// The message body of the keeper's commits.
    pub message: String,
    /// Whether the folder was made completely.
    pub made: bool,
    /// The agent's result, once it finished; only git work is left then.
    pub finished: Option<FinishedRun>,
    /// The tip that its branch at the source has.
    #[serde(default)]
    pub published: Option<String>,
    /// The round of the task that it was last prepared for.
    #[serde(default)]
    pub round: u32,
    /// What others committed to the branch before that round, one line each.
    #[serde(default)]
    pub changed: Option<String>,
    /// The commit from which the changes of that round are shown, if it is a later one.
    #[serde(default)]
    pub round_start: Option<String>,
    /// Findings that look like secrets.
    #[serde(default)]
    pub named: Option<NamedFinding>,
    /// The tip that people know is kept.
    #[serde(default)]
    pub told: Option<String>,
    /// Set when the folder is gone; its kept work may still be requested.
    #[serde(default)]
    pub retired: Option<PathBuf>,
}

impl FolderRecord {
    /// Identifies the task in refs and files of the keeper.
    pub fn key(&self) -> String {
        format!("{}-{}", self.task, self.created.0)
    }

    /// All records of folders; other files are skipped.
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

    /// The record of a task whose folder is gone, while the source does not have all its work.
    pub fn retired(state: &Path, task: TaskId, created: Timestamp) -> Option<Self> {
        let file = state
            .join("kept")
            .join(format!("{task}-{}.json", created.0));
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Moves the record to where [`FolderRecord::retired`] finds it; the folder goes.
    pub fn retire(&mut self, state: &Path) -> io::Result<()> {
        let former = self.file();
        let folder = state.join("kept");
        fs::create_dir_all(&folder)?;
        self.retired = Some(folder.join(format!("{}.json", self.key())));
        self.save()?;
        fs::remove_file(former)
    }

    /// Whether the source has all the work.
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

    /// Writes the record atomically.
    pub fn save(&self) -> io::Result<()> {
        let file = self.file();
        let text = serde_json::to_vec_pretty(self)?;
        let draft = file.with_extension("new");
        fs::write(&draft, text)?;
        fs::rename(draft, file)
    }

    /// Deletes the record.
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
