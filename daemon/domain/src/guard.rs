//! What a repository's agents may do without asking, what they may reach, and which wall contains
//! them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    invalid::{Invalid, shown},
    words::words,
};

/// What separates an agent from the machine that it runs on, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Wall {
    /// Nothing: the agent is an ordinary process of the worker's user.
    Plain,
    /// Its own user: other users' files and processes are out of reach, the network is not.
    User,
    /// A container.
    Container,
    /// Namespaces, created by bubblewrap.
    Bubblewrap,
}

words!(
    Wall,
    "wall",
    Plain = "plain",
    User = "user",
    Container = "container",
    Bubblewrap = "bubblewrap"
);

impl Wall {
    /// Whether the agent reaches the network only through its worker.
    pub fn holds_network(self) -> bool {
        self >= Self::Container
    }

    /// What the wall does not prevent, as text for people; empty if it prevents everything that the
    /// escape suite tries.
    pub fn not_held(self) -> &'static [&'static str] {
        match self {
            Self::Bubblewrap | Self::Container => &[],
            Self::User => &[
                "it reads what every user of this machine may read",
                "it reaches the network, and what listens on this machine",
                "it sees which processes run here",
            ],
            Self::Plain => &[
                "it reads your files and the worker's, with its token and the model's key",
                "it reads the memory and the environment of the worker",
                "it reaches other tasks' folders and sockets",
                "it reaches the network, and what listens on this machine",
                "it can use all memory, disk space and processes of this machine",
                "it sees which processes run here, and can end them",
            ],
        }
    }
}

/// What an agent may do without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Reading.
    Read,
    /// Reading, and writing in its folder.
    Edit,
    /// Also any command inside its sandbox.
    Test,
    /// Everything inside the sandbox, including the hosts that the egress rule allows.
    Open,
    /// Whatever the vendor's classifier allows.
    Auto,
}

words!(
    Preset,
    "preset",
    Read = "read",
    Edit = "edit",
    Test = "test",
    Open = "open",
    Auto = "auto"
);

/// Which hosts an agent may reach. The model is always reachable through the worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Egress {
    /// None.
    Off,
    /// The usual registries, and the hosts on the repository's list.
    #[default]
    List,
    /// All public ones.
    Open,
}

words!(
    Egress,
    "egress rule",
    Off = "off",
    List = "list",
    Open = "open"
);

/// A host name, or `*.example.org` for all its subdomains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(into = "String", try_from = "String")]
#[cfg_attr(feature = "schema", schema(value_type = String))]
pub struct Host(String);

impl Host {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this rule matches a host. A star stands for at least one label.
    pub fn covers(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match self.0.strip_prefix("*.") {
            Some(below) => name
                .strip_suffix(below)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| !rest.is_empty()),
            None => name == self.0,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = Invalid;

    /// Letters, digits and `-` in at least two labels. Names in other scripts are written in
    /// punycode (RFC 5891), as in DNS queries.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<&str> = name
            .strip_prefix("*.")
            .unwrap_or(&name)
            .split('.')
            .collect();
        let is_label = |label: &&str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(fine)
                && !label.starts_with('-')
        };
        let is_number = labels
            .last()
            .is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
        if labels.len() < 2 || name.len() > 253 || is_number || !labels.iter().all(is_label) {
            return Err(Invalid::new(
                "host name",
                format!("`{}`", shown(text)),
                "use a name like example.org or *.example.org, without IP addresses, ports and paths; write other scripts in punycode (xn--…)",
            ));
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for Host {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.0
    }
}

/// The rules for the agents of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Guard {
    /// What they may do without asking; `None` for the default of the worker's wall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Which hosts they may reach.
    pub egress: Egress,
    /// Hosts in addition to the usual registries, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// The minimum wall; a worker with a weaker one takes no tasks of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<Wall>,
}

/// The package registries that are allowed by default (from their documentation, 2026-11-29).
pub const REGISTRIES: &[&str] = &[
    "index.crates.io",
    "static.crates.io",
    "crates.io",
    "static.rust-lang.org",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "nodejs.org",
    "pypi.org",
    "files.pythonhosted.org",
    "proxy.golang.org",
    "sum.golang.org",
    "repo.maven.apache.org",
    "repo1.maven.org",
    "plugins.gradle.org",
    "services.gradle.org",
    "rubygems.org",
    "index.rubygems.org",
    "repo.packagist.org",
    "api.nuget.org",
];

impl Guard {
    /// What agents may do behind a wall; `None` means that they ask about everything. The error
    /// explains why a worker with this wall cannot run them.
    pub fn preset_behind(&self, wall: Wall) -> Result<Option<Preset>, String> {
        match (self.preset, wall) {
            (Some(preset @ (Preset::Test | Preset::Open)), Wall::Plain) => Err(format!(
                "its preset `{preset}` allows any command, and the worker has no wall"
            )),
            (None, wall) if wall.holds_network() => Ok(Some(Preset::Test)),
            (preset, _) => Ok(preset),
        }
    }

    /// Why a worker with this wall cannot run the repository's agents.
    pub fn refuses(&self, wall: Wall) -> Option<String> {
        match self.wall {
            Some(least) if wall < least => Some(format!(
                "it requires the wall `{least}`, and the best wall on the worker is `{wall}`"
            )),
            _ => self.preset_behind(wall).err(),
        }
    }

    /// Whether an agent may reach the host of this name.
    pub fn lets_out(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match self.egress {
            Egress::Off => false,
            Egress::Open => true,
            Egress::List => {
                REGISTRIES.contains(&name.as_str())
                    || self.hosts.iter().any(|host| host.covers(&name))
            }
        }
    }

    /// Whether the repository's list covers this host.
    pub fn names(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| host.covers(name))
    }

    /// As text to append to other notes; empty if nothing is set.
    pub fn said(&self) -> String {
        let preset = self.preset.map(|preset| match preset {
            Preset::Auto => ", preset auto (Anthropic's classifier decides)".to_owned(),
            other => format!(", preset {other}"),
        });
        let egress =
            (self.egress != Egress::default()).then(|| format!(", egress {}", self.egress));
        let counts = self.egress == Egress::List && !self.hosts.is_empty();
        let hosts = counts.then(|| {
            let names: Vec<&str> = self.hosts.iter().map(Host::as_str).collect();
            format!(", reaches {}", names.join(" "))
        });
        let wall = self.wall.map(|wall| format!(", wall {wall} or better"));
        [preset, egress, hosts, wall]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The wall around a worker's agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkerIsolation {
    /// The best wall of the worker.
    pub wall: Wall,
    /// Why there is no better one, and what to do about it; empty if it was chosen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The agent can read the login of the model's account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
}

/// Shown to people if an agent can read the model's login.
pub const LOGIN: &str = "the agent can read the model login";

impl WorkerIsolation {
    /// `bubblewrap`, or `plain (…)`.
    pub fn said(&self) -> String {
        let login = self.login.then_some(LOGIN);
        let why = Some(self.why.as_str()).filter(|why| !why.is_empty());
        let notes: Vec<&str> = login.into_iter().chain(why).collect();
        match notes.is_empty() {
            true => self.wall.to_string(),
            false => format!("{} ({})", self.wall, notes.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_a_host_covers_that_host_and_a_star_those_below() {
        let host = |text: &str| text.parse::<Host>().expect("a host");
        assert!(host("Example.org").covers("example.ORG."));
        assert!(!host("example.org").covers("a.example.org"));
        assert!(!host("example.org").covers("badexample.org"));
        assert!(host("*.example.org").covers("a.b.example.org"));
        for other in ["example.org", "badexample.org", ".example.org"] {
            assert!(!host("*.example.org").covers(other), "{other}");
        }
    }

    #[test]
    fn an_address_a_path_and_another_script_are_no_hosts() {
        for bad in [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "a",
            "*.",
            "*",
            "a.b/c",
            "a.b:80",
            "пример.рф",
            "-a.b",
            "",
            "http://a.b",
            "a..b",
            "*.*.org",
            "2130706433",
            "0x7f.1",
        ] {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
        assert!("xn--e1afmkfd.xn--p1ai".parse::<Host>().is_ok());
    }

    #[test]
    fn no_command_runs_unasked_where_no_wall_stands() {
        let guard = |preset| Guard {
            preset,
            ..Guard::default()
        };
        assert_eq!(guard(None).preset_behind(Wall::Plain), Ok(None));
        assert_eq!(guard(None).preset_behind(Wall::User), Ok(None));
        assert_eq!(
            guard(None).preset_behind(Wall::Bubblewrap),
            Ok(Some(Preset::Test))
        );
        for preset in [Preset::Test, Preset::Open] {
            assert!(guard(Some(preset)).refuses(Wall::Plain).is_some());
            assert_eq!(guard(Some(preset)).refuses(Wall::User), None);
        }
        let demanding = Guard {
            wall: Some(Wall::Container),
            ..Guard::default()
        };
        assert!(demanding.refuses(Wall::User).is_some());
        assert_eq!(demanding.refuses(Wall::Bubblewrap), None);
    }

    #[test]
    fn a_list_lets_out_to_registries_and_named_hosts_alone() {
        let list = Guard {
            hosts: vec!["*.corp.example".parse().expect("a host")],
            ..Guard::default()
        };
        assert!(list.lets_out("registry.npmjs.org") && list.lets_out("npm.corp.example"));
        assert!(!list.lets_out("example.org") && !list.lets_out("registry.npmjs.org.evil.example"));
        let off = Guard {
            egress: Egress::Off,
            ..list
        };
        assert!(!off.lets_out("registry.npmjs.org") && !off.lets_out("npm.corp.example"));
    }
}
