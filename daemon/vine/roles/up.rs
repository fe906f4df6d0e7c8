//! `vine up`: everything in one process, for the repository of the current folder.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vine_app::{App, Caller, people::tokens::TokenRequest};
use vine_domain::{
    Repo, Wall, WorkerIsolation,
    repo::Source,
    token::{Token, TokenKind},
};
use vine_worker::{
    AgentConfig, AgentKind, INSTALL, UnknownWorker, WorkerConfig, WorkerIdentity, enrol,
    find_program,
};

use crate::{
    agent_processes,
    cli::UpArgs,
    config::Config,
    endpoint::Endpoint,
    git::{base_branch, top_level},
    logging::log_to_stderr,
    output::tell,
    paths::{beside, private_folder, repo_name, state_for, state_root},
    roles::{daemon::RunningDaemon, demo, feed, wall, worker},
    stop,
};

/// How long running agents may continue after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

pub async fn run(config: &Config, args: UpArgs) -> Result<()> {
    let mut log = config.log.clone();
    if log == crate::config::LogConfig::default() {
        log.filter = "warn".into();
    }
    log_to_stderr(&log);
    let stop = stop::on_signal()?;
    let named = args.state.as_deref().map(std::path::absolute).transpose()?;
    let (folder, state) = if args.demo {
        let state = named.map_or_else(|| Ok(state_root()?.join("demo")), anyhow::Ok)?;
        (demo::scratch_repository(&beside(&state))?, state)
    } else {
        let folder = top_level(&std::env::current_dir()?)?;
        let state = named.map_or_else(|| state_for(&folder), anyhow::Ok)?;
        (folder, state)
    };
    outside(&state, &folder)?;
    let agent = if args.demo {
        worker::demo_agent()?
    } else {
        worker::agent(config, args.agent.as_deref())?
    };
    let repo = repo_name(&folder);
    let base = base_branch(&folder)?;
    let mut work = WorkerConfig {
        // The folder of the first worker; the others have folders like it.
        state: state.join("workers").join("local-1"),
        ..worker::of(config, agent.clone())?
    };
    work.wall.wanted = args.wall.or(work.wall.wanted);
    work.wall.agents = args.workers;
    private_folder(&work.state)?;
    let standing = wall::settle(&mut work, &state_root()?)?;
    let until = CancellationToken::new();
    let daemon = start(config, &args, state.clone(), until.clone()).await?;
    let repo = Repo::new(
        repo,
        Source::try_from(folder.display().to_string())?,
        base.parse()?,
    );
    // What people have set since is kept.
    let known = daemon.app.tasks.all_repos().await?;
    let repo = match known.into_iter().find(|known| known.name == repo.name) {
        Some(known) => Repo {
            source: repo.source,
            base: repo.base,
            ..known
        },
        None => repo,
    };
    daemon.app.tasks.add_repo(&repo).await?;
    let admin = daemon
        .app
        .people
        .caller(&daemon.endpoint.token, TokenKind::User, "shell")
        .await?;
    let login = daemon
        .app
        .people
        .make_token_for(&admin, &TokenRequest::of(TokenKind::Login))
        .await?;
    // The link is printed once there is something to see behind it.
    if args.demo {
        demo::tasks(&daemon.app, &admin).await?;
    }
    greet(
        &daemon,
        &login,
        &agent,
        &repo,
        args.workers,
        &state,
        &standing,
    );
    let page = daemon.app.settings().link.clone();
    tokio::spawn(feed::run(daemon.app.clone(), page));
    let mut workers = JoinSet::new();
    for number in 1..=args.workers {
        let local = LocalWorker {
            work: WorkerConfig {
                drain: DRAIN,
                ..work.clone()
            },
            app: daemon.app.clone(),
            admin: admin.clone(),
            number,
        };
        workers.spawn(local.run(daemon.endpoint.url.clone(), state.clone(), stop.clone()));
    }
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended? {
            eprintln!("vine: a local worker has stopped: {error:#}");
        }
    }
    until.cancel();
    daemon.end().await
}

/// Serves on the requested address, or on a free port if the default one is taken.
async fn start(
    config: &Config,
    args: &UpArgs,
    state: PathBuf,
    until: CancellationToken,
) -> Result<RunningDaemon> {
    let mut config = config.clone();
    let wished = args.listen.is_some() || config.daemon != crate::config::DaemonConfig::default();
    config.daemon.listen = args.listen.unwrap_or(config.daemon.listen);
    config.daemon.insecure |= args.insecure;
    if !wished {
        let last = Endpoint::load(&state).and_then(|last| last.port());
        config.daemon.listen = free_address(config.daemon.listen, last).await;
    }
    // Agents are descendants of this process.
    RunningDaemon::start(
        &config,
        state,
        until,
        Some(agent_processes::is_of_ours),
        None,
    )
    .await
}

/// Where to listen: on the port of the last start, so that links and bookmarks hold, or on the default
/// one, or on any that is free.
async fn free_address(default: SocketAddr, last: Option<u16>) -> SocketAddr {
    let wished = last.map(|port| SocketAddr::new(default.ip(), port));
    for address in wished.into_iter().chain([default]) {
        if tokio::net::TcpListener::bind(address).await.is_ok() {
            return address;
        }
    }
    SocketAddr::new(default.ip(), 0)
}

/// One of the local workers.
struct LocalWorker {
    work: WorkerConfig,
    app: App,
    admin: Caller,
    number: u32,
}

impl LocalWorker {
    /// Runs until `stop`. A worker that the daemon does not know (removed, or another database)
    /// enrols again.
    async fn run(self, daemon: String, state: PathBuf, stop: CancellationToken) -> Result<()> {
        let name = format!("local-{}", self.number);
        let state = state.join("workers").join(&name);
        private_folder(&state)?;
        loop {
            let identity = self.enrol(&daemon, &state, &name).await?;
            let config = WorkerConfig {
                daemon: daemon.clone(),
                name: name.clone(),
                state: state.clone(),
                ..self.work.clone()
            };
            match vine_worker::run(config, identity, stop.clone()).await {
                Err(error) if error.is::<UnknownWorker>() => {
                    std::fs::remove_file(WorkerIdentity::file(&state))?;
                }
                other => return other,
            }
        }
    }

    async fn enrol(&self, daemon: &str, state: &Path, name: &str) -> Result<WorkerIdentity> {
        if WorkerIdentity::load(state)?.is_none() && self.app.fleet.worker_named(name).await.is_ok()
        {
            // Its folder is gone, and with it the worker's identity.
            self.app.fleet.remove_worker(&self.admin, name).await?;
        }
        let code = self
            .app
            .people
            .make_token_for(&self.admin, &TokenRequest::of(TokenKind::Enrolment))
            .await?;
        enrol(daemon, state, name, 1, Some(code)).await
    }
}

fn is_there(agent: &AgentConfig) -> bool {
    let program = agent.command.first();
    program.is_some_and(|program| find_program(program).is_some())
}

fn greet(
    daemon: &RunningDaemon,
    login: &Token,
    agent: &AgentConfig,
    repo: &Repo,
    workers: u32,
    state: &Path,
    standing: &WorkerIsolation,
) {
    let url = &daemon.endpoint.url;
    tell!("AgentVine {}\n", env!("CARGO_PKG_VERSION"));
    tell!("  Page     {url}/login?code={}", login.reveal());
    tell!("           (logs you in once, within ten minutes; `vine login` prints another)");
    match agent.kind {
        AgentKind::Claude if !is_there(agent) => tell!(
            "  Agent    Claude Code was not found, so tasks wait in the queue. Install it:\n           \
             {INSTALL}\n           or try AgentVine without it: vine up --demo"
        ),
        AgentKind::Claude => tell!("  Agent    claude, {}", agent.command.join(" ")),
        AgentKind::Script
            if agent
                .command
                .last()
                .is_some_and(|word| word == "demo-agent") =>
        {
            tell!("  Agent    script: a small demo agent. For the real one: {INSTALL}");
        }
        AgentKind::Script => tell!("  Agent    script, {}", agent.command.join(" ")),
    }
    tell!(
        "  Works on {} ({}, from branch {})",
        repo.source.as_str(),
        repo.name,
        repo.base
    );
    tell!("  Workers  {workers}, state in {}", state.display());
    match standing.wall {
        Wall::Plain => {
            tell!("  Wall     none: agents here can read your files and the model's key");
            if !standing.why.is_empty() {
                tell!("           {}", standing.why);
            }
        }
        _ => tell!("  Wall     {}", standing.said()),
    }
    tell!(
        "\n  In another terminal here: vine task new \"Say hello in HELLO.md\"\n  Ctrl-C stops it; nothing is lost."
    );
}

/// State inside a repository would show up in its `git status`.
fn outside(state: &Path, repository: &Path) -> Result<()> {
    if state.starts_with(repository) {
        bail!(
            "the state folder {} is inside the repository; choose one outside with --state",
            state.display()
        );
    }
    Ok(())
}
