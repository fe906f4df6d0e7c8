//! Pushes work to the source: finished work to a free or continued branch, unfinished work to a ref
//! outside `refs/heads`. Only AgentVine's own refs are ever force-pushed.

use std::collections::BTreeMap;

use vine_domain::repo::{Push, Source};

use super::{Keeper, record::FolderRecord};
use crate::git::GitError;

/// How many numbered names are tried.
const NAMES: u32 = 50;

/// The source's refs with their commits.
type RemoteRefs = BTreeMap<String, String>;

/// The result of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The branch, or the full ref outside `refs/heads`.
    pub name: String,
    /// The requested name was taken.
    pub is_other: bool,
}

/// Why git refused a push.
enum PushRefused {
    /// The ref belongs to someone else or has moved; another name may work.
    Name(GitError),
    /// Another reason: network, permissions, hooks.
    Else(GitError),
}

impl Keeper {
    /// The source's current refs that match the pattern.
    async fn refs(&self, pattern: &str) -> Result<RemoteRefs, GitError> {
        let source = self.repo.source.as_str();
        let listed = self
            .git()
            .run(&["ls-remote", "--quiet", source, pattern])
            .await?;
        let pair = |line: &str| {
            let (commit, name) = line.split_once('\t')?;
            Some((name.to_owned(), commit.to_owned()))
        };
        Ok(listed.lines().filter_map(pair).collect())
    }

    /// Whether the source responds at all.
    pub async fn answers(&self) -> bool {
        self.refs("HEAD").await.is_ok()
    }

    /// Pushes the task's tip to its branch, or to the next free name if that is taken.
    pub async fn publish(&self, record: &FolderRecord) -> Result<Published, GitError> {
        let heads = self.refs("refs/heads/*").await?;
        let mut last = None;
        for name in names(&record.branch) {
            let wanted = name == record.branch;
            let full = format!("refs/heads/{name}");
            let is_other = !wanted;
            let there = heads.get(&full);
            if there == Some(&record.tip) {
                return Ok(Published { name, is_other });
            }
            let goes_on = match there {
                Some(there) => wanted && record.continues || self.is_own(record, there).await?,
                None => is_free(&heads, &name),
            };
            if !goes_on {
                continue;
            }
            match self.push(&record.tip, &full, there, false).await {
                Ok(()) => return Ok(Published { name, is_other }),
                Err(PushRefused::Name(error)) => last = Some(error),
                Err(PushRefused::Else(error)) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| GitError::new("push", "no name is free")))
    }

    /// Whether an earlier attempt pushed it: our work contains it and the base does not.
    async fn is_own(&self, record: &FolderRecord, there: &str) -> Result<bool, GitError> {
        // A commit that was never fetched is not ours.
        if self.commit_at(there).await?.is_none() {
            return Ok(false);
        }
        Ok(self.is_in(there, &record.tip).await? && !self.is_in(there, &record.base).await?)
    }

    /// Pushes the task's tip to a ref outside `refs/heads`, for people and other workers.
    pub async fn publish_kept(&self, record: &FolderRecord) -> Result<Published, GitError> {
        let below = record.repo.push.kept_below();
        let refs = self.refs(&format!("{below}/*")).await?;
        let wanted = format!("{below}/{}", record.task);
        for name in names(&wanted) {
            let is_other = name != wanted;
            let there = refs.get(&name);
            if there == Some(&record.tip) {
                return Ok(Published { name, is_other });
            }
            if let Some(there) = there
                && record.kept.as_deref() != Some(there.as_str())
                && !self.is_own(record, there).await?
            {
                continue;
            }
            match self.push(&record.tip, &name, there, true).await {
                Ok(()) => return Ok(Published { name, is_other }),
                Err(PushRefused::Name(_)) => {}
                Err(PushRefused::Else(error)) => return Err(error),
            }
        }
        Err(GitError::new("push", "no name is free"))
    }

    /// Whether the source still has the kept commit.
    pub async fn has_kept(&self, record: &FolderRecord, kept: &str) -> bool {
        let below = record.repo.push.kept_below();
        let refs = self.refs(&format!("{below}/*")).await;
        refs.is_ok_and(|refs| refs.values().any(|there| there == kept))
    }

    /// Deletes the ref of unfinished work; the branch has it now.
    pub async fn unpublish_kept(&self, record: &FolderRecord) {
        // The push rule may have changed since.
        let mut refs = RemoteRefs::new();
        let task = record.task;
        for below in [Push::All, Push::Branches].map(Push::kept_below) {
            let there = self.refs(&format!("{below}/*")).await;
            refs.extend(there.unwrap_or_default());
        }
        for (name, there) in refs {
            let own =
                [Push::All, Push::Branches].map(|rule| format!("{}/{task}", rule.kept_below()));
            let ours = record.kept.as_ref() == Some(&there)
                || own.contains(&name) && self.is_own(record, &there).await.unwrap_or(false);
            if ours {
                let lease = format!("--force-with-lease={name}:{there}");
                let refspec = format!(":{name}");
                let mut push = vec!["push", "--quiet", &lease];
                if let Source::Path(_) = self.repo.source {
                    push.push(RECEIVE);
                }
                push.extend([self.repo.source.as_str(), &refspec]);
                let _nobody_minds = self.git().run(&push).await;
            }
        }
    }

    /// Moves a ref of the source from `there` to `commit`, without losing anyone else's change.
    async fn push(
        &self,
        commit: &str,
        name: &str,
        there: Option<&String>,
        is_ours: bool,
    ) -> Result<(), PushRefused> {
        let lease = format!(
            "--force-with-lease={name}:{}",
            there.map_or("", String::as_str)
        );
        let refspec = format!("{commit}:{name}");
        // Existing refs are only fast-forwarded, unless they are ours.
        let mut push = vec!["push", "--quiet"];
        if there.is_none() || is_ours {
            push.push(&lease);
        }
        if let Source::Path(_) = self.repo.source {
            push.push(RECEIVE);
        }
        push.extend([self.repo.source.as_str(), &refspec]);
        let pushed = self.git().run(&push).await;
        pushed.map(|_| ()).map_err(|error| {
            let of_name = [
                "[rejected]",
                "stale info",
                "non-fast-forward",
                "already exists",
                "cannot lock ref",
                "refusing to update checked out branch",
                "branch is currently checked out",
            ];
            if of_name.iter().any(|words| error.said.contains(words)) {
                PushRefused::Name(error)
            } else {
                PushRefused::Else(error)
            }
        })
    }
}

/// The configuration of a local source could name programs for the receiving end of a push.
const RECEIVE: &str = "--receive-pack=git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=true -c receive.autogc=false receive-pack";

/// `vine/T-7`, `vine/T-7-2`, … and the same without slashes, in case `vine` is a branch.
fn names(wanted: &str) -> impl Iterator<Item = String> {
    let flat = wanted.replace('/', "-");
    let numbered = |name: String| (2..NAMES).map(move |number| format!("{name}-{number}"));
    let is_ref = wanted.starts_with("refs/");
    let flats = std::iter::once(flat.clone()).chain(numbered(flat));
    std::iter::once(wanted.to_owned())
        .chain(numbered(wanted.to_owned()))
        .chain(flats.filter(move |_| !is_ref))
}

/// Whether this name, any parent of it and any name below it are unused.
fn is_free(heads: &RemoteRefs, name: &str) -> bool {
    let full = format!("refs/heads/{name}");
    let clashes = |other: &String| {
        *other == full
            || other.starts_with(&format!("{full}/"))
            || full.starts_with(&format!("{other}/"))
    };
    !heads.keys().any(clashes)
}

impl Keeper {
    /// The commit of the branch as last fetched, if the branch exists.
    pub async fn has_branch(&self, name: &str) -> Result<Option<String>, GitError> {
        self.commit_at(&format!("refs/remotes/origin/{name}")).await
    }

    /// The first free branch name, as last fetched.
    pub async fn free_name(&self, wanted: &str) -> Result<String, GitError> {
        let format = "--format=%(refname:lstrip=3)";
        let listed = self
            .git()
            .run(&["for-each-ref", format, "refs/remotes/origin"])
            .await?;
        let heads: RemoteRefs = listed
            .lines()
            .map(|name| (format!("refs/heads/{name}"), String::new()))
            .collect();
        let mut names = names(wanted);
        names
            .find(|name| is_free(&heads, name))
            .ok_or_else(|| GitError::new("branch", format!("no name like `{wanted}` is free")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_free_when_nothing_stands_in_its_way() {
        let heads = |names: &[&str]| {
            let pair = |name: &&str| (format!("refs/heads/{name}"), String::new());
            names.iter().map(pair).collect::<RemoteRefs>()
        };
        let free = |taken: &[&str]| {
            let heads = heads(taken);
            names("vine/T-7").find(|name| is_free(&heads, name))
        };
        assert_eq!(free(&["main"]).as_deref(), Some("vine/T-7"));
        assert_eq!(free(&["vine/T-7"]).as_deref(), Some("vine/T-7-2"));
        assert_eq!(
            free(&["vine/T-7/x", "vine/T-7-2"]).as_deref(),
            Some("vine/T-7-3")
        );
        assert_eq!(free(&["vine"]).as_deref(), Some("vine-T-7"));
        assert_eq!(free(&["vine", "vine-T-7"]).as_deref(), Some("vine-T-7-2"));
    }
}
