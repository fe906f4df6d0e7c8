//! Forges and their projects.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// The kinds of forges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// github.com, and GitHub Enterprise Server.
    Github,
    /// gitlab.com, and GitLab on one's own machines.
    Gitlab,
    /// Forgejo and Gitea, such as Codeberg.
    Forgejo,
}

words!(
    ForgeKind,
    "forge",
    Github = "github",
    Gitlab = "gitlab",
    Forgejo = "forgejo",
);

impl ForgeKind {
    /// What it calls a request to merge.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Github | Self::Forgejo => "pull request",
            Self::Gitlab => "merge request",
        }
    }

    /// How it writes the number of one: `#12` or `!12`.
    pub fn numbered(self, number: u64) -> String {
        match self {
            Self::Github | Self::Forgejo => format!("#{number}"),
            Self::Gitlab => format!("!{number}"),
        }
    }
}

/// A project on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForgeProject {
    /// The forge, by the host in the addresses of its repositories: `github.com`.
    pub host: String,
    /// The path there, without `.git`: `org/site`.
    pub path: String,
}

impl std::fmt::Display for ForgeProject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl ForgeProject {
    /// The project at the address of a remote, as git takes it; `None` for a folder.
    pub fn of_address(address: &str) -> Option<Self> {
        let (host, path) = match address.split_once("://") {
            Some(("https" | "ssh", rest)) => rest.split_once('/')?,
            Some(_) => return None,
            None => address.split_once(':')?,
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_whole = !host.is_empty() && path.split('/').all(is_name) && path.contains('/');
        is_whole.then(|| Self {
            host: host.to_lowercase(),
            path: path.to_owned(),
        })
    }
}

/// Whether it can be one part of a project's path. It becomes part of addresses that we call.
fn is_name(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_host_and_a_project() {
        let named = |address: &str| ForgeProject::of_address(address).map(|one| one.to_string());
        for (address, expected) in [
            ("git@github.com:org/site.git", "github.com/org/site"),
            ("https://GitLab.com/a/b/c.git", "gitlab.com/a/b/c"),
            (
                "ssh://git@127.0.0.1:2222/org/site.git",
                "127.0.0.1:2222/org/site",
            ),
            ("ssh://codeberg.org/org/site/", "codeberg.org/org/site"),
            ("https://ann@host/a/b", "host/a/b"),
        ] {
            assert_eq!(named(address).as_deref(), Some(expected), "{address}");
        }
        for none in [
            "/srv/site",
            "file:///srv/org/site.git",
            "https://host/site",
            "https://host/a/../b",
            "https://host/a/b?x=1",
            "git@host:a/%2e%2e/b",
            "https:///a/b",
        ] {
            assert_eq!(named(none), None, "{none}");
        }
    }
}
