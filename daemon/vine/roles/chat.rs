//! The chat platforms of a daemon.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use tokio::task::JoinSet;
use vine_app::{App, platforms};
use vine_domain::clock::System;
use vine_matrix::{Matrix, PLATFORM, Settings};

use crate::config::Config;

/// Starts Matrix, if a homeserver is named.
pub fn matrix(app: &App, config: &Config, state: &Path, loops: &mut JoinSet<()>) -> Result<()> {
    let matrix = &config.chat.matrix;
    let Some(homeserver) = matrix.homeserver_url.clone() else { return Ok(()) };
    let settings = Settings {
        homeserver,
        user: matrix.user.clone(),
        password: matrix.secret()?,
        alias_prefix: matrix.alias_prefix.clone(),
        state: state.join(PLATFORM),
        recovery_key: matrix.recovery_key_file.clone().unwrap_or_else(|| state.join(PLATFORM).join("recovery.key")),
    };
    let (chat, ear, stop) = (Matrix::new(settings), platforms::Listening::new(app.clone(), PLATFORM), app.stop.clone());
    loops.spawn(platforms::run(app.clone(), chat.clone()));
    loops.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = chat.run(ear, Arc::new(System)) => {}
        }
    });
    Ok(())
}
