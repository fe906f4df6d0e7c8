//! `vine daemon`: store, use cases, loops, HTTP.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Resource;
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use vine_app::{
    App, Inbox,
    cluster::{leadership, wakeup_bus},
    inbox, retention, sweep,
};
use vine_domain::{UserId, clock::System, token::TokenKind};
use vine_http::ForgeHooks;

use crate::{
    cli::DaemonArgs,
    config::Config,
    endpoint::Endpoint,
    logging::log_to_stderr,
    paths::state_root,
    roles::{
        chat::{ChatListener, RunningAdapters},
        forges, reload,
        reload::ConfigReload,
    },
    stop,
    store::OpenStore,
    traces,
};

/// How long the token in the endpoint file is valid; it is renewed long before.
const SHELLS: Duration = Duration::from_secs(24 * 3600);
/// How often the token is checked.
const LOOK: Duration = Duration::from_secs(5);

/// How long requests under way may take to end.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Runs until INT or TERM.
pub async fn run(config: &Config, args: DaemonArgs) -> Result<()> {
    log_to_stderr(&config.log);
    let mut config = config.clone();
    config.daemon.listen = args.listen.unwrap_or(config.daemon.listen);
    config.daemon.insecure |= args.insecure;
    let state = state_folder(&config, args.state)?;
    let stop = stop::on_signal()?;
    let hangup = signal(SignalKind::hangup())?;
    let daemon = RunningDaemon::start(&config, state, stop.clone(), None, Some(hangup)).await?;
    tracing::info!(
        "serving {}; `vine login` prints a link to the page",
        daemon.endpoint.url
    );
    stop.cancelled().await;
    daemon.end().await
}

/// Where the daemon's state lives.
pub fn state_folder(config: &Config, named: Option<PathBuf>) -> Result<PathBuf> {
    match named.or_else(|| config.daemon.state.clone()) {
        Some(folder) => Ok(folder),
        None => Ok(state_root()?.join("daemon")),
    }
}

/// A running daemon.
pub struct RunningDaemon {
    /// Its use cases, for `vine up`.
    pub app: App,
    /// Its address, with a token of the person who started it.
    pub endpoint: Endpoint,
    store: OpenStore,
    stop: CancellationToken,
    /// Cancelled when no more requests are accepted.
    closing: CancellationToken,
    drain: Duration,
    loops: JoinSet<()>,
}

impl RunningDaemon {
    /// Starts everything; `stop` ends it, then call [`RunningDaemon::end`]. A `hangup` reads the
    /// configuration again, as a change of its file does.
    pub async fn start(
        config: &Config,
        state: PathBuf,
        stop: CancellationToken,
        shuns: Option<vine_http::PeerCheck>,
        hangup: Option<Signal>,
    ) -> Result<Self> {
        if config.daemon.is_overheard() {
            bail!(
                "other machines can reach {}, and tokens, passwords and answers would be sent \
                 unencrypted; set `daemon.public_url` to the https:// address of the proxy in \
                 front, or use --insecure if that network is yours alone",
                config.daemon.listen
            );
        }
        let store = OpenStore::open(config, &state).await?;
        let listener = TcpListener::bind(config.daemon.listen)
            .await
            .with_context(|| {
                format!(
                    "cannot serve on {}; choose another address with --listen",
                    config.daemon.listen
                )
            })?;
        let address = listener.local_addr()?;
        let link = config
            .daemon
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let settings = reload::settings(config, &link, store.batches())?;
        let (app, dispatcher) = App::new(
            store.store(),
            store.clock(),
            Arc::new(System),
            settings,
            stop.clone(),
        );
        app.people.set_people(&app.settings().people).await?;
        let (endpoint, admin) = endpoint(&app, &state, address).await?;
        let inbox = Inbox::new(app.clone());
        inbox.catch_up(Duration::ZERO).await?;
        let mut loops = JoinSet::new();
        loops.spawn(dispatcher.run());
        loops.spawn(keep_endpoint(
            app.clone(),
            state.clone(),
            endpoint.clone(),
            admin,
        ));
        loops.spawn(sweep::run(app.clone()));
        loops.spawn(inbox::run(inbox.clone()));
        loops.spawn(retention::run(app.clone()));
        loops.spawn(leadership::register(
            Arc::clone(&app.cluster),
            json!({ "address": address, "version": env!("CARGO_PKG_VERSION") }).to_string(),
        ));
        if let Some(hints) = store.hints(config, app.cluster.me())? {
            loops.spawn(wakeup_bus::run(Arc::clone(&app.cluster), hints));
        }
        if let Some(traces) = traces::start(&app, &config.traces)? {
            loops.spawn(traces);
        }
        let door = ChatListener::default();
        let doors = door.routes();
        let hooks = ForgeHooks::default();
        forges::adjust(&app, &hooks, config)?;
        loops.spawn(app.clone().tend_requests());
        let mut adapters = RunningAdapters::new(app.clone(), &state, door);
        adapters.adjust(config).await?;
        let reload = ConfigReload {
            app: app.clone(),
            config: config.clone(),
            adapters,
            hooks: hooks.clone(),
            hangup,
        };
        loops.spawn(reload.run());
        raise_file_limit();
        let closing = CancellationToken::new();
        let mut hosts = hosts(address, config.daemon.public_url.as_deref());
        hosts.extend(config.daemon.hosts.iter().cloned());
        let front = vine_http::FrontSettings {
            hosts,
            doors,
            hooks,
            oidc: config.login.oidc.settings()?,
            shuns,
        };
        let serve = vine_http::serve(listener, app.clone(), inbox, front, closing.clone());
        loops.spawn(serve);
        let drain = Duration::from_secs(config.daemon.drain_seconds);
        Ok(Self {
            app,
            endpoint,
            store,
            stop,
            closing,
            drain,
            loops,
        })
    }

    /// Finishes what is under way and closes the store. Waiting requests are answered at once and
    /// adapters are left to other daemons; requests are served until a load balancer has noticed
    /// that this daemon is not ready any more.
    pub async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        tokio::time::sleep(self.drain).await;
        self.closing.cancel();
        let all = async { while self.loops.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_REQUESTS, all).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
        self.store.close().await;
        Ok(())
    }
}

/// The endpoint file of this start; the token of an earlier one is kept while it is valid.
async fn endpoint(app: &App, state: &Path, address: SocketAddr) -> Result<(Endpoint, UserId)> {
    let name = std::env::var("USER").unwrap_or_else(|_| "admin".into());
    let admin = app.people.first_admin(&name).await?;
    let known = match Endpoint::load(state) {
        Some(known)
            if app
                .people
                .caller(&known.token, TokenKind::User, "shell")
                .await
                .is_ok() =>
        {
            Some(known.token)
        }
        _ => None,
    };
    let token = match known {
        Some(token) => token,
        None => app.people.grant(TokenKind::User, admin.0, SHELLS).await?,
    };
    let endpoint = Endpoint {
        url: format!("http://{address}"),
        token,
    };
    endpoint.keep(state)?;
    Ok((endpoint, admin))
}

/// Renews the token of the endpoint file regularly, and when it was revoked.
async fn keep_endpoint(app: App, state: PathBuf, mut endpoint: Endpoint, admin: UserId) {
    let mut made = Instant::now();
    loop {
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = app.people.on_revoked() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        let known = app.people.is_known(&endpoint.token, TokenKind::User).await;
        let valid = !matches!(known, Ok(false));
        if valid && made.elapsed() < SHELLS / 4 {
            continue;
        }
        match app.people.grant(TokenKind::User, admin.0, SHELLS).await {
            Ok(token) => endpoint.token = token,
            Err(error) => {
                tracing::debug!("could not renew the token of the endpoint file yet: {error}");
                continue;
            }
        }
        made = Instant::now();
        if let Err(error) = endpoint.keep(&state) {
            tracing::error!("shells on this machine cannot connect: {error:#}");
        }
    }
}

/// Names under which browsers may reach the page.
fn hosts(address: SocketAddr, public: Option<&str>) -> Vec<String> {
    let port = address.port();
    let mut hosts = vec![
        address.to_string(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
    ];
    hosts.extend(
        public
            .and_then(|url| url.split_once("://"))
            .map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned()),
    );
    hosts
}

/// Each connection is a file, and a large fleet has more of them than the usual limit.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!("could not raise the limit of open files: {error}");
    }
}
