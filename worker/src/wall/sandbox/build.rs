//! How a sandbox is put up.

use crate::wall::sandbox::EGRESS;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use tokio::task::{JoinSet, block_in_place};
use vine_domain::{
    Failure, FailureKind, Wall,
    clock::{Ids, System},
};

use crate::{
    agent_host::AgentHost,
    config::AgentKind,
    sent_files::SentFiles,
    wall::{
        bubblewrap::{self},
        door::SandboxDoor,
        egress::{self, EgressProxy},
        home::{self, SessionHome},
        limits::AgentCgroup,
        mounts::{self, MountRequest, VisibleMounts},
        sandbox::{
            Sandbox, SandboxFor, refusal,
            run_folder::{RunFolder, listen},
        },
        stand::{Walls, etc},
        users::{self, SandboxUser},
    },
};

impl Sandbox {
    /// Creates it without starting the agent.
    pub async fn make(
        walls: &Arc<Walls>,
        host: &AgentHost,
        wanted: SandboxFor<'_>,
    ) -> Result<Self, Failure> {
        if let Some(refusal) = refusal(walls, wanted.task) {
            return Err(refusal);
        }
        let made = Self::made(walls, host, &wanted).await;
        made.map_err(|error| {
            let is_full = error.chain().any(|cause| {
                cause
                    .downcast_ref::<io::Error>()
                    .is_some_and(|cause| cause.kind() == io::ErrorKind::StorageFull)
            });
            let kind = if is_full {
                FailureKind::DiskFull
            } else {
                FailureKind::AgentMissing
            };
            Failure::new(
                kind,
                format!("Could not create the agent's sandbox: {error:#}."),
            )
        })
    }

    pub(super) async fn made(
        walls: &Arc<Walls>,
        host: &AgentHost,
        wanted: &SandboxFor<'_>,
    ) -> Result<Self> {
        let SandboxFor {
            config,
            task,
            session,
            copy_of,
            folder,
            repository,
            mark,
        } = *wanted;
        let wall = walls.standing.wall;
        let guard = &task.repo.guard;
        let run = RunFolder::make(session)?;
        let mut services = JoinSet::new();
        let user = match wall {
            Wall::User => Some(
                SandboxUser::take(walls.config.first_user, &task.repo.name)
                    .context("no user id is free")?,
            ),
            _ => None,
        };
        let sent = SessionHome::of(&config.state, session).sent();
        let sent = Arc::new(SentFiles::new(
            host.clone(),
            sent,
            user.as_ref().map(|user| user.group),
        )?);
        let door = Arc::new(SandboxDoor::new(
            host.clone(),
            session,
            task.answered.clone(),
            folder.to_owned(),
            Arc::clone(&sent),
        ));
        services.spawn(Arc::clone(&door).serve(listen(&run, "door")?));
        let person = config
            .agent
            .variable("HOME")
            .or_else(|| std::env::var("HOME").ok())
            .map(PathBuf::from);
        let home = match wall {
            Wall::Plain => None,
            _ => Some(SessionHome::of(&config.state, session)),
        };
        let mut has_copy = true;
        if let Some(home) = &home {
            let from = home::HomeSource {
                state: &config.state,
                person: person.as_deref(),
                repo: &task.repo.name,
                commit: &config.git.commit,
            };
            block_in_place(|| {
                if let Some(other) = copy_of
                    && let Err(error) = home.copy_records(&SessionHome::of(&config.state, other))
                {
                    has_copy = false;
                    host.log(format!("the session {other} cannot be copied: {error}"));
                }
                home.make(&from)
            })
            .with_context(|| format!("{} cannot be made", home.folder().display()))?;
        }
        let mut sandbox = Self {
            walls: Arc::clone(walls),
            door,
            sent,
            preset: guard.preset_behind(wall).unwrap_or(None),
            folder: folder.to_owned(),
            home,
            env: Vec::new(),
            has_copy,
            seen: VisibleMounts::default(),
            etc: etc(&config.state),
            objects: Some(repository.join("objects")).filter(|objects| objects.is_dir()),
            files: Vec::new(),
            own: Vec::new(),
            bounds: (wall != Wall::Plain)
                .then(|| AgentCgroup::new(walls.most))
                .flatten(),
            lent: user.is_some().then(|| config.state.join("bin")),
            user,
            name: format!("vine-{}", System.uuid().simple()),
            mark: mark.clone(),
            run,
            _services: services,
        };
        if wall != Wall::Plain {
            sandbox.furnish(wanted, host, person.as_deref()).await?;
        }
        if let (Some(user), Some(home)) = (&sandbox.user, &sandbox.home) {
            users::open_state(&config.state)?;
            user.own(&[
                home.folder().to_owned(),
                folder.to_owned(),
                sandbox.run.0.clone(),
            ])?;
            user.lend(repository)?;
            if let Some(parent) = folder.parent() {
                fs::set_permissions(parent, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
            }
        }
        Ok(sandbox)
    }

    /// Sets up the environment, the model proxy, the egress proxy and the mounts.
    pub(super) async fn furnish(
        &mut self,
        wanted: &SandboxFor<'_>,
        host: &AgentHost,
        person: Option<&Path>,
    ) -> Result<()> {
        let SandboxFor { config, task, .. } = *wanted;
        let agent = &config.agent;
        let home = self.home.clone().context("the sandbox has no home")?;
        let path = agent
            .variable("PATH")
            .or_else(|| std::env::var("PATH").ok())
            .unwrap_or_default();
        let variable = |name: &str| agent.variable(name).or_else(|| std::env::var(name).ok());
        let look = || {
            mounts::seen(&MountRequest {
                path: &path,
                home: person,
                command: &agent.command,
                ours: std::slice::from_ref(&config.state),
                variable: &variable,
            })
        };
        self.seen = self.walls.seen.get_or_init(look).clone();
        let temp = match self.holds_network() {
            true => PathBuf::from("/tmp"),
            false => home.temp(),
        };
        let mut env = vec![
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), home.home().display().to_string()),
            ("USER".to_owned(), "agent".to_owned()),
            ("LOGNAME".to_owned(), "agent".to_owned()),
            ("SHELL".to_owned(), "/bin/bash".to_owned()),
            ("TMPDIR".to_owned(), temp.display().to_string()),
            (
                "CARGO_HOME".to_owned(),
                home.home().join(".cargo").display().to_string(),
            ),
        ];
        for name in ["LANG", "LC_ALL", "TZ", "TERM"] {
            env.extend(variable(name).map(|value| (name.to_owned(), value)));
        }
        for name in home::VARIABLES {
            env.extend(variable(name).map(|value| (name.to_owned(), home::without_login(&value))));
        }
        env.append(&mut self.seen.variables);
        let given = agent
            .pass
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
        let given = given
            .chain(agent.env.clone())
            .filter(|(name, _)| !self.is_ours(name));
        env.extend(given);
        if agent.kind == AgentKind::Claude {
            env.push((
                "CLAUDE_CONFIG_DIR".into(),
                home.claude().display().to_string(),
            ));
            self.lead_to_model(config, task.repo.guard.egress, &mut env)
                .await?;
            self.lend_claude_folder(config, &home)?;
        }
        if self.holds_network() {
            bubblewrap::write_system(&self.run.0, &home.home())?;
            let way = EgressProxy {
                host: host.clone(),
                repo: task.repo.name.clone(),
                guard: task.repo.guard.clone(),
                config: Arc::clone(&self.walls.config),
                daemon: config.daemon.clone(),
            };
            let listener = listen(&self.run, "egress")?;
            self._services.spawn(egress::serve(listener, Arc::new(way)));
            env.extend(proxies());
        }
        self.env = env;
        Ok(())
    }
}

pub(super) fn proxies() -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{EGRESS}");
    let own = "localhost,127.0.0.1,::1";
    let named = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let mut all: Vec<(String, String)> = named.map(|name| (name.to_owned(), proxy.clone())).into();
    all.extend(["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), own.to_owned())));
    // Node's own client uses the proxy only with this (since version 24).
    all.push(("NODE_USE_ENV_PROXY".into(), "1".into()));
    all
}
