//! Repositories that tasks work on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    conventions::Conventions,
    forge::RequestRule,
    guard::Guard,
    input::{Branch, Slug},
    invalid::Invalid,
    model::ModelChoice,
    words::words,
};

/// A repository and how its tasks start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Repo {
    /// Its short name, unique.
    pub name: Slug,
    /// Where workers find it.
    pub source: Source,
    /// The branch that new tasks start from.
    pub base: Branch,
    /// While set, none of its tasks are claimed.
    pub paused: bool,
    /// Its own agent settings, hooks and MCP servers are loaded only if an admin set this.
    pub trusted: bool,
    /// Rooms that are created for it are end-to-end encrypted, if the platform supports that.
    pub encrypted: bool,
    /// Which work of its tasks is pushed without asking.
    #[serde(default)]
    pub push: Push,
    /// What its agents may do without asking, what they may reach, and which wall they require.
    #[serde(default)]
    pub guard: Guard,
    /// The model of its agents, unless a task chooses another.
    #[serde(default)]
    pub model: ModelChoice,
    /// Which words in the thread of a task that is over let it continue.
    #[serde(default)]
    pub followups: Followups,
    /// What it wants of its pull requests.
    #[serde(default)]
    pub requests: RequestRule,
    /// How it names branches and ends commit messages.
    #[serde(default)]
    pub conventions: Conventions,
}

impl Repo {
    /// A repository with the usual rules.
    pub fn new(name: Slug, source: Source, base: Branch) -> Self {
        Self {
            name,
            source,
            base,
            paused: false,
            trusted: false,
            encrypted: false,
            push: Push::default(),
            guard: Guard::default(),
            model: ModelChoice::default(),
            followups: Followups::default(),
            requests: RequestRule::default(),
            conventions: Conventions::default(),
        }
    }
}

/// Which words in the thread of a task that is over let it continue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Followups {
    /// Those addressed to us: a mention, or a reply to a message of ours.
    #[default]
    Mention,
    /// All that ask for something.
    Words,
}

words!(
    Followups,
    "follow-up rule",
    Mention = "mention",
    Words = "words"
);

/// Which work of tasks workers push without asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// Finished work to its branch, unfinished work to `refs/vine/T-7`.
    #[default]
    All,
    /// The same, but unfinished work goes to the branch `vine-kept/T-7`, for remotes that refuse
    /// other refs.
    Branches,
    /// Only finished work.
    Done,
    /// Nothing.
    Never,
}

impl Push {
    /// All of them, with their words.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("all", Self::All),
        ("branches", Self::Branches),
        ("done", Self::Done),
        ("never", Self::Never),
    ];

    /// The word for it in commands and in the store.
    pub fn as_str(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, one)| *one == self);
        named.map_or("all", |(word, _)| word)
    }

    /// Whether unfinished work is pushed too.
    pub fn is_of_unfinished(self) -> bool {
        matches!(self, Self::All | Self::Branches)
    }

    /// Where unfinished work goes when it is pushed.
    pub fn kept_below(self) -> &'static str {
        match self {
            Self::Branches => "refs/heads/vine-kept",
            Self::All | Self::Done | Self::Never => "refs/vine",
        }
    }
}

impl FromStr for Push {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let named = Self::WORDS.iter().find(|(word, _)| *word == text);
        named.map(|(_, push)| *push).ok_or_else(|| {
            let what = format!("`{}`", crate::invalid::shown(text));
            Invalid::new("push rule", what, "use all, branches, done or never")
        })
    }
}

/// Where a repository is: an absolute path on the workers' machines, or a URL that git can fetch
/// and push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Source {
    /// A folder; worktrees are created from it directly, and commits go into it.
    Path(String),
    /// A remote; workers keep a bare copy and push work branches.
    Url(String),
}

impl Source {
    /// The text that git receives.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Path(text) | Self::Url(text) => text,
        }
    }

    /// The same for people: an address without its login.
    pub fn shown(&self) -> String {
        match (self, self.login()) {
            (Self::Url(text), Some(login)) => text.replacen(&format!("{login}@"), "", 1),
            _ => self.as_str().to_owned(),
        }
    }

    /// The login before the host of an address, if there is one.
    fn login(&self) -> Option<&str> {
        let Self::Url(text) = self else { return None };
        let (_, rest) = text.split_once("://")?;
        let host = rest.split('/').next()?;
        host.rsplit_once('@').map(|(login, _)| login)
    }

    /// Refuses secrets in a new repository's address, since it appears in rooms, lists and logs. A
    /// user name alone is not a secret, except with `https`, where it can be a token.
    pub fn without_secrets(self) -> Result<Self, Invalid> {
        let is_secret = self
            .login()
            .is_some_and(|login| login.contains(':') || self.as_str().starts_with("https://"));
        if is_secret {
            return Err(Invalid::new(
                "repository source",
                format!("`{}` was given with a user name or password", self.shown()),
                "remove them and let git use its credential helper on each worker \
                 (`git config --global credential.helper store`), or use ssh",
            ));
        }
        Ok(self)
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.as_str().to_owned()
    }
}

impl TryFrom<String> for Source {
    type Error = Invalid;

    /// Accepts only transports that cannot run a program, unlike git's `ext::`.
    fn try_from(text: String) -> Result<Self, Invalid> {
        let refuse = |why: &str| {
            Err(Invalid::new(
                "repository source",
                format!("`{}` {why}", crate::invalid::shown(&text)),
                "use an absolute path, git@host:org/repo.git, or a URL that starts with https://, ssh:// or \
                 file://",
            ))
        };
        match text.as_str() {
            t if t.chars().any(char::is_control) || t.len() > 1000 => {
                refuse("contains control characters or is longer than 1000 bytes")
            }
            t if t.starts_with('/') => Ok(Self::Path(text)),
            t if ["https://", "ssh://", "file:///"]
                .iter()
                .any(|scheme| t.starts_with(scheme) && !t[scheme.len()..].starts_with('-')) =>
            {
                Ok(Self::Url(text))
            }
            t if is_scp_like(t) => Ok(Self::Url(text)),
            t if t.starts_with("http://") => {
                refuse("is not encrypted, so credentials could be read in transit")
            }
            _ => refuse("is neither an absolute path nor a supported URL"),
        }
    }
}

/// `git@host:org/repo.git`, as forges offer it. No part of it can be a git option or a helper
/// (`ext::`).
fn is_scp_like(text: &str) -> bool {
    let Some((login, path)) = text.split_once(':') else {
        return false;
    };
    let plain = |part: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && !part.starts_with('-') && part.chars().all(fine)
    };
    let is_login = login
        .split_once('@')
        .is_some_and(|(user, host)| plain(user) && plain(host));
    is_login && !path.is_empty() && !path.starts_with([':', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_no_password_and_a_new_one_holds_none() {
        let source = |text: &str| Source::try_from(text.to_owned()).expect("a source");
        for (secret, shown) in [
            ("https://x:ghp_1@host/a.git", "https://host/a.git"),
            ("https://ghp_1@host/a.git", "https://host/a.git"),
            ("ssh://git:pw@host/a", "ssh://host/a"),
            ("https://a:b@c@host/x@y", "https://host/x@y"),
        ] {
            assert_eq!(source(secret).shown(), shown);
            let refused = source(secret).without_secrets().expect_err("refused");
            assert!(
                !refused.message().contains("ghp_1"),
                "{}",
                refused.message()
            );
        }
        for fine in ["ssh://git@host/a", "https://host/a@b", "/srv/a:b@c"] {
            assert!(source(fine).without_secrets().is_ok(), "{fine}");
        }
    }

    #[test]
    fn sources_that_could_run_a_program_are_refused() {
        for good in [
            "/srv/site",
            "https://example.org/a.git",
            "ssh://git@example.org/a",
            "git@example.org:team/site.git",
        ] {
            assert!(Source::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "ext::sh -c id",
            "-u/x",
            "relative/path",
            "ssh://-oProxyCommand=id/x",
            "EXT::x",
            "http://example.org/a",
            "git@host::x",
            "-oProxyCommand=id@host:x",
            "ext@host:-x",
            "",
        ] {
            assert!(Source::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
