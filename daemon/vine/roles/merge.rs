//! `vine task merge` for repositories that are on no forge: merges in the clone in which the person stands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use vine_api::Client;
use vine_domain::{Branch, Slug, TaskId, forge::MergeMethod, visible_text};

use crate::{
    cli::Globals,
    endpoint::Endpoint,
    git::{ask_git, run_git, top_level},
    output::say,
    shell,
};

/// What git can be in the middle of.
const UNDER_WAY: [(&str, &str); 3] = [
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
];

/// What of a task is merged, as the API returns it.
#[derive(Debug, Deserialize)]
struct FinishedTask {
    id: TaskId,
    title: String,
    state: String,
    repo: Slug,
    base: Branch,
    report: Option<FinishedWork>,
}

#[derive(Debug, Deserialize)]
struct FinishedWork {
    commit: Option<String>,
    branch: Option<Branch>,
}

/// `vine task merge T-7 [--method squash]`.
pub struct MergeHere {
    /// The task.
    pub task: TaskId,
    /// How; as a merge unless it says something else.
    pub method: Option<MergeMethod>,
    /// Whether options were given that need a pull request.
    pub needs_forge: bool,
}

/// Merges a task's work: here if its repository is a folder, else by its pull request.
pub async fn run(globals: &Globals, merge: &MergeHere) -> Result<()> {
    let client = Endpoint::find()?.client();
    let task: FinishedTask = client.get(&format!("/tasks/{}", merge.task)).await?;
    let Some(source) = folder_of(&client, &task.repo).await? else {
        return shell::order(globals).await;
    };
    if merge.needs_forge {
        bail!(
            "{} is a folder, not on a forge: there are no checks to wait for; merge without them",
            task.repo
        );
    }
    let here = top_level(&std::env::current_dir()?).with_context(|| {
        format!(
            "{} is merged in a clone of {}, or in {}",
            task.id,
            task.repo,
            source.display()
        )
    })?;
    let work = FoundWork::of(&task, &here, &source)?;
    work.merge(&here, merge.method.unwrap_or_default())
}

/// The folder that is the source of a repository; `None` if it has an address.
async fn folder_of(client: &Client, repo: &Slug) -> Result<Option<PathBuf>> {
    let listed = client.run(&["repo".into(), "list".into()], "").await?;
    let repos = listed.data.as_array().cloned().unwrap_or_default();
    let found = repos.iter().find(|one| one["id"] == repo.as_str());
    let source = found.and_then(|one| one["source"].as_str());
    Ok(source
        .filter(|source| source.starts_with('/'))
        .map(PathBuf::from))
}

/// Work that can be merged into a clone.
struct FoundWork<'a> {
    task: &'a FinishedTask,
    commit: &'a str,
    branch: &'a Branch,
}

impl<'a> FoundWork<'a> {
    /// Finds the work of a task in a clone, and fetches it if it is not there.
    fn of(task: &'a FinishedTask, here: &Path, source: &Path) -> Result<Self> {
        let id = task.id;
        let report = task.report.as_ref();
        let found =
            report.and_then(|report| Some((report.commit.as_deref()?, report.branch.as_ref()?)));
        let Some((commit, branch)) = found.filter(|(commit, _)| is_commit(commit)) else {
            bail!("{id} is {} and has no work on a branch", task.state);
        };
        let work = Self {
            task,
            commit,
            branch,
        };
        if !work.is_in(here) && !work.fetch(here, source) {
            bail!(
                "there is no commit {} at {branch}: neither in {}, nor at its remotes, nor in {}. Was the branch deleted, or is this not a clone of {}?",
                work.short(),
                here.display(),
                source.display(),
                task.repo
            );
        }
        match ask_git(here, &["merge-base", "HEAD", commit]) {
            Some(_) => Ok(work),
            None => bail!(
                "{} is not a clone of {}: they have no commit in common. Change to your clone, or to {}",
                here.display(),
                task.repo,
                source.display()
            ),
        }
    }

    fn short(&self) -> &str {
        self.commit.get(..12).unwrap_or(self.commit)
    }

    fn is_in(&self, here: &Path) -> bool {
        let commit = format!("{}^{{commit}}", self.commit);
        ask_git(here, &["rev-parse", "--verify", "--quiet", &commit]).is_some()
    }

    /// Fetches its branch from the remotes of the clone, and from the source itself.
    fn fetch(&self, here: &Path, source: &Path) -> bool {
        let remotes = ask_git(here, &["remote"]).unwrap_or_default();
        let from = remotes.lines().map(str::to_owned);
        let from = from.chain([source.display().to_string()]);
        let name = format!("refs/heads/{}", self.branch);
        let is_of_it = |remote: &str| {
            let listed = ask_git(here, &["ls-remote", "--", remote, &name]);
            listed.is_some_and(|listed| !listed.is_empty())
        };
        from.filter(|remote| is_of_it(remote)).any(|remote| {
            let _checked_next = ask_git(here, &["fetch", "--quiet", "--", &remote, &name]);
            self.is_in(here)
        })
    }

    fn merge(&self, here: &Path, method: MergeMethod) -> Result<()> {
        let id = self.task.id;
        let onto = self.is_ready(here)?;
        if ask_git(here, &["merge-base", "--is-ancestor", self.commit, "HEAD"]).is_some() {
            say!("{onto} has the work of {id} already.");
            return Ok(());
        }
        let title = visible_text::exact(&self.task.title);
        let merged = match method {
            MergeMethod::Merge => {
                let message = format!("Merge {id}: {title}");
                run_git(
                    here,
                    &["merge", "--quiet", "--no-ff", "-m", &message, self.commit],
                )
                .map(|_| true)
            }
            MergeMethod::Squash => self.squash(here, &format!("{title} ({id})")),
            MergeMethod::Rebase => {
                bail!("use --method merge or squash here, or `git rebase` yourself")
            }
        };
        match merged {
            Ok(true) => {}
            Ok(false) => {
                // Or git would offer its words for the next commit.
                let _nothing_is_staged = ask_git(here, &["reset", "--quiet", "--merge"]);
                say!("{onto} has the changes of {id} already.");
                return Ok(());
            }
            Err(said) => return self.undo(here, &onto, &said),
        }
        let tip = ask_git(here, &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
        say!("Merged {id} into {onto}, which is at {tip} now.");
        Ok(())
    }

    /// Returns whether there was something to commit.
    fn squash(&self, here: &Path, message: &str) -> Result<bool, String> {
        // `--ff` is against a person's own `merge.ff = false`, which does not go with it.
        run_git(here, &["merge", "--quiet", "--ff", "--squash", self.commit])?;
        match ask_git(here, &["diff", "--cached", "--quiet"]) {
            Some(_) => Ok(false),
            None => run_git(here, &["commit", "--quiet", "-m", message]).map(|_| true),
        }
    }

    /// Whether the clone can take it: the branch that the task started from is checked out, and nothing is changed.
    fn is_ready(&self, here: &Path) -> Result<String> {
        let onto = ask_git(here, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let Some(onto) = onto else {
            bail!(
                "no branch is checked out in {}; check out the one to merge into",
                here.display()
            );
        };
        let base = self.task.base.as_str();
        if base != Branch::DEFAULT && onto != base {
            bail!(
                "{onto} is checked out, but {} started from {base}: `git switch {base}` first",
                self.task.id
            );
        }
        for (name, what) in UNDER_WAY {
            if ask_git(here, &["rev-parse", "--verify", "--quiet", name]).is_some() {
                bail!(
                    "{what} is under way in {}; finish or abort it first",
                    here.display()
                );
            }
        }
        let changed = run_git(here, &["status", "--porcelain", "--untracked-files=no"]);
        match changed.map_err(anyhow::Error::msg)?.is_empty() {
            true => Ok(onto),
            false => bail!(
                "{} has changes that are not committed; commit or stash them first",
                here.display()
            ),
        }
    }

    /// A merge that does not work leaves everything as it was.
    fn undo(&self, here: &Path, onto: &str, said: &str) -> Result<()> {
        let files = ask_git(here, &["diff", "--name-only", "--diff-filter=U"]).unwrap_or_default();
        // After `merge --squash` there is no merge to abort. Nothing was changed before, so that all that differs
        // now is what the merge, or a hook, has done.
        let is_undone = ask_git(here, &["merge", "--abort"]).is_some()
            || ask_git(here, &["reset", "--quiet", "--hard", "HEAD"]).is_some();
        let id = self.task.id;
        if !is_undone {
            bail!("git could not merge {id}, nor undo it; look at `git status`: {said}");
        }
        match files.is_empty() {
            true => bail!("git could not merge {id}, and nothing was changed: {said}"),
            false => bail!(
                "{id} conflicts with {onto} in {}; nothing was changed. `vine task continue {id} \"Merge {onto} into your branch\"` lets the agent solve it",
                files.lines().collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
