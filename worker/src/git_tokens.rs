//! Short-lived tokens for git, which the daemon lends for one attempt and one repository at a time. Repositories
//! with a token of their own under `[git]` need none.
//!
//! A token lies in the worker's own folder, which walls keep agents out of, and is replaced for each attempt. It is
//! sent to the host that it is for, and to no other.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vine_domain::{Clock as _, Repo, Timestamp, attempt::Attempt, clock::System, forge::GitToken};

/// The user name that goes with the tokens of GitHub Apps.
pub const USER: &str = "x-access-token";
/// A token that ends sooner is replaced before git is used again.
const SPARE: Duration = Duration::from_secs(10 * 60);

/// What is known of a repository's token.
#[derive(Debug, Clone, Copy)]
pub enum Lent {
    /// It is in its file.
    Good {
        /// The attempt that it was lent for.
        attempt: Attempt,
        /// When it ends.
        ends: Timestamp,
        /// Git failed with it: the next use is to ask for another.
        doubted: bool,
    },
    /// It could not be borrowed.
    Missing,
}

/// The tokens of this process, by their files.
#[derive(Debug, Default)]
pub struct GitTokens(Mutex<HashMap<PathBuf, Lent>>);

impl GitTokens {
    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Lent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was lent for a repository, or not.
    pub fn keep(&self, file: PathBuf, lent: Lent) {
        self.all().insert(file, lent);
    }

    /// Whether an attempt has a token that lasts for a while.
    pub fn lasts(&self, state: &Path, repo: &Repo, attempt: Attempt) -> bool {
        let lent = self.of(state, repo);
        matches!(lent, Some((_, Lent::Good { attempt: of, ends, doubted: false })) if of == attempt && ends.since(System.now()) > SPARE)
    }

    fn of(&self, state: &Path, repo: &Repo) -> Option<(PathBuf, Lent)> {
        let file = file_of(state, repo)?;
        let lent = *self.all().get(&file)?;
        Some((file, lent))
    }

    /// The file with the token of a repository, while that is good.
    pub fn file(&self, state: &Path, repo: &Repo) -> Option<PathBuf> {
        let (file, lent) = self.of(state, repo)?;
        let is_good = matches!(lent, Lent::Good { ends, .. } if ends > System.now());
        is_good.then_some(file)
    }

    /// Whether the repository has no good token, but an attempt would get one.
    pub fn is_missing(&self, state: &Path, repo: &Repo) -> bool {
        match self.of(state, repo) {
            Some((_, Lent::Good { ends, doubted, .. })) => doubted || ends <= System.now(),
            Some((_, Lent::Missing)) => true,
            None => false,
        }
    }

    /// Git failed with the token of this attempt. Others of the same repository may be using it, so it stays.
    pub fn doubt(&self, state: &Path, repo: &Repo, attempt: Attempt) {
        if let Some((
            file,
            Lent::Good {
                attempt: of, ends, ..
            },
        )) = self.of(state, repo)
            && of == attempt
        {
            let doubted = true;
            self.keep(
                file,
                Lent::Good {
                    attempt,
                    ends,
                    doubted,
                },
            );
        }
    }

    /// There is none to lend.
    pub fn forget(&self, state: &Path, repo: &Repo) {
        if let Some(file) = file_of(state, repo)
            && self.all().remove(&file).is_some()
        {
            let _already_gone = fs::remove_file(file);
        }
    }
}

/// Where the token of a repository is; `None` if its address is not one that takes a token.
pub fn file_of(state: &Path, repo: &Repo) -> Option<PathBuf> {
    let host = https_host(repo.source.as_str())?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let host = host.replace(|c| !is_plain(c), "_");
    Some(folder(state).join(format!("{}~{host}", repo.name)))
}

/// Host and port of an HTTPS address.
pub fn https_host(source: &str) -> Option<&str> {
    let rest = source.strip_prefix("https://")?;
    let host = rest.split('/').next()?;
    Some(host.rsplit_once('@').map_or(host, |(_, host)| host))
}

fn folder(state: &Path) -> PathBuf {
    state.join("git-tokens")
}

/// Removes the tokens of an earlier process.
pub fn clear(state: &Path) {
    let _there_may_be_none = fs::remove_dir_all(folder(state));
}

/// Writes a token to its file.
pub fn write(file: &Path, token: &GitToken) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(folder)?;
    }
    // Another attempt in the same repository may be writing one too.
    let hash = token.token.hash();
    let draft = file.with_extension(hash.get(..12).unwrap_or("new"));
    let mut new = fs::OpenOptions::new();
    new.create(true).truncate(true).write(true).mode(0o600);
    let mut handle = new.open(&draft)?;
    handle.write_all(token.token.reveal().as_bytes())?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use vine_domain::{Epoch, Slug, TaskId};

    use super::*;

    fn repo(source: &str) -> Repo {
        let source = source.to_owned().try_into().expect("a source");
        Repo::new(
            Slug::from_text("site"),
            source,
            "main".parse().expect("a branch"),
        )
    }

    #[test]
    fn a_token_is_used_for_its_own_host_and_while_it_is_good() {
        let (tokens, state) = (GitTokens::default(), Path::new("/state"));
        let (ours, moved) = (
            repo("https://github.com/org/site"),
            repo("https://git.example.org/org/site"),
        );
        let attempt = Attempt {
            task: TaskId(1),
            epoch: Epoch(1),
        };
        let lent = |seconds| Lent::Good {
            attempt,
            ends: System.now().plus(Duration::from_secs(seconds)),
            doubted: false,
        };
        let file = file_of(state, &ours).expect("https");
        tokens.all().insert(file.clone(), lent(60));
        assert_eq!(tokens.file(state, &ours), Some(file.clone()));
        assert_eq!(tokens.file(state, &moved), None);
        tokens.all().insert(file.clone(), lent(0));
        assert_eq!(tokens.file(state, &ours), None, "it has ended");
        assert!(tokens.is_missing(state, &ours));
        tokens.all().insert(file.clone(), lent(3600));
        assert!(tokens.lasts(state, &ours, attempt) && !tokens.is_missing(state, &ours));
        tokens.doubt(state, &ours, attempt);
        assert!(!tokens.lasts(state, &ours, attempt) && tokens.file(state, &ours).is_some());
        tokens.all().insert(file, Lent::Missing);
        assert!(tokens.is_missing(state, &ours) && !tokens.is_missing(state, &moved));
        assert_eq!(file_of(state, &repo("git@github.com:org/site.git")), None);
        assert_eq!(file_of(state, &repo("/srv/site")), None);
        let odd = file_of(state, &repo("https://a:b@../org/site")).expect("https");
        assert!(
            odd.parent() == Some(Path::new("/state/git-tokens")),
            "{odd:?}"
        );
    }
}
