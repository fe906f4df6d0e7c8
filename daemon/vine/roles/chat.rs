//! The chat platforms of a daemon. Each can be restarted while the daemon runs, when its settings
//! change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::Result;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vine_app::App;

use crate::config::{BUILT_IN, Config};

/// How long an adapter may take to finish what is under way.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The routes of platforms that send requests. The router behind them can be replaced.
#[derive(Clone, Default)]
#[cfg_attr(
    not(feature = "slack"),
    expect(dead_code, reason = "only Slack sends requests")
)]
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
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .clone()
            })
        }
        #[cfg(not(feature = "slack"))]
        vine_http::Router::new()
    }

    #[cfg(feature = "slack")]
    fn set(&self, routes: vine_http::Router) {
        *self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = routes;
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
        config.chat.check_built_in(BUILT_IN)?;
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
            let mut start = AdapterStart {
                app: &self.app,
                config,
                state: &self.state,
                door: &self.door,
                stop: &stop,
                loops: &mut loops,
            };
            Self::start(platform, &mut start)?;
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

    fn start(platform: &'static str, start: &mut AdapterStart<'_>) -> Result<()> {
        match platform {
            #[cfg(feature = "matrix")]
            vine_matrix::PLATFORM => matrix(start),
            #[cfg(feature = "slack")]
            vine_slack::PLATFORM => slack(start),
            #[cfg(feature = "discord")]
            vine_discord::PLATFORM => discord(start),
            _ => start.config.chat.check_built_in(BUILT_IN),
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

/// What an adapter is started with.
#[cfg_attr(
    not(all(feature = "matrix", feature = "slack", feature = "discord")),
    expect(dead_code, reason = "each platform needs some of it")
)]
struct AdapterStart<'a> {
    app: &'a App,
    config: &'a Config,
    /// The daemon's folder.
    state: &'a Path,
    /// Where a platform's routes go.
    door: &'a ChatListener,
    stop: &'a CancellationToken,
    loops: &'a mut JoinSet<()>,
}

/// Serves a platform until `stop`.
#[cfg(any(feature = "matrix", feature = "slack", feature = "discord"))]
impl AdapterStart<'_> {
    fn events(&self, platform: &'static str) -> Arc<vine_app::adapters::AdapterEvents> {
        vine_app::adapters::AdapterEvents::new(self.app.clone(), platform)
    }

    fn serve<L: Future<Output = ()> + Send + 'static>(
        &mut self,
        chat: Arc<dyn vine_domain::ports::Chat>,
        listen: impl Fn() -> L + Send + Sync + 'static,
    ) {
        let serve = vine_app::adapters::run(self.app.clone(), self.stop.clone(), chat, listen);
        self.loops.spawn(serve);
    }
}

/// Starts Matrix.
#[cfg(feature = "matrix")]
fn matrix(start: &mut AdapterStart<'_>) -> Result<()> {
    use vine_matrix::{Matrix, MatrixSettings, PLATFORM};
    let matrix = &start.config.chat.matrix;
    let Some(homeserver) = matrix.homeserver_url.clone() else {
        return Ok(());
    };
    let recovery_key = matrix.recovery_key_file.clone();
    let chat = Matrix::new(MatrixSettings {
        homeserver,
        user: matrix.user.clone(),
        password: matrix.secret()?,
        alias_prefix: matrix.alias_prefix.clone(),
        state: start.state.join(PLATFORM),
        recovery_key: recovery_key.unwrap_or_else(|| start.state.join("matrix-recovery.key")),
    });
    let events = start.events(PLATFORM);
    let listens = chat.clone();
    start.serve(chat, move || {
        let clock = Arc::new(vine_domain::clock::System);
        listens.clone().run(events.clone(), clock)
    });
    Ok(())
}

/// Starts Slack, with the routes that it sends requests to.
#[cfg(feature = "slack")]
fn slack(start: &mut AdapterStart<'_>) -> Result<()> {
    use vine_slack::{PLATFORM, Slack, SlackSettings, Transport};
    let slack = &start.config.chat.slack;
    let by_requests = slack.by_requests();
    let way = match by_requests {
        true => Transport::Http {
            signing_secret: slack.signing_secret()?,
        },
        false => Transport::Socket {
            app_token: slack.app_token()?,
        },
    };
    let chat = Slack::new(SlackSettings {
        api_url: slack.api_url.clone(),
        bot_token: slack.bot_token()?,
        way,
        channel_prefix: slack.channel_prefix.clone(),
        team: slack.team_id.clone(),
    });
    let events = start.events(PLATFORM);
    start
        .door
        .set(vine_slack::routes(chat.clone(), events.clone()));
    let listens = chat.clone();
    if by_requests {
        // Requests may reach any daemon.
        let listens = start
            .stop
            .clone()
            .run_until_cancelled_owned(listens.run(events));
        start
            .loops
            .spawn(async move { listens.await.unwrap_or_default() });
        start.serve(chat, std::future::pending);
    } else {
        start.serve(chat, move || listens.clone().run(events.clone()));
    }
    Ok(())
}

/// The manifest of the app for this configuration.
#[cfg(feature = "slack")]
pub fn manifest(config: &Config) -> Result<serde_json::Value> {
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
    let enterprise = config.chat.slack.team_id.is_some();
    Ok(vine_slack::manifest(door.as_deref(), enterprise))
}

/// The same where Slack is missing.
#[cfg(not(feature = "slack"))]
pub fn manifest(_config: &Config) -> Result<serde_json::Value> {
    anyhow::bail!(
        "this `vine` was built without slack; build it with `cargo install --path . --features chat`"
    )
}

/// Starts Discord.
#[cfg(feature = "discord")]
fn discord(start: &mut AdapterStart<'_>) -> Result<()> {
    use vine_discord::{Discord, DiscordSettings, PLATFORM};
    let discord = &start.config.chat.discord;
    let chat = Discord::new(DiscordSettings {
        api_url: discord.api_url.clone(),
        token: discord.secret()?,
        guild: discord.server()?,
        channel_prefix: discord.channel_prefix.clone(),
        message_content: discord.message_content,
    });
    let events = start.events(PLATFORM);
    let listens = chat.clone();
    start.serve(chat, move || listens.clone().run(events.clone()));
    Ok(())
}
