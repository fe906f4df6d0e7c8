//! A later round starts where the branch is now, with what people pushed to it.

use vine_domain::{Failure, FailureKind, Round};

use crate::{git::GitError, workspace::Workspace};

/// At most so many commits of others are listed.
const LISTED: &str = "-20";

impl Workspace {
    /// What others committed to the branch before this round, one line each.
    pub fn changed(&self) -> Option<String> {
        self.record.changed.clone()
    }

    /// Brings the work to where the branch is at the source. What others committed since is listed for
    /// the agent; a branch that no longer holds the task's work is left to people.
    ///
    /// After a `clean` cut, earlier unfinished work does not count.
    pub(super) async fn begin_round(&mut self, round: &Round, clean: bool) -> Result<(), Failure> {
        if self.record.made && self.record.folder.is_dir() {
            self.take("Keep what the last round left").await?;
        }
        let own = self.record.tip.clone();
        let left = match &round.tip {
            Some(tip) => self.keeper.commit_at(tip).await?,
            None => None,
        };
        let there = self.keeper.has_branch(&self.record.branch).await?;
        let tip = match &there {
            Some(there) => self.beside(there, left.as_deref(), clean).await?,
            None => self.without_branch(round, left.as_deref(), clean).await?,
        };
        self.set_aside(&own, &tip).await?;
        let known = left.unwrap_or_else(|| own.clone());
        self.record.changed = match &there {
            Some(there) if known != self.record.base && known != *there => {
                match self.keeper.is_in(&known, there).await? {
                    true => Some(self.listed(&known, there).await?),
                    false => None,
                }
            }
            _ => None,
        };
        self.record.finished = None;
        self.record.made &= tip == own;
        self.record.round = round.number;
        self.record.round_start = Some(there.unwrap_or_else(|| tip.clone()));
        self.record.tip = tip;
        Ok(())
    }

    /// The commit to continue from, when the source has the branch at `there`. `left` is where the last
    /// round left it; after a `clean` cut its unfinished work does not count.
    async fn beside(
        &self,
        there: &str,
        left: Option<&str>,
        clean: bool,
    ) -> Result<String, Failure> {
        let own = &self.record.tip;
        let is_own = *own != self.record.base;
        if is_own && !clean && self.keeper.is_in(there, own).await? {
            return Ok(own.clone());
        }
        let work = left.or_else(|| Some(own.as_str()).filter(|_| is_own));
        match work {
            Some(work) if self.keeper.is_in(work, there).await? => Ok(there.to_owned()),
            None if !self.record.continues => Ok(own.clone()),
            _ => Err(self.parted()),
        }
    }

    /// The commit to continue from, when the source does not have the branch: it was merged and deleted,
    /// or never pushed.
    async fn without_branch(
        &self,
        round: &Round,
        left: Option<&str>,
        clean: bool,
    ) -> Result<String, Failure> {
        let own = &self.record.tip;
        let base = &self.record.base;
        match (left, &round.tip) {
            (_, None) if clean => Ok(base.clone()),
            (_, None) => Ok(own.clone()),
            (None, Some(tip)) => Err(self.gone(tip)),
            (Some(left), _) if self.is_merged(left).await? => {
                // An earlier attempt of this round may have begun from there.
                let goes_on = !clean && own != left && self.keeper.is_in(base, own).await?;
                Ok(if goes_on { own.clone() } else { base.clone() })
            }
            (Some(left), _) if !clean && self.keeper.is_in(left, own).await? => Ok(own.clone()),
            (Some(left), _) => Ok(left.to_owned()),
        }
    }

    /// The commits in `to` that are not in `from`, latest first, one line each.
    async fn listed(&self, from: &str, to: &str) -> Result<String, GitError> {
        let range = format!("{from}..{to}");
        let log = ["log", "--no-color", "--format=%h %an: %s", LISTED, &range];
        self.keeper.git().run(&log).await
    }

    /// Whether the base has everything that this commit brings, however it was merged.
    async fn is_merged(&self, left: &str) -> Result<bool, GitError> {
        let base = &self.record.base;
        if self.keeper.is_in(left, base).await? {
            return Ok(true);
        }
        let git = self.keeper.git();
        // A git before 2.38 cannot tell, nor can any if they have nothing in common.
        let merged = git.ask(&["merge-tree", "--write-tree", base, left]).await;
        let merged = merged.ok().flatten();
        let tree = git.ask(&["rev-parse", &format!("{base}^{{tree}}")]).await?;
        Ok(merged.is_some() && merged == tree)
    }

    /// Keeps unfinished work that the round does not continue from, and says so.
    async fn set_aside(&mut self, own: &str, tip: &str) -> Result<(), Failure> {
        if own == self.record.base || self.keeper.is_in(own, tip).await? {
            return Ok(());
        }
        let name = format!(
            "refs/vine/{}/aside-{}",
            self.record.key(),
            self.record.epoch.0
        );
        self.keeper.hold(&name, own).await?;
        let short = own.get(..12).unwrap_or(own);
        self.notes.push(format!(
            "This round does not continue from the unfinished work of the last one. The worker keeps it as commit `{short}`."
        ));
        Ok(())
    }

    fn parted(&self) -> Failure {
        let what = format!(
            "The branch `{}` does not hold the work of {} any more: it was rewritten. To continue from what it \
             holds, create a task with `--base {0} --branch {0}`.",
            self.record.branch, self.record.task
        );
        Failure::new(FailureKind::BranchTaken, what)
    }

    fn gone(&self, tip: &str) -> Failure {
        let what = format!(
            "The branch `{}` is not at the source, and this worker does not have its last commit {}. If another \
             worker keeps it, `task push {}` pushes it; else create a new task.",
            self.record.branch,
            tip.get(..12).unwrap_or(tip),
            self.record.task
        );
        Failure::new(FailureKind::BranchTaken, what)
    }
}
