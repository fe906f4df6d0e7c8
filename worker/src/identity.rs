//! The worker's identity, kept across restarts in a file that only its user can read.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vine_api::{Client, CreatedToken, Enrol, Enrolled};
use vine_domain::{WorkerId, token::Token};

/// A worker's identity and secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerIdentity {
    /// Assigned at enrolment.
    pub id: WorkerId,
    /// Its secret.
    pub token: Token,
}

impl WorkerIdentity {
    /// The file that holds it.
    pub fn file(state: &Path) -> PathBuf {
        state.join("worker.json")
    }

    /// The stored identity, if there is one.
    pub fn load(state: &Path) -> Result<Option<Self>> {
        let file = Self::file(state);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                format!("cannot read {}; enrol this worker again", file.display())
            })?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Replaces the stored identity atomically.
    fn keep(&self, state: &Path) -> Result<()> {
        fs::create_dir_all(state)
            .with_context(|| format!("cannot create the folder {}", state.display()))?;
        let file = Self::file(state);
        let draft = state.join("worker.json.new");
        let unwritten = || format!("cannot write {}", file.display());
        let _left_by_a_crash = fs::remove_file(&draft);
        let mut open = fs::OpenOptions::new();
        let mut handle = open
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&draft)
            .with_context(unwritten)?;
        handle.write_all(&serde_json::to_vec(self)?)?;
        handle.sync_all()?;
        fs::rename(&draft, &file).with_context(unwritten)?;
        // The previous secret expires soon, so this one must survive a power failure.
        let folder = fs::File::open(state).with_context(unwritten)?;
        folder.sync_all().with_context(unwritten)
    }
}

/// How often a worker renews its secret.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Pause after a failed renewal.
const AGAIN: Duration = Duration::from_secs(60);

/// Renews the worker's secret at start and daily. The previous one remains valid until the daemon
/// has seen the new one.
pub async fn renew(identity: &WorkerIdentity, client: &Client, state: &Path) {
    loop {
        let pause = match renewed(identity.id, client, state).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::debug!("could not renew the secret yet: {error:#}");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn renewed(id: WorkerId, client: &Client, state: &Path) -> Result<()> {
    let made: CreatedToken = client.post(&format!("/workers/{id}/token"), &()).await?;
    let identity = WorkerIdentity {
        id,
        token: made.token,
    };
    identity.keep(state)?;
    client.renew(identity.token);
    Ok(())
}

/// The stored identity, or a new one in exchange for an enrolment code.
pub async fn enrol(
    daemon: &str,
    state: &Path,
    name: &str,
    slots: u32,
    code: Option<Token>,
) -> Result<WorkerIdentity> {
    if let Some(known) = WorkerIdentity::load(state)? {
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
    let client = Client::new(daemon, None);
    client.check_wire().await?;
    let Enrolled { id, token } = client
        .post("/workers", &enrol)
        .await
        .context("the daemon did not enrol this worker")?;
    let identity = WorkerIdentity { id, token };
    identity.keep(state)?;
    Ok(identity)
}
