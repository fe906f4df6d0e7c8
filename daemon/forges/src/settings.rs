//! How to reach a forge.

use std::{fmt, time::Duration};

use vine_domain::forge::ForgeKind;

/// Who we are on a forge.
#[derive(Clone, PartialEq, Eq)]
pub enum ForgeAuth {
    /// The account that this token belongs to.
    Token(String),
    /// A GitHub App, which makes tokens of one hour for one repository.
    App(AppKey),
}

/// What a GitHub App is known by.
#[derive(Clone, PartialEq, Eq)]
pub struct AppKey {
    /// Its id, or its client id.
    pub app: String,
    /// Its private key, in PEM.
    pub pem: String,
}

/// How to reach a forge.
#[derive(Clone, PartialEq, Eq)]
pub struct ForgeSettings {
    /// Its kind.
    pub kind: ForgeKind,
    /// The address of its API, without a trailing slash: `https://api.github.com`.
    pub api_url: String,
    /// Who we are there.
    pub auth: ForgeAuth,
    /// How long to wait between two looks at a request where nothing happens.
    pub pace: Duration,
}

impl fmt::Debug for ForgeSettings {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind, self.api_url)
    }
}

/// Settings with which no call can be made.
#[derive(Debug)]
pub struct BadSettings(pub String);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSettings {}
