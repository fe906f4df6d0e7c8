//! The chat platforms of a daemon.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;
use vine_app::{App, platforms};

use crate::config::Config;

/// Starts Matrix, if a homeserver is named.
#[cfg(feature = "matrix")]
pub fn matrix(
    app: &App,
    config: &Config,
    state: &std::path::Path,
    loops: &mut JoinSet<()>,
) -> Result<()> {
    use vine_matrix::{Matrix, PLATFORM, Settings};
    let matrix = &config.chat.matrix;
    let Some(homeserver) = matrix.homeserver_url.clone() else {
        return Ok(());
    };
    let settings = Settings {
        homeserver,
        user: matrix.user.clone(),
        password: matrix.secret()?,
        alias_prefix: matrix.alias_prefix.clone(),
        state: state.join(PLATFORM),
        recovery_key: matrix
            .recovery_key_file
            .clone()
            .unwrap_or_else(|| state.join("matrix-recovery.key")),
    };
    let (chat, ear) = (
        Matrix::new(settings),
        platforms::Listening::new(app.clone(), PLATFORM),
    );
    let listens = chat.clone();
    let listen = move || {
        listens
            .clone()
            .run(ear.clone(), Arc::new(vine_domain::clock::System))
    };
    loops.spawn(platforms::run(app.clone(), chat, listen));
    Ok(())
}

/// Starts Slack, if there are tokens for it, and gives what is served for it.
#[cfg(feature = "slack")]
pub fn slack(app: &App, config: &Config, loops: &mut JoinSet<()>) -> Result<vine_http::Router> {
    use vine_slack::{PLATFORM, Settings, Slack, Way};
    let slack = &config.chat.slack;
    if !slack.is_wanted() {
        return Ok(vine_http::Router::new());
    }
    let way = match slack.by_requests() {
        true => Way::Http {
            signing_secret: slack.signing_secret()?,
        },
        false => Way::Socket {
            app_token: slack.app_token()?,
        },
    };
    let (api_url, channel_prefix, team) = (
        slack.api_url.clone(),
        slack.channel_prefix.clone(),
        slack.team_id.clone(),
    );
    let settings = Settings {
        api_url,
        bot_token: slack.bot_token()?,
        way,
        channel_prefix,
        team,
    };
    let (chat, ear) = (
        Slack::new(settings),
        platforms::Listening::new(app.clone(), PLATFORM),
    );
    let routes = vine_slack::routes(chat.clone(), ear.clone());
    if slack.by_requests() {
        // Requests come to any daemon.
        let (stop, listens) = (app.stop.clone(), chat.clone().run(ear));
        loops.spawn(async move { stop.run_until_cancelled(listens).await.unwrap_or_default() });
        loops.spawn(platforms::run(app.clone(), chat, std::future::pending));
    } else {
        loops.spawn(platforms::run(app.clone(), chat.clone(), move || {
            chat.clone().run(ear.clone())
        }));
    }
    Ok(routes)
}

/// The manifest of the app for this configuration.
#[cfg(feature = "slack")]
pub fn manifest(config: &Config) -> serde_json::Value {
    let public = config
        .daemon
        .public_url
        .as_deref()
        .unwrap_or_default()
        .trim_end_matches('/');
    let door = config
        .chat
        .slack
        .by_requests()
        .then(|| format!("{public}{}", vine_slack::PATH));
    vine_slack::manifest(door.as_deref(), config.chat.slack.team_id.is_some())
}

/// Starts Discord, if there is a token for it.
#[cfg(feature = "discord")]
pub fn discord(app: &App, config: &Config, loops: &mut JoinSet<()>) -> Result<()> {
    use vine_discord::{Discord, PLATFORM, Settings};
    let discord = &config.chat.discord;
    if !discord.is_wanted() {
        return Ok(());
    }
    let (api_url, channel_prefix, message_content) = (
        discord.api_url.clone(),
        discord.channel_prefix.clone(),
        discord.message_content,
    );
    let settings = Settings {
        api_url,
        token: discord.secret()?,
        guild: discord.server()?,
        channel_prefix,
        message_content,
    };
    let (chat, ear) = (
        Discord::new(settings),
        platforms::Listening::new(app.clone(), PLATFORM),
    );
    loops.spawn(platforms::run(app.clone(), chat.clone(), move || {
        chat.clone().run(ear.clone())
    }));
    Ok(())
}
