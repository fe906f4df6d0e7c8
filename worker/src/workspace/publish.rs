//! How work leaves the machine: pushed under its branch, or kept.

use vine_api::ReportKeptWork;
use vine_domain::{
    Failure,
    repo::{Push, Source},
    secrets::KnownSecrets,
};

use crate::{
    agent::FinishedRun,
    git::GitError,
    keeper::record::{FolderRecord, NamedFinding},
    workspace::{
        Workspace,
        changes::{GitChanges, PATCH_LIMIT, STAT_LIMIT},
        summary::cut,
    },
};

impl Workspace {
    /// Pushes kept work at a person's request: finished work to its branch, other work to a ref
    /// outside `refs/heads`. Anything that looks like a secret is reported first; it is pushed as
    /// it is if the person had `seen` that very commit.
    pub async fn push(
        &mut self,
        seen: &str,
        known: &KnownSecrets,
    ) -> Result<ReportKeptWork, Failure> {
        let mut notes = Vec::new();
        if self.held().is_empty() || self.record.tip != seen {
            self.look_for_secrets(known, &mut notes).await?;
            if !self.held().is_empty() {
                return Ok(self.kept(notes));
            }
        }
        let mut kept = ReportKeptWork {
            held: Vec::new(),
            ..self.kept(notes)
        };
        if self.record.finished.is_some() {
            let published = self.keeper.publish(&self.record).await?;
            kept.name = Some(format!("refs/heads/{}", published.name));
            self.record.branch = published.name;
            self.record.published = Some(self.record.tip.clone());
            self.save()?;
            self.keeper.unpublish_kept(&self.record).await;
        } else {
            let published = self.keeper.publish_kept(&self.record).await?;
            kept.name = Some(published.name);
            self.record.kept = Some(self.record.tip.clone());
            self.save()?;
        }
        Ok(kept)
    }

    /// The findings for the current tip, if there are any.
    pub(super) fn named(&self) -> Option<&NamedFinding> {
        let named = self.record.named.as_ref();
        named.filter(|named| named.tip == self.record.tip)
    }

    /// What looks like a secret and holds back the current tip.
    pub(super) fn held(&self) -> &[String] {
        self.named().map_or(&[], |named| &named.held)
    }

    /// Looks for secrets. They hold back a push that leaves the machine until people have looked;
    /// for a folder on this machine they are only reported.
    pub(super) async fn look_for_secrets(
        &mut self,
        known: &KnownSecrets,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let FolderRecord { tip, kept, .. } = self.record.clone();
        let kept = match kept {
            Some(kept) if self.keeper.has_kept(&self.record, &kept).await => Some(kept),
            _ => None,
        };
        let found = self.keeper.secrets(&tip, kept.as_deref(), known).await?;
        let is_news = self.named().is_none() && !found.is_empty();
        let leaves = matches!(self.record.repo.source, Source::Url(_));
        if is_news && !leaves {
            notes.push(format!(
                "This looks like a secret; check it before you share the work: {}.",
                found.join(", ")
            ));
        }
        self.record.named = (!found.is_empty()).then(|| NamedFinding {
            tip,
            held: if leaves { found } else { Vec::new() },
        });
        self.save()
    }

    /// The agent finished. That is recorded first, so that its work is not redone if git fails;
    /// then the work is taken.
    pub async fn finish(&mut self, finished: &FinishedRun) -> Result<Vec<String>, Failure> {
        self.record.finished = Some(finished.clone());
        self.save()?;
        let message = self.record.message.clone();
        let taken = self
            .keeper
            .take(&mut self.record, &self.git.commit, &message)
            .await?;
        Ok(taken.notes)
    }

    /// Pushes the work to its branch at the source and returns what changed since the base. A
    /// passing error is the source's; refused work stays with the keeper and is reported.
    ///
    /// Unless this is the `last` try, a refusal by the source is an error too.
    pub async fn publish(
        &mut self,
        last: bool,
        known: &KnownSecrets,
    ) -> Result<GitChanges, Failure> {
        let FolderRecord { base, tip, .. } = self.record.clone();
        let git = self.keeper.git();
        let mut changes = GitChanges::default();
        let start = match git.ask(&["merge-base", &base, &tip]).await? {
            Some(start) => start,
            None => {
                let what =
                    "The agent rewrote history: its branch is no longer based on the base branch.";
                changes.notes.push(what.into());
                base
            }
        };
        if tip == start {
            return Ok(changes);
        }
        if self.record.repo.push == Push::Never {
            changes.unpushed = Some(Vec::new());
        } else {
            self.look_for_secrets(known, &mut changes.notes).await?;
            changes.unpushed = Some(self.held().to_vec()).filter(|held| !held.is_empty());
        }
        let published = match changes.unpushed {
            Some(_) => None,
            None => Some(self.keeper.publish(&self.record).await),
        };
        match published {
            None => {}
            Some(Ok(published)) => {
                if published.is_other {
                    changes.notes.push(format!(
                        "The branch `{}` now belongs to someone else; the work is on `{}`.",
                        self.record.branch, published.name
                    ));
                    self.record.branch = published.name;
                }
                self.record.published = Some(tip.clone());
                self.save()?;
                self.keeper.unpublish_kept(&self.record).await;
            }
            Some(Err(error)) if !self.keeper.answers().await => {
                return Err(self.keeper.away(&error));
            }
            Some(Err(error)) if !last && !is_refusal(&error) => return Err(error.into()),
            Some(Err(error)) => {
                changes.unpushed = Some(Vec::new());
                changes.notes.push(format!(
                    "The work could not be pushed: {error}. The worker keeps it as {tip} under \
                     refs/vine/{}/work of {}; nothing is lost.",
                    self.record.key(),
                    self.keeper.dir().display()
                ));
            }
        }
        let start = match &self.record.round_start {
            Some(round) if self.keeper.is_in(round, &tip).await? => round.clone(),
            _ => start,
        };
        let diff = ["diff", "--no-ext-diff", "--no-textconv", "--no-color"];
        let stat = git
            .run(&[&diff[..], &["--stat", &start, &tip]].concat())
            .await?;
        let patch = git.run(&[&diff[..], &[&start, &tip]].concat()).await?;
        changes.commit = Some(tip);
        changes.diffstat = cut(stat, STAT_LIMIT);
        changes.patch = cut(patch, PATCH_LIMIT);
        changes.branch = changes
            .unpushed
            .is_none()
            .then(|| self.record.branch.clone());
        Ok(changes)
    }
}

/// Whether the source refused the push; trying again changes nothing.
pub(super) fn is_refusal(error: &GitError) -> bool {
    [
        "[remote rejected]",
        "hook declined",
        "not allowed",
        "protected branch",
    ]
    .iter()
    .any(|words| error.said.contains(words))
}
