//! The chat platforms of a daemon.

use std::{future::Future, sync::Arc};

use anyhow::Result;
use tokio::task::JoinSet;
use vine_app::{App, platforms};
use vine_domain::ports::Chat;

use crate::config::Config;

/// Starts Matrix, if a homeserver is named.
#[cfg(feature = "matrix")]
pub fn matrix(app: &App, config: &Config, state: &std::path::Path, loops: &mut JoinSet<()>) -> Result<()> {
    use vine_matrix::{Matrix, PLATFORM, Settings};
    let matrix = &config.chat.matrix;
    let Some(homeserver) = matrix.homeserver_url.clone() else { return Ok(()) };
    let settings = Settings {
        homeserver,
        user: matrix.user.clone(),
        password: matrix.secret()?,
        alias_prefix: matrix.alias_prefix.clone(),
        state: state.join(PLATFORM),
        recovery_key: matrix.recovery_key_file.clone().unwrap_or_else(|| state.join("matrix-recovery.key")),
    };
    let (chat, ear) = (Matrix::new(settings), platforms::Listening::new(app.clone(), PLATFORM));
    start(app, chat.clone(), chat.run(ear, Arc::new(vine_domain::clock::System)), loops);
    Ok(())
}

/// Starts Slack, if there are tokens for it.
#[cfg(feature = "slack")]
pub fn slack(app: &App, config: &Config, loops: &mut JoinSet<()>) -> Result<()> {
    use vine_slack::{PLATFORM, Settings, Slack};
    let slack = &config.chat.slack;
    if !slack.is_wanted() {
        return Ok(());
    }
    let (bot_token, app_token) = slack.tokens()?;
    let settings = Settings { api_url: slack.api_url.clone(), bot_token, app_token, channel_prefix: slack.channel_prefix.clone() };
    let (chat, ear) = (Slack::new(settings), platforms::Listening::new(app.clone(), PLATFORM));
    start(app, chat.clone(), chat.run(ear), loops);
    Ok(())
}

/// Posts and listens until the daemon stops.
fn start(app: &App, chat: Arc<dyn Chat>, listens: impl Future<Output = ()> + Send + 'static, loops: &mut JoinSet<()>) {
    let stop = app.stop.clone();
    loops.spawn(platforms::run(app.clone(), chat));
    loops.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = listens => {}
        }
    });
}
