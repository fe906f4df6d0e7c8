//! Repositories that tasks work on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::input::{Branch, Invalid, Slug};

/// A repository and how its tasks start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repo {
    /// Its short name, unique.
    pub name: Slug,
    /// Where workers find it.
    pub source: Source,
    /// The branch that new tasks start from.
    pub base: Branch,
    /// Nothing of it is claimed while set.
    pub paused: bool,
    /// Its own agent settings, hooks and MCP servers are loaded only when an admin has said so.
    pub trusted: bool,
    /// Rooms that are made for it are end-to-end encrypted, where the platform can.
    pub encrypted: bool,
}

/// Where a repository is: an absolute path on the workers' machines, or a URL that git can fetch
/// and push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Source {
    /// A folder; worktrees are made from it directly, commits land in it.
    Path(String),
    /// A remote; workers keep a bare copy and push work branches.
    Url(String),
}

impl Source {
    /// The text git is given.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Path(text) | Self::Url(text) => text,
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.as_str().to_owned()
    }
}

impl TryFrom<String> for Source {
    type Error = Invalid;

    /// Only transports that cannot run a program are accepted: git's `ext::` and friends would.
    fn try_from(text: String) -> Result<Self, Invalid> {
        let refuse = |why: &str| {
            Err(Invalid::new(
                "repository source",
                format!("`{}` {why}", crate::input::shown(&text)),
                "give an absolute path, or a URL that starts with https://, ssh:// or file://",
            ))
        };
        match text.as_str() {
            t if t.chars().any(char::is_control) || t.len() > 1000 => {
                refuse("has control characters or is too long")
            }
            t if t.starts_with('/') => Ok(Self::Path(text)),
            t if ["https://", "ssh://", "file:///"]
                .iter()
                .any(|scheme| t.starts_with(scheme) && !t[scheme.len()..].starts_with('-')) =>
            {
                Ok(Self::Url(text))
            }
            _ => refuse("is neither"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_could_run_a_program_are_refused() {
        for good in [
            "/srv/site",
            "https://example.org/a.git",
            "ssh://git@example.org/a",
        ] {
            assert!(Source::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "ext::sh -c id",
            "-u/x",
            "relative/path",
            "ssh://-oProxyCommand=id/x",
            "EXT::x",
            "",
        ] {
            assert!(Source::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
