//! `vine worker`: one worker, for a daemon on any machine.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use vine_domain::{guard::Host, token::Token};
use vine_worker::{
    AgentConfig, AgentKind, CommitConfig, GitAccess, GitConfig, WallConfig, Walls, WorkerConfig,
    enrol, find_program,
};

use crate::{
    cli::WorkerArgs,
    config::{AgentName, Config, RemoteConfig},
    endpoint::Endpoint,
    logging::log_to_stderr,
    paths::{private_folder, state_root},
    stop,
};

/// Runs until INT or TERM.
pub async fn run(config: &Config, args: WorkerArgs) -> Result<()> {
    log_to_stderr(&config.log);
    let state = match args.state.or_else(|| config.worker.state.clone()) {
        Some(state) => state,
        None => state_root()?.join("worker"),
    };
    private_folder(&state)?;
    let daemon = match args.daemon.or_else(|| config.worker.daemon.clone()) {
        Some(url) => url,
        None => {
            Endpoint::find()
                .context("which daemon? Use --daemon URL")?
                .url
        }
    };
    let name = args
        .name
        .or_else(|| config.worker.name.clone())
        .unwrap_or_else(host_name);
    let slots = args.slots.unwrap_or(config.worker.slots);
    let agent = agent(config, args.agent.as_deref())?;
    let mut work = WorkerConfig {
        state: state.clone(),
        slots,
        ..of(config, agent)?
    };
    work.wall.wanted = args.wall.or(work.wall.wanted);
    work.wall.agents = slots;
    // A worker that cannot start must fail before it uses up its enrolment code.
    let standing = Walls::stand(&work)?.standing;
    // From here on others see the worker, and may stop it.
    let stop = stop::on_signal()?;
    let code = args.enrol.map(Token::presented);
    let identity = tokio::select! {
        enrolled = enrol(&daemon, &state, &name, slots, code) => enrolled?,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(
        "{name} works for {daemon}, slots: {slots}, agent: {}, wall: {}",
        work.agent.command.join(" "),
        standing.said()
    );
    let drain = Duration::from_secs(config.worker.drain_seconds);
    let work = WorkerConfig {
        daemon,
        name,
        drain,
        ..work
    };
    vine_worker::run(work, identity, stop).await
}

/// The settings that all workers share; identity and folder are added by the caller.
pub fn of(config: &Config, agent: AgentConfig) -> Result<WorkerConfig> {
    let said = &config.worker;
    Ok(WorkerConfig {
        daemon: String::new(),
        name: String::new(),
        slots: 1,
        state: PathBuf::new(),
        agent,
        git: git(config)?,
        hold: Duration::from_secs(said.hold_seconds),
        max_held: said.max_held as usize,
        drain: Duration::from_secs(said.drain_seconds),
        probe: Duration::from_secs(said.probe_seconds),
        min_free: said.min_free_mb.saturating_mul(1 << 20),
        wall: wall(config)?,
    })
}

/// The settings of the wall.
fn wall(config: &Config) -> Result<WallConfig> {
    let said = &config.worker;
    let names = said.hosts.iter().map(|(name, address)| {
        let host: Host = name
            .parse()
            .with_context(|| format!("worker.hosts: `{name}`"))?;
        Ok((host.to_string(), *address))
    });
    let is_name = |name: &&String| {
        let mut parts = std::path::Path::new(name.as_str()).components();
        !matches!(
            (parts.next(), parts.next()),
            (Some(std::path::Component::Normal(_)), None)
        )
    };
    if let Some(bad) = config.agents.claude.own.iter().find(is_name) {
        bail!(
            "agents.claude.own has `{bad}`; use names inside the Claude Code folder, like \"skills\""
        );
    }
    if let Some(login) = config
        .agents
        .claude
        .own
        .iter()
        .find(|name| name.starts_with(".credentials"))
    {
        bail!("agents.claude.own has `{login}`, which is a login; agents never get logins");
    }
    Ok(WallConfig {
        wanted: said.wall,
        memory: (said.memory_mb > 0).then(|| said.memory_mb.saturating_mul(1 << 20)),
        processes: said.processes.max(16),
        keep_free: said.keep_free_mb.saturating_mul(1 << 20),
        hosts: names.collect::<Result<_>>()?,
        own: config.agents.claude.own.clone(),
        image: said.image.clone(),
        first_user: said.first_user,
        agents: said.slots,
        why: String::new(),
    })
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(64)
        .collect();
    if name.is_empty() {
        "worker".into()
    } else {
        name
    }
}

/// The settings of git.
fn git(config: &Config) -> Result<GitConfig> {
    let commit = config.commit.clone();
    let git = config.git.clone();
    let repos = git.repos.into_iter().map(|(repo, one)| {
        let access = access(one, &format!("git.repos.{repo}"))?;
        Ok((repo, access))
    });
    Ok(GitConfig {
        tokens: std::sync::Arc::default(),
        commit: CommitConfig {
            name: commit.name,
            email: commit.email,
            trailer: commit.trailer,
        },
        access: access(git.all, "git.all")?,
        repos: repos.collect::<Result<_>>()?,
    })
}

/// Git runs in other folders, so the files that it reads need absolute paths.
fn access(said: RemoteConfig, section: &str) -> Result<GitAccess> {
    for (name, file) in [
        ("ssh_key", &said.ssh_key),
        ("known_hosts", &said.known_hosts),
        ("token_file", &said.token_file),
    ] {
        match file {
            Some(file) if !file.is_absolute() => bail!(
                "{section}.{name} is `{}`; use an absolute path",
                file.display()
            ),
            Some(file) if !file.is_file() => bail!(
                "{section}.{name} is {}, which is not a file; correct it, or create the file",
                file.display()
            ),
            _ => {}
        }
    }
    Ok(GitAccess {
        ssh_key: said.ssh_key,
        known_hosts: said.known_hosts,
        token_file: said.token_file,
        token_user: said.token_user,
    })
}

/// How agents are started: as `named`, or as configured.
pub fn agent(config: &Config, named: Option<&str>) -> Result<AgentConfig> {
    let agents = &config.agents;
    let claude = agents
        .claude
        .command
        .first()
        .and_then(|program| find_program(program));
    let kind = match (named, agents.default) {
        (Some("claude"), _) | (None, AgentName::Claude) => AgentKind::Claude,
        (Some(_), _) | (None, AgentName::Script) => AgentKind::Script,
        (None, AgentName::Auto) if claude.is_none() && !agents.script.command.is_empty() => {
            AgentKind::Script
        }
        (None, AgentName::Auto) => AgentKind::Claude,
    };
    match kind {
        AgentKind::Claude => {
            // If it is not installed yet, the worker keeps looking for it.
            let mut command = agents.claude.command.clone();
            if let (Some(first), Some(program)) = (command.first_mut(), claude) {
                *first = program.display().to_string();
            }
            let env = claude_env(config)?;
            Ok(AgentConfig {
                kind,
                command,
                known: AgentConfig::known(&env, &agents.claude.pass_env),
                env,
                pass: agents.claude.pass_env.clone(),
                hang_after: Duration::from_secs(agents.claude.hang_after_seconds.max(1)),
            })
        }
        AgentKind::Script if agents.script.command.is_empty() => bail!(
            "agents.script.command is not set, so there is no script to run; set it, or try `vine \
             up --demo`"
        ),
        AgentKind::Script => Ok(script(
            agents.script.command.clone(),
            agents.script.env.clone(),
        )),
    }
}

fn script(command: Vec<String>, env: BTreeMap<String, String>) -> AgentConfig {
    AgentConfig {
        kind: AgentKind::Script,
        command,
        known: AgentConfig::known(&env, &[]),
        env,
        pass: Vec::new(),
        hang_after: Duration::MAX,
    }
}

/// The demo agent, which needs no account: this program itself.
pub fn demo_agent() -> Result<AgentConfig> {
    let own: PathBuf = std::env::current_exe().context("the path of this program is unknown")?;
    Ok(script(
        vec![own.display().to_string(), "demo-agent".into()],
        BTreeMap::new(),
    ))
}

fn claude_env(config: &Config) -> Result<BTreeMap<String, String>> {
    let claude = &config.agents.claude;
    let mut env = claude.env.clone();
    for (name, file) in &claude.env_files {
        let text = std::fs::read_to_string(file).with_context(|| {
            format!(
                "agents.claude.env_files.{name}: could not read {}",
                file.display()
            )
        })?;
        env.insert(name.clone(), text.trim().to_owned());
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_is_to_read_is_there_and_named_from_the_root() {
        let said = |file: &str| {
            let remote = RemoteConfig {
                token_file: Some(file.into()),
                ..RemoteConfig::default()
            };
            let access = access(remote, "git.repos.site");
            access.expect_err("refused").to_string()
        };
        for (file, words) in [
            ("~/token", "use an absolute path"),
            ("/no/such/token", "which is not a file"),
        ] {
            let error = said(file);
            assert!(
                error.contains("git.repos.site.token_file") && error.contains(words),
                "{error}"
            );
        }
    }
}
