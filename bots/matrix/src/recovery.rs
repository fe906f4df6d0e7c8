//! The recovery key: if all our keys are lost, a new device needs it to be signed by our account
//! and to read old messages.

use std::{io, path::Path};

use matrix_sdk::{
    Client,
    encryption::recovery::{RecoveryError, RecoveryState},
};

use crate::{private, settings::MatrixSettings};

/// Why encrypted rooms are not protected against a loss of our keys.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryProblem {
    /// The account already has keys, and this new device does not have them.
    #[error(
        "the account has encryption keys that this device does not have; put its recovery key into \
         {0} and restart the daemon"
    )]
    Unknown(String),
    /// The key was refused or could not be created.
    #[error("could not use or create the recovery key in {0}: {1}")]
    Refused(String, #[source] RecoveryError),
    /// The key's file could not be written.
    #[error("could not write the recovery key to {0}: {1}")]
    File(String, #[source] io::Error),
}

/// Creates and stores a recovery key, or uses the stored one if this is a new device of an account
/// that has one.
///
/// The file can then be moved to a safer place, since only new devices read it.
pub async fn keep(client: &Client, settings: &MatrixSettings) -> Result<(), RecoveryProblem> {
    let recovery = client.encryption().recovery();
    let file = &settings.recovery_key;
    let shown = || file.display().to_string();
    let refused = |error| RecoveryProblem::Refused(shown(), error);
    let unfinished = settings.state.join("recovery.unfinished");
    match (recovery.state(), std::fs::read_to_string(file).ok()) {
        (RecoveryState::Incomplete, Some(key)) => {
            recovery.recover(key.trim()).await.map_err(refused)
        }
        (RecoveryState::Incomplete, None) => Err(RecoveryProblem::Unknown(shown())),
        (RecoveryState::Disabled, None) => {
            private::write(&unfinished, b"")
                .map_err(|error| RecoveryProblem::File(shown(), error))?;
            let key = recovery.enable().await.map_err(refused)?;
            keep_key(file, &key, &unfinished)
        }
        // A crash between creating and storing the key.
        (RecoveryState::Enabled, None) if unfinished.exists() => {
            let key = recovery.reset_key().await.map_err(refused)?;
            keep_key(file, &key, &unfinished)
        }
        _ => Ok(()),
    }
}

fn keep_key(file: &Path, key: &str, unfinished: &Path) -> Result<(), RecoveryProblem> {
    let kept = private::write(file, key.as_bytes()).and_then(|()| std::fs::remove_file(unfinished));
    kept.map_err(|error| RecoveryProblem::File(file.display().to_string(), error))?;
    tracing::info!(
        "the account's recovery key is in {}; keep a copy elsewhere",
        file.display()
    );
    Ok(())
}
