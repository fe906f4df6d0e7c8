//! The chat platforms of a daemon. Each can be restarted while the daemon runs, when its settings
//! change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Result;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vine_app::{
    App,
    adapters::{self, AdapterEvents},
};

use crate::config::Config;

/// How long an adapter may take to finish what is under way.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The routes of platforms that send requests. The router behind them can be replaced.
#[derive(Clone, Default)]
pub struct ChatListener(Arc<RwLock<vine_http::Router>>);

impl ChatListener {
    /// The routes for the server.
    pub fn routes(&self) -> vine_http::Router {
        #[cfg(feature = "slack")]
        {
            let door = self.clone();
            vine_http::forward(vine_slack::PATH, move || {
                door.0
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            })
        }
        #[cfg(not(feature = "slack"))]
        vine_http::Router::new()
    }

    #[cfg(feature = "slack")]
    fn set(&self, routes: vine_http::Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }
}

/// A running adapter.
struct RunningAdapter {
    platform: &'static str,
    /// All its settings as text, including secrets.
    set: String,
    stop: CancellationToken,
    loops: JoinSet<()>,
}

impl RunningAdapter {
    async fn end(mut self) {
        self.stop.cancel();
        let all = async { while self.loops.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!("{} did not stop in time", self.platform);
        }
    }
}

/// The running adapters of one daemon.
pub struct RunningAdapters {
    app: App,
    state: PathBuf,
    door: ChatListener,
    running: Vec<RunningAdapter>,
}

impl RunningAdapters {
    /// Starts with no adapter.
    pub fn new(app: App, state: &Path, door: ChatListener) -> Self {
        Self {
            app,
            state: state.to_owned(),
            door,
            running: Vec::new(),
        }
    }

    /// Starts the enabled adapters that do not run with these settings, and stops those whose
    /// settings have changed or are gone. Nothing changes if a secret cannot be read.
    pub async fn adjust(&mut self, config: &Config) -> Result<Vec<&'static str>> {
        config.chat.check_built_in()?;
        let wanted = config.chat.wanted()?;
        let is_wanted = |one: &RunningAdapter| wanted.contains(&(one.platform, one.set.clone()));
        let (stay, go): (Vec<_>, Vec<_>) = self.running.drain(..).partition(is_wanted);
        self.running = stay;
        let mut changed = Vec::new();
        for adapter in go {
            let platform = adapter.platform;
            #[cfg(feature = "slack")]
            if platform == vine_slack::PLATFORM {
                self.door.set(vine_http::Router::new());
            }
            adapter.end().await;
            self.app.rooms.platforms.forget(platform);
            changed.push(platform);
        }
        for (platform, set) in wanted {
            if self.running.iter().any(|one| one.platform == platform) {
                continue;
            }
            let stop = self.app.stop().child_token();
            let mut loops = JoinSet::new();
            self.start(platform, &stop, config, &mut loops)?;
            let adapter = RunningAdapter {
                platform,
                set,
                stop,
                loops,
            };
            self.running.push(adapter);
            if !changed.contains(&platform) {
                changed.push(platform);
            }
        }
        Ok(changed)
    }

    fn start(
        &self,
        platform: &'static str,
        stop: &CancellationToken,
        config: &Config,
        loops: &mut JoinSet<()>,
    ) -> Result<()> {
        let app = &self.app;
        match platform {
            #[cfg(feature = "matrix")]
            vine_matrix::PLATFORM => matrix(app, stop, config, &self.state, loops),
            #[cfg(feature = "slack")]
            vine_slack::PLATFORM => {
                slack(app, stop, config, loops).map(|routes| self.door.set(routes))
            }
            #[cfg(feature = "discord")]
            vine_discord::PLATFORM => discord(app, stop, config, loops),
            _ => Ok(()),
        }
    }

    /// Stops all of them.
    pub async fn end(self) {
        self.running.iter().for_each(|one| one.stop.cancel());
        for adapter in self.running {
            adapter.end().await;
        }
    }
}

/// Starts Matrix.
#[cfg(feature = "matrix")]
fn matrix(
    app: &App,
    stop: &CancellationToken,
    config: &Config,
    state: &Path,
    loops: &mut JoinSet<()>,
) -> Result<()> {
    use vine_matrix::{Matrix, MatrixSettings, PLATFORM};
    let matrix = &config.chat.matrix;
    let Some(homeserver) = matrix.homeserver_url.clone() else {
        return Ok(());
    };
    let settings = MatrixSettings {
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
    let chat = Matrix::new(settings);
    let ear = AdapterEvents::new(app.clone(), PLATFORM);
    let listens = chat.clone();
    let listen = move || {
        listens
            .clone()
            .run(ear.clone(), Arc::new(vine_domain::clock::System))
    };
    loops.spawn(adapters::run(app.clone(), stop.clone(), chat, listen));
    Ok(())
}

/// Starts Slack, and returns its routes.
#[cfg(feature = "slack")]
fn slack(
    app: &App,
    stop: &CancellationToken,
    config: &Config,
    loops: &mut JoinSet<()>,
) -> Result<vine_http::Router> {
    use vine_slack::{PLATFORM, Slack, SlackSettings, Transport};
    let slack = &config.chat.slack;
    let way = match slack.by_requests() {
        true => Transport::Http {
            signing_secret: slack.signing_secret()?,
        },
        false => Transport::Socket {
            app_token: slack.app_token()?,
        },
    };
    let api_url = slack.api_url.clone();
    let channel_prefix = slack.channel_prefix.clone();
    let team = slack.team_id.clone();
    let settings = SlackSettings {
        api_url,
        bot_token: slack.bot_token()?,
        way,
        channel_prefix,
        team,
    };
    let chat = Slack::new(settings);
    let ear = AdapterEvents::new(app.clone(), PLATFORM);
    let routes = vine_slack::routes(chat.clone(), ear.clone());
    if slack.by_requests() {
        // Requests may reach any daemon.
        let listens = stop
            .clone()
            .run_until_cancelled_owned(chat.clone().run(ear));
        loops.spawn(async move { listens.await.unwrap_or_default() });
        loops.spawn(adapters::run(
            app.clone(),
            stop.clone(),
            chat,
            std::future::pending,
        ));
    } else {
        loops.spawn(adapters::run(
            app.clone(),
            stop.clone(),
            chat.clone(),
            move || chat.clone().run(ear.clone()),
        ));
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

/// Starts Discord.
#[cfg(feature = "discord")]
fn discord(
    app: &App,
    stop: &CancellationToken,
    config: &Config,
    loops: &mut JoinSet<()>,
) -> Result<()> {
    use vine_discord::{Discord, DiscordSettings, PLATFORM};
    let discord = &config.chat.discord;
    let api_url = discord.api_url.clone();
    let channel_prefix = discord.channel_prefix.clone();
    let message_content = discord.message_content;
    let settings = DiscordSettings {
        api_url,
        token: discord.secret()?,
        guild: discord.server()?,
        channel_prefix,
        message_content,
    };
    let chat = Discord::new(settings);
    let ear = AdapterEvents::new(app.clone(), PLATFORM);
    loops.spawn(adapters::run(
        app.clone(),
        stop.clone(),
        chat.clone(),
        move || chat.clone().run(ear.clone()),
    ));
    Ok(())
}
