//! Who this worker is, kept across restarts in a file that only its user can read.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vine_api::{Client, Enrol, Enrolled};
use vine_domain::{WorkerId, token::Token};

/// A worker's identity and secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Given at enrolment.
    pub id: WorkerId,
    /// Its secret.
    pub token: Token,
}

impl Identity {
    /// Where it is kept.
    pub fn file(state: &Path) -> PathBuf {
        state.join("worker.json")
    }

    /// The identity that was kept, if there is one.
    pub fn load(state: &Path) -> Result<Option<Self>> {
        let file = Self::file(state);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                format!("{} cannot be read; enrol this worker again", file.display())
            })?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        }
    }

    fn keep(&self, state: &Path) -> Result<()> {
        fs::create_dir_all(state)
            .with_context(|| format!("the folder {} cannot be made", state.display()))?;
        let file = Self::file(state);
        let mut open = fs::OpenOptions::new();
        let mut handle = open
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        handle.write_all(&serde_json::to_vec(self)?)?;
        Ok(handle.sync_all()?)
    }
}

/// The kept identity, or a new one for a one-time code.
pub async fn enrol(
    daemon: &str,
    state: &Path,
    name: &str,
    slots: u32,
    code: Option<Token>,
) -> Result<Identity> {
    if let Some(known) = Identity::load(state)? {
        return Ok(known);
    }
    let Some(code) = code else {
        bail!(
            "this worker is not enrolled yet; run `vine token enrolment` where the daemon runs, \
             then start the worker with `--enrol CODE`"
        );
    };
    let version = concat!("vine ", env!("CARGO_PKG_VERSION")).to_owned();
    let enrol = Enrol {
        code,
        name: name.to_owned(),
        slots,
        version,
    };
    let Enrolled { id, token } = Client::new(daemon, None)
        .post("/workers", &enrol)
        .await
        .context("the daemon did not enrol this worker")?;
    let identity = Identity { id, token };
    identity.keep(state)?;
    Ok(identity)
}
