//! How a shell on this machine finds the daemon: a file in the daemon's state folder that only its
//! user can read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vine_api::Client;
use vine_domain::token::Token;

use crate::{
    agent_processes::is_inside_attempt,
    paths::{private_file, state_root},
};

/// A daemon's address, and a token of the person who started it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://127.0.0.1:7878`
    pub url: String,
    /// A user token.
    pub token: Token,
}

/// Refuses what only people may do, if this runs inside a task.
pub fn refuse_agents() -> Result<()> {
    match is_inside_attempt() {
        true => {
            bail!("this runs inside a task, and only people may do this; ask them with `vine ask`")
        }
        false => Ok(()),
    }
}

impl Endpoint {
    fn file(state: &Path) -> PathBuf {
        state.join("endpoint.json")
    }

    /// Writes it for shells.
    pub fn keep(&self, state: &Path) -> Result<()> {
        private_file(&Self::file(state), &serde_json::to_vec(self)?)
    }

    /// The port of its address.
    pub fn port(&self) -> Option<u16> {
        self.url.rsplit_once(':')?.1.parse().ok()
    }

    /// The one in a state folder.
    pub fn load(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(state)).ok()?).ok()
    }

    /// The daemon for this shell: from the environment, the state folder, the repository, or the
    /// only one that runs.
    pub fn find() -> Result<Self> {
        refuse_agents()?;
        if let (Ok(url), Some(token)) = (std::env::var("VINE_DAEMON"), token_of_environment()?) {
            return Ok(Self { url, token });
        }
        if let Some(state) = state_of_environment() {
            return Self::load(&state).with_context(|| {
                format!(
                    "no daemon was started with the state folder {}",
                    state.display()
                )
            });
        }
        let root = state_root()?;
        let here = std::env::current_dir()
            .ok()
            .and_then(|folder| crate::paths::state_for(&folder).ok());
        if let Some(endpoint) = here.and_then(|state| Self::load(&state)) {
            return Ok(endpoint);
        }
        let folders = fs::read_dir(&root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut known: Vec<Self> = folders
            .filter_map(|folder| Self::load(&folder))
            .filter(Self::answers)
            .collect();
        match known.len() {
            1 => Ok(known.remove(0)),
            0 => bail!(NoDaemon(
                "no daemon of this user is running here; start one with `vine up`, or set \
                 VINE_DAEMON and VINE_TOKEN"
                    .into()
            )),
            _ => bail!(
                "you have several daemons running here; change to the repository of the one you \
             mean, or set VINE_STATE"
            ),
        }
    }

    /// Whether a process listens there.
    fn answers(&self) -> bool {
        let address = self.url.trim_start_matches("http://").parse();
        address.is_ok_and(|address| {
            std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300))
                .is_ok()
        })
    }

    /// A client for it.
    pub fn client(&self) -> Client {
        Client::new(&self.url, Some(self.token.clone()))
    }
}

/// No daemon was found.
#[derive(Debug)]
pub struct NoDaemon(pub String);

impl std::fmt::Display for NoDaemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoDaemon {}

/// The state folder in `VINE_STATE`; an empty value counts as not set (XDG Base Directory
/// Specification, "Environment variables").
pub fn state_of_environment() -> Option<PathBuf> {
    std::env::var_os("VINE_STATE")
        .filter(|state| !state.is_empty())
        .map(PathBuf::from)
}

fn token_of_environment() -> Result<Option<Token>> {
    if let Ok(token) = std::env::var("VINE_TOKEN") {
        return Ok(Some(Token::presented(token)));
    }
    let Some(file) = std::env::var_os("VINE_TOKEN_FILE") else {
        return Ok(None);
    };
    let text = fs::read_to_string(&file).with_context(|| {
        format!(
            "could not read VINE_TOKEN_FILE {}",
            Path::new(&file).display()
        )
    })?;
    Ok(Some(Token::presented(text.trim())))
}
