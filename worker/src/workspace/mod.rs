//! The folder of one attempt, from its base to its branch: the order of git operations.
//!
//! The agent works in a repository of its own ([`crate::keeper`]). However an attempt ends, its
//! work is kept before anything else happens; finished work is never redone because of a git
//! failure; and a folder is removed only when the keeper holds everything in it.

mod branch;
pub mod changes;
mod publish;
mod rounds;
mod summary;

use std::path::{Path, PathBuf};

use vine_api::ReportKeptWork;
use vine_domain::{Failure, Question, assignment::Assignment, secrets::KnownSecrets};

use crate::{
    agent::FinishedRun,
    config::{CommitConfig, GitConfig},
    disk::remove_all,
    git::GitError,
    keeper::{Keeper, folder::is_between, record::FolderRecord, take::TakenWork},
    workspace::{
        branch::choose_branch,
        summary::{PUSHING, message},
    },
};

/// A task's folder.
#[derive(Debug)]
pub struct Workspace {
    keeper: Keeper,
    record: FolderRecord,
    git: GitConfig,
    /// Notes for people about how the folder was made.
    pub notes: Vec<String>,
}

/// What to do with unfinished work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedPolicy {
    /// Keep it without reporting it yet.
    Silently,
    /// Keep it here until someone asks for it: the task was cancelled.
    Here,
    /// Push it where people and other workers find it, if the repository's rule allows that.
    ByRule,
}

impl Workspace {
    /// The folder of a task that is over or continues elsewhere; only to be kept or closed.
    pub fn of_orphan(state: &Path, record: FolderRecord, git: &GitConfig) -> Self {
        Self {
            keeper: Keeper::of(state, &record.repo, git),
            record,
            git: git.clone(),
            notes: Vec::new(),
        }
    }

    /// Creates or reuses the folder of a task. `state` is the worker's own folder. Unless the agent
    /// resumes its session (`resumes`), uncommitted changes of an earlier attempt are committed
    /// first.
    pub async fn prepare(
        state: &Path,
        task: &Assignment,
        git: &GitConfig,
        resumes: bool,
    ) -> Result<Self, Failure> {
        let keeper = Keeper::fresh(state, &task.repo, git).await?;
        let known = FolderRecord::of(state, task.attempt.task, task.created_at);
        let record = match known {
            Some(record) => record,
            None => begin(state, &keeper, task, &git.commit).await?,
        };
        let mut workspace = Self {
            keeper,
            record,
            git: git.clone(),
            notes: Vec::new(),
        };
        workspace.catch_up(task).await?;
        if let Some(round) = task
            .rounds
            .last()
            .filter(|round| round.number > workspace.record.round)
        {
            let first = task.attempt.epoch.0 == round.epoch.0 + 1;
            workspace.begin_round(round, round.clean && first).await?;
        }
        workspace.record.epoch = task.attempt.epoch;
        workspace.record.repo = task.repo.clone();
        if !workspace.record.made || !workspace.record.folder.is_dir() {
            workspace.make(task).await?;
        } else {
            workspace.take_up(resumes).await?;
        }
        workspace.save()?;
        Ok(workspace)
    }

    /// If later attempts ran elsewhere, their work takes precedence; the work here is held beside
    /// it.
    async fn catch_up(&mut self, task: &Assignment) -> Result<(), Failure> {
        let FolderRecord { epoch, made, .. } = self.record;
        if !made || epoch.0 + 1 >= task.attempt.epoch.0 {
            return Ok(());
        }
        self.take("Keep what an earlier attempt left").await?;
        let own = format!("refs/vine/{}/own-{}", self.record.key(), epoch.0);
        self.keeper.hold(&own, &self.record.tip).await?;
        let latest = self
            .keeper
            .earlier(&self.record, task.unfinished_work.as_ref())
            .await?;
        // Attempts that never started their agent do not change what was finished here.
        let asked_since = |question: &Question| question.attempt.epoch.0 > epoch.0;
        if task.answered.iter().any(asked_since) {
            self.record.finished = None;
        }
        if let Some(latest) = latest.filter(|latest| *latest != self.record.tip) {
            self.record.finished = None;
            self.record.tip = latest;
            self.record.made = false;
        }
        Ok(())
    }

    /// The folder that the agent works in.
    pub fn folder(&self) -> &Path {
        &self.record.folder
    }

    /// The keeper's copy, whose objects the folder borrows.
    pub fn repository(&self) -> &Path {
        self.keeper.dir()
    }

    /// The branch that the agent works on.
    pub fn branch(&self) -> &str {
        &self.record.branch
    }

    /// The finished run, if the agent finished before git was done.
    pub fn finished(&self) -> Option<FinishedRun> {
        self.record.finished.clone()
    }

    fn save(&self) -> Result<(), Failure> {
        if let Some(parent) = self.record.folder.parent() {
            let _shows_up_in_git = std::fs::create_dir_all(parent);
        }
        let saved = self.record.save();
        saved.map_err(|error| GitError::new("init", error.to_string()).into())
    }

    async fn make(&mut self, task: &Assignment) -> Result<(), Failure> {
        let key = self.record.key();
        self.keeper
            .hold(&format!("refs/vine/{key}/base"), &self.record.base)
            .await?;
        self.keeper
            .hold(&format!("refs/vine/{key}/work"), &self.record.tip)
            .await?;
        // Saved before the folder exists: a folder that was not completely made holds no work.
        self.save()?;
        let _mostly_not_there = std::fs::remove_dir_all(&self.record.folder);
        self.keeper
            .make_folder(&self.record, &self.git.commit)
            .await?;
        self.record.made = true;
        if task.branch.as_str() != self.record.branch {
            self.notes.push(format!(
                "The branch `{}` is taken; this task uses `{}`.",
                task.branch, self.record.branch
            ));
        }
        if self.record.tip != self.record.base && !self.record.continues {
            self.notes
                .push("The work continues from an earlier attempt.".into());
        }
        self.name_what_is_not_filled();
        Ok(())
    }

    fn name_what_is_not_filled(&mut self) {
        let reads =
            |name: &str| std::fs::read_to_string(self.record.folder.join(name)).unwrap_or_default();
        if reads(".gitmodules").contains("[submodule") {
            self.notes.push(
                "The repository has submodules. Their folders are empty here, since AgentVine does \
                 not fetch what a repository points to."
                    .into(),
            );
        }
        if reads(".gitattributes").contains("filter=lfs") {
            self.notes
                .push("The repository uses Git LFS. Its files stay pointers here.".into());
        }
    }

    /// Takes up an earlier attempt's folder: unchanged if the agent resumes its session, otherwise
    /// with its changes committed.
    async fn take_up(&mut self, resumes: bool) -> Result<(), Failure> {
        let inside = self.keeper.readable(&self.record);
        let is_fine = inside.is_some_and(|inside| !is_between(&inside, &self.record.branch));
        if resumes && is_fine {
            return Ok(());
        }
        let taken = self.take("Keep what an earlier attempt left").await?;
        self.notes.extend(taken.notes);
        if taken.kept {
            self.notes.push(format!(
                "The folder contained uncommitted changes of an earlier attempt. They were committed \
                 to `{}`, and the agent continues from there.",
                self.record.branch
            ));
        }
        if taken.kept || !is_fine {
            self.keeper
                .remake_repository(&self.record, &self.git.commit)
                .await?;
        }
        Ok(())
    }

    async fn take(&mut self, title: &str) -> Result<TakenWork, Failure> {
        let message = format!("{title}\n\n{}", self.record.message);
        self.keeper
            .take(&mut self.record, &self.git.commit, &message)
            .await
    }

    /// Keeps the work of an unfinished attempt. Returns what to report to people, unless it was
    /// reported already ([`Workspace::told`]).
    pub async fn keep(
        &mut self,
        keeping: UnfinishedPolicy,
        known: &KnownSecrets,
    ) -> Result<Option<ReportKeptWork>, Failure> {
        if !self.record.made {
            return Ok(None);
        }
        let mut notes = self.take("Keep unfinished work").await?.notes;
        if self.record.is_at_source() {
            return Ok(None);
        }
        if keeping == UnfinishedPolicy::ByRule && self.record.repo.push.is_of_unfinished() {
            self.look_for_secrets(known, &mut notes).await?;
            if self.held().is_empty() {
                return self.push_kept(notes).await.map(Some);
            }
        }
        let is_told = self.record.told.as_ref() == Some(&self.record.tip);
        Ok((!is_told).then(|| self.kept(notes)))
    }

    async fn push_kept(&mut self, notes: Vec<String>) -> Result<ReportKeptWork, Failure> {
        let pushed = tokio::time::timeout(PUSHING, self.keeper.publish_kept(&self.record)).await;
        let late = || GitError::new("push", "it did not end within a minute");
        let mut kept = self.kept(notes);
        match pushed.unwrap_or_else(|_| Err(late())) {
            Ok(published) => {
                self.record.kept = Some(self.record.tip.clone());
                self.save()?;
                kept.name = Some(published.name);
            }
            Err(error) => kept.notes.push(format!(
                "Push failed ({error}). The worker keeps the work; nothing is lost."
            )),
        }
        Ok(kept)
    }

    /// What is kept now but not pushed.
    pub fn kept(&self, notes: Vec<String>) -> ReportKeptWork {
        ReportKeptWork {
            task: self.record.task,
            created_at: self.record.created,
            epoch: self.record.epoch,
            commit: Some(self.record.tip.clone()),
            name: None,
            held: self.held().to_vec(),
            notes,
        }
    }

    /// Records that people know what is kept now. A retired record is deleted once the source has
    /// everything.
    pub fn told(&mut self) {
        self.record.told = Some(self.record.tip.clone());
        if self.record.retired.is_some() && self.record.is_at_source() {
            self.record.remove();
        } else {
            let _told_again = self.save();
        }
    }

    /// Whether people do not know yet that this is kept only here.
    pub fn is_untold(&self) -> bool {
        !self.record.is_at_source() && self.record.told.as_ref() != Some(&self.record.tip)
    }

    /// The task is over here: keeps what is left and removes the folder, unless something in it
    /// cannot be kept. Returns notes on what stays.
    pub async fn close(&mut self) -> Result<Vec<String>, Failure> {
        let taken = match self.record.made {
            true => self.take("Keep what an earlier attempt left").await?,
            false => TakenWork::default(),
        };
        if taken.stays.is_empty() {
            // Renamed first, so that a half-removed folder is not mistaken for one with deleted
            // files.
            let gone = self.record.folder.with_extension("gone");
            let renamed = std::fs::rename(&self.record.folder, &gone);
            self.retire()?;
            if renamed.is_ok() {
                let removed = tokio::task::spawn_blocking(move || remove_all(&gone)).await;
                if let Ok(Err(error)) = removed {
                    return Err(GitError::new("clean", error.to_string()).into());
                }
            }
        } else {
            self.retire()?;
        }
        self.keeper.let_go(&self.record).await;
        Ok(taken.notes)
    }
}

impl Workspace {
    /// Deletes the record, or keeps it for later requests if the source does not have everything.
    fn retire(&mut self) -> Result<(), Failure> {
        if self.record.is_at_source() {
            self.record.remove();
            return Ok(());
        }
        let retired = self.record.retire(self.keeper.state());
        retired.map_err(|error| GitError::new("clean", error.to_string()).into())
    }
}

/// The record of a task that has no folder here yet.
async fn begin(
    state: &Path,
    keeper: &Keeper,
    task: &Assignment,
    commit: &CommitConfig,
) -> Result<FolderRecord, Failure> {
    let (name, base) = keeper.base(task.base.as_str()).await?;
    let former = former_folder(state, task);
    let retired = FolderRecord::retired(state, task.attempt.task, task.created_at);
    let (branch, continues) = match &former {
        Some(_) => (task.branch.to_string(), true),
        None if let Some(retired) = retired.filter(|_| !task.rounds.is_empty()) => {
            (retired.branch, retired.continues)
        }
        None if task.changed_before() => (task.branch.to_string(), true),
        None => choose_branch(keeper, task, &name, &base).await?,
    };
    let mut record = FolderRecord {
        task: task.attempt.task,
        created: task.created_at,
        epoch: task.attempt.epoch,
        repo: task.repo.clone(),
        folder: former.clone().unwrap_or_else(|| folder(state, task)),
        branch,
        continues,
        tip: base.clone(),
        base,
        kept: None,
        made: false,
        message: message(task, commit),
        finished: None,
        published: None,
        round: 1,
        changed: None,
        round_start: None,
        named: None,
        told: None,
        retired: None,
    };
    if let Some(tip) = keeper
        .earlier(&record, task.unfinished_work.as_ref())
        .await?
    {
        record.tip = tip;
    }
    if former.is_some() {
        record.made = true;
        record.tip = keeper
            .has_branch(&record.branch)
            .await?
            .unwrap_or(record.tip);
    }
    Ok(record)
}

/// The folder of a task from before the keeper owned git: a worktree, whose files are taken over as
/// they are.
fn former_folder(state: &Path, task: &Assignment) -> Option<PathBuf> {
    let parent = state.join("worktrees").join(task.repo.name.as_str());
    let folder = parent.join(task.attempt.task.to_string());
    Some(folder).filter(|folder| folder.join(".git").is_file())
}

/// `worktrees/<repository>/<task>`, with a number appended if that exists.
fn folder(state: &Path, task: &Assignment) -> PathBuf {
    let parent = state.join("worktrees").join(task.repo.name.as_str());
    let name = task.attempt.task.to_string();
    let candidates = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
    candidates
        .map(|name| parent.join(name))
        .find(|folder| !folder.exists())
        .expect("numbers do not end")
}

#[cfg(test)]
mod tests;
