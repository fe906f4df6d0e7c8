//! The recovery key: with it a new device is signed by our account and reads old messages, after
//! all our keys were lost.

use std::{io, path::Path};

use matrix_sdk::{
    Client,
    encryption::recovery::{RecoveryError, RecoveryState},
};

use crate::{MatrixSettings, private};

/// Why encrypted rooms are not safe from a loss of our keys.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryProblem {
    /// The account has keys already, and we are a new device that does not know them.
    #[error(
        "the account has keys from before that we do not know; put its recovery key into {0} and \
         start again"
    )]
    Unknown(String),
    /// The key is here and was refused, or could not be made.
    #[error("the recovery key in {0}: {1}")]
    Refused(String, #[source] RecoveryError),
    /// The file for the key.
    #[error("the file {0}: {1}")]
    File(String, #[source] io::Error),
}

/// Makes a recovery key and keeps it, or uses it when this is a new device of an account that had
/// one.
///
/// Once it is kept the file may be moved to a safer place: it is read by new devices alone.
pub async fn keep(client: &Client, settings: &MatrixSettings) -> Result<(), RecoveryProblem> {
    let (recovery, file) = (client.encryption().recovery(), &settings.recovery_key);
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
        // We died between making it and keeping it.
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
