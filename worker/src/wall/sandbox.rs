//! One attempt's sandbox: how its agent is started, and the services outside that it uses.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, UnixListener},
    process::{Child, Command},
    task::{JoinSet, block_in_place},
};
use vine_domain::{
    Failure, FailureKind, SessionId, Wall,
    assignment::Assignment,
    clock::{Ids, System},
    guard::{Egress, Preset},
};

use super::{
    bubblewrap::{self, RUN, SandboxPlan},
    connection_limit::LimitedListener,
    container,
    door::SandboxDoor,
    egress::{self, EgressProxy},
    home::{self, SessionHome},
    limits::AgentCgroup,
    model::{ModelProxy, OURS},
    mounts::{self, MountRequest, VisibleMounts},
    stand::{WallMeans, Walls, etc, inside, own_program},
    users::{self, SandboxUser},
};
use crate::{
    agent_folder::AgentFolder,
    agent_host::AgentHost,
    config::AgentKind,
    config::WorkerConfig,
    disk::remove_all,
    process::{self, ProcessMark},
    supervise,
};

/// Ports of the model and the egress proxy inside the sandbox.
const MODEL: u16 = 47_801;
const EGRESS: u16 = 47_802;

/// The sandbox of one attempt.
pub struct Sandbox {
    walls: Arc<Walls>,
    /// The agent's door, which serves while this exists.
    pub door: Arc<SandboxDoor>,
    /// The preset in force.
    pub preset: Option<Preset>,
    folder: PathBuf,
    home: Option<SessionHome>,
    run: RunFolder,
    env: Vec<(String, String)>,
    seen: VisibleMounts,
    etc: PathBuf,
    objects: Option<PathBuf>,
    files: Vec<(PathBuf, PathBuf)>,
    own: Vec<(PathBuf, PathBuf)>,
    bounds: Option<AgentCgroup>,
    user: Option<SandboxUser>,
    /// Where another user finds `vine`.
    lent: Option<PathBuf>,
    name: String,
    mark: ProcessMark,
    _services: JoinSet<()>,
}

/// What a sandbox is made for.
pub struct SandboxFor<'a> {
    pub config: &'a WorkerConfig,
    pub task: &'a Assignment,
    pub session: SessionId,
    pub folder: &'a Path,
    pub repository: &'a Path,
    pub mark: &'a ProcessMark,
}

/// Whether this worker's wall does not meet the repository's requirements.
pub fn refusal(walls: &Walls, task: &Assignment) -> Option<Failure> {
    let wall = walls.standing.wall;
    let why = task.repo.guard.refuses(wall)?;
    let better = match walls.standing.why.as_str() {
        "" => String::new(),
        why => format!(" ({why})"),
    };
    let what = format!(
        "This worker cannot work on the repository `{}`: {why}{better}.",
        task.repo.name
    );
    Some(Failure::new(FailureKind::WallMissing, what))
}

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

    async fn made(walls: &Arc<Walls>, host: &AgentHost, wanted: &SandboxFor<'_>) -> Result<Self> {
        let SandboxFor {
            config,
            task,
            session,
            folder,
            repository,
            mark,
        } = *wanted;
        let wall = walls.standing.wall;
        let guard = &task.repo.guard;
        let run = RunFolder::make(session)?;
        let door = Arc::new(SandboxDoor::new(
            host.clone(),
            session,
            task.answered.clone(),
            folder.to_owned(),
        ));
        let mut services = JoinSet::new();
        services.spawn(Arc::clone(&door).serve(listen(&run, "door")?));
        let user = match wall {
            Wall::User => Some(
                SandboxUser::take(walls.config.first_user, &task.repo.name)
                    .context("no user id is free")?,
            ),
            _ => None,
        };
        let person = config
            .agent
            .variable("HOME")
            .or_else(|| std::env::var("HOME").ok())
            .map(PathBuf::from);
        let home = match wall {
            Wall::Plain => None,
            _ => Some(SessionHome::of(&config.state, session)),
        };
        if let Some(home) = &home {
            let from = home::HomeSource {
                state: &config.state,
                person: person.as_deref(),
                repo: &task.repo.name,
                commit: &config.git.commit,
            };
            block_in_place(|| home.make(&from))
                .with_context(|| format!("{} cannot be made", home.folder().display()))?;
        }
        let mut sandbox = Self {
            walls: Arc::clone(walls),
            door,
            preset: guard.preset_behind(wall).unwrap_or(None),
            folder: folder.to_owned(),
            home,
            env: Vec::new(),
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
    async fn furnish(
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

    fn holds_network(&self) -> bool {
        self.walls.standing.wall.holds_network()
    }

    /// Whether AgentVine sets the variable itself or keeps it out of the sandbox.
    fn is_ours(&self, name: &str) -> bool {
        let own = ["HOME", "CLAUDE_CONFIG_DIR", "TMPDIR", "PATH"];
        let proxy = name.to_ascii_lowercase().ends_with("_proxy");
        let login = OURS.contains(&name) && self.walls.login != super::model::ModelLogin::Own;
        own.contains(&name) || login || proxy && self.holds_network()
    }

    async fn lead_to_model(
        &mut self,
        config: &WorkerConfig,
        egress: Egress,
        env: &mut Vec<(String, String)>,
    ) -> Result<()> {
        let login = self.walls.login.clone();
        if login == super::model::ModelLogin::Own {
            return Ok(());
        }
        let pass = format!("vine-{}", System.uuid().simple());
        let is_shared = !self.holds_network();
        let model = ModelProxy::new(
            &config.agent,
            login.clone(),
            is_shared.then(|| pass.clone()),
            egress == Egress::Open,
        )?;
        env.extend(
            login
                .dummy(&pass)
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let address = match is_shared {
            false => {
                self._services
                    .spawn(model.serve(listen(&self.run, "model")?));
                format!("http://127.0.0.1:{MODEL}")
            }
            true => {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let address = format!("http://{}", listener.local_addr()?);
                self._services
                    .spawn(model.serve(LimitedListener::new(listener)));
                address
            }
        };
        env.push(("ANTHROPIC_BASE_URL".into(), address));
        Ok(())
    }

    /// Provides a login that only the program itself can renew, and the entries that an
    /// administrator named.
    fn lend_claude_folder(&mut self, config: &WorkerConfig, home: &SessionHome) -> Result<()> {
        if let super::model::ModelLogin::File(file) = &self.walls.login {
            let to = home.claude().join(".credentials.json");
            // `make` has removed any entry with this name.
            fs::File::create_new(&to)?;
            match self.holds_network() {
                true => self.files.push((file.clone(), to)),
                false => drop(fs::copy(file, to)?),
            }
        }
        let Some(person) = config.agent.claude_folder() else {
            return Ok(());
        };
        let claude = AgentFolder::ours(home.folder())?.below(Path::new("home/.claude"))?;
        for name in &self.walls.config.own {
            let from = person.join(name);
            let to = home.claude().join(name);
            if !from.exists() {
                continue;
            }
            // An earlier agent may have left something there.
            claude.clear(std::ffi::OsStr::new(name));
            let _mostly_not_there = remove_all(&to);
            match self.holds_network() {
                true => self.own.push((from, to)),
                false => copy_all(&from, &to)?,
            }
        }
        Ok(())
    }

    /// Claude Code's folder: a folder of ours, and the relative path from it, which the agent may
    /// have changed.
    pub fn claude_folder(&self, config: &WorkerConfig) -> Option<(PathBuf, PathBuf)> {
        match &self.home {
            Some(home) => Some((home.folder().to_owned(), PathBuf::from("home/.claude"))),
            None => Some((config.agent.claude_folder()?, PathBuf::new())),
        }
    }

    /// Whether there is a wall, so that the agent has its own home.
    pub fn is_walled(&self) -> bool {
        self.home.is_some()
    }

    /// The variables through which the agent finds its door.
    pub fn door_variables(&self) -> Vec<(String, String)> {
        let (socket, bin) = match self.holds_network() {
            true => (
                format!("{RUN}/door"),
                Some(PathBuf::from(format!("{RUN}/bin"))),
            ),
            false => {
                let beside = own_program().and_then(|own| own.parent().map(Path::to_owned));
                let bin = self.lent.clone().or(beside);
                (self.run.0.join("door").display().to_string(), bin)
            }
        };
        let known = self
            .env
            .iter()
            .find(|(name, _)| name == "PATH")
            .map(|(_, path)| path.clone());
        let mut path = known
            .or_else(|| std::env::var("PATH").ok())
            .unwrap_or_default();
        if let Some(bin) = bin {
            path = format!("{}:{path}", bin.display());
        }
        vec![("PATH".into(), path), ("VINE_SOCKET".into(), socket)]
    }

    /// The command that starts the agent, with `more` added to its environment.
    pub fn command(
        &self,
        config: &WorkerConfig,
        program: &[String],
        more: Vec<(String, String)>,
    ) -> Result<Command> {
        let agent = &config.agent;
        let command = match &self.walls.means {
            WallMeans::Plain => {
                let mut command =
                    process::supervised(program, &self.folder, &self.mark, &agent.env, &agent.pass);
                command.envs(more);
                return Ok(command);
            }
            WallMeans::User => {
                let user = self.user.as_ref().context("no user id was reserved")?;
                let numbers = [
                    u64::from(user.id),
                    u64::from(user.group),
                    self.walls.most.processes,
                ];
                let own = [
                    vec![supervise::GATED.to_owned(), supervise::AS.to_owned()],
                    numbers.map(|number| number.to_string()).into(),
                ]
                .concat();
                let mut command = process::supervised_by(&own, program, &self.folder, &self.mark);
                command.envs(self.env.clone()).envs(more);
                command
            }
            WallMeans::Bubblewrap { bwrap } => {
                let words = bubblewrap::arguments(&self.planned(&self.plan_parts(program, more)?));
                self.walled(&bwrap.display().to_string(), words)
            }
            WallMeans::Container { engine, image } => {
                let parts = self.plan_parts(program, more)?;
                let words = container::arguments(
                    &self.planned(&parts),
                    (engine, image),
                    (&self.name, &config.state),
                    self.walls.most,
                );
                self.walled(engine, words)
            }
        };
        Ok(command)
    }

    /// Starts the agent, within its limits from the beginning. Its input is piped.
    pub async fn start(&self, mut command: Command) -> Result<Child> {
        let mut child = command.spawn()?;
        if let (Some(bounds), Some(process)) = (&self.bounds, child.id()) {
            let held = bounds.hold(process).await;
            held.context("could not limit the agent's memory and processes")?;
        }
        if let (true, Some(input)) = (self.is_walled(), &mut child.stdin) {
            input.write_all(b"\n").await?;
            input.flush().await?;
        }
        Ok(child)
    }

    fn walled(&self, program: &str, words: Vec<std::ffi::OsString>) -> Command {
        let gated = [supervise::GATED.to_owned()];
        let program = [program.to_owned()];
        let mut command = process::supervised_by(&gated, &program, Path::new("/"), &self.mark);
        command.args(words);
        command
    }

    fn plan_parts(&self, program: &[String], more: Vec<(String, String)>) -> Result<SandboxParts> {
        let mut env = self.env.clone();
        for (name, value) in more {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        let ports = [(MODEL, "model"), (EGRESS, "egress")];
        let ports = ports
            .iter()
            .filter(|(_, name)| self.run.0.join(name).exists());
        let is_grouped = self.bounds.is_some();
        let most = self.walls.most;
        let spec = vine_inside::SandboxSpec {
            program: program.to_vec(),
            folder: self.folder.clone(),
            env,
            ports: ports
                .map(|(port, name)| (*port, Path::new(RUN).join(name)))
                .collect(),
            processes: Some(most.processes),
            memory: (!is_grouped).then_some(most.memory),
        };
        fs::write(self.run.0.join("spec.json"), serde_json::to_vec(&spec)?)?;
        let home = self.home.as_ref().context("the sandbox has no home")?;
        Ok(SandboxParts {
            etc: self.etc.clone(),
            home: home.home(),
            temp: home.temp(),
            inside: inside().context("`vine-inside` is missing; it belongs beside `vine`")?,
            vine: own_program().context("`vine` was moved while it was running")?,
        })
    }

    fn planned<'a>(&'a self, parts: &'a SandboxParts) -> SandboxPlan<'a> {
        SandboxPlan {
            seen: &self.seen,
            etc: &parts.etc,
            folder: &self.folder,
            home: &parts.home,
            temp: &parts.temp,
            run: &self.run.0,
            objects: self.objects.as_deref(),
            files: &self.files,
            own: &self.own,
            inside: &parts.inside,
            vine: &parts.vine,
        }
    }

    /// Writes a file for the agent's program; returns its path as the agent sees it.
    pub fn write(&self, name: &str, text: &str) -> io::Result<String> {
        let file = self.run.0.join(name);
        fs::write(&file, text)?;
        Ok(match self.holds_network() {
            true => format!("{RUN}/{name}"),
            false => file.display().to_string(),
        })
    }

    /// Resolves when the agent has used more of the disk than is allowed.
    pub async fn overfull(&self, config: &WorkerConfig) -> Failure {
        let Some(home) = &self.home else {
            return std::future::pending().await;
        };
        let folders = [self.folder.clone(), home.folder().to_owned()];
        let taken = crate::disk::outgrown(&config.state, folders, config.wall.keep_free).await;
        let taken = taken >> 20;
        let keep = config.wall.keep_free >> 20;
        let what = format!(
            "The agent wrote {taken} MB and left less than {keep} MB free on the worker's disk, so it was stopped."
        );
        Failure {
            during: true,
            ..Failure::new(FailureKind::DiskFull, what)
        }
    }

    /// Explains a failure that its limits caused.
    pub fn bounded(&self, failure: Failure) -> Failure {
        if !self.bounds.as_ref().is_some_and(AgentCgroup::overflowed) {
            return failure;
        }
        let most = self.walls.most.memory >> 20;
        let what = format!(
            "The agent exceeded its memory limit of {most} MB, so some of its processes were killed. {}",
            failure.what
        );
        Failure { what, ..failure }
    }

    /// Ends everything in it, whatever the agent did.
    pub async fn end(self, config: &WorkerConfig) {
        self.mark.kill().await;
        if let WallMeans::Container { engine, .. } = &self.walls.means {
            container::end(engine, &self.name).await;
        }
        if let (Some(user), Some(home)) = (&self.user, &self.home) {
            user.end_all().await;
            if let Err(error) = users::take_back(&[self.folder.clone(), home.folder().to_owned()]) {
                tracing::warn!("could not take back an agent's folders: {error}");
            }
        }
        // A script starts from scratch each time; Claude Code resumes its session.
        if let (Some(home), AgentKind::Script) = (&self.home, config.agent.kind) {
            block_in_place(|| home.remove());
        }
    }

    /// Keeps a finished attempt's downloads for others.
    pub fn share(&self, config: &WorkerConfig, task: &Assignment) {
        if let Some(home) = &self.home {
            block_in_place(|| home.share(&config.state, &task.repo.name));
        }
    }
}

struct SandboxParts {
    etc: PathBuf,
    home: PathBuf,
    temp: PathBuf,
    inside: PathBuf,
    vine: PathBuf,
}

fn proxies() -> Vec<(String, String)> {
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

fn listen(run: &RunFolder, name: &str) -> Result<LimitedListener<UnixListener>> {
    let socket = run.0.join(name);
    let listener = UnixListener::bind(&socket);
    let listener =
        listener.with_context(|| format!("cannot create the socket {}", socket.display()))?;
    Ok(LimitedListener::new(listener))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A folder with a short path, for sockets: their paths are limited to about a hundred bytes, and
/// state folders may be longer. Only this user can enter it; it is deleted with the attempt.
struct RunFolder(PathBuf);

/// The parent of these folders.
fn base() -> PathBuf {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    base.filter(|base| base.is_dir())
        .unwrap_or_else(std::env::temp_dir)
}

/// Removes run folders of killed keepers: nothing listens on their doors.
pub fn remove_left_behind() {
    for entry in fs::read_dir(base()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ending = name.to_str().and_then(|name| name.strip_prefix("vine-"));
        let is_one =
            ending.is_some_and(|end| end.len() == 16 && end.chars().all(|c| c.is_ascii_hexdigit()));
        let door = entry.path().join("door");
        let is_dead = std::os::unix::net::UnixStream::connect(&door)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if is_one && is_dead {
            let _of_another_user = fs::remove_dir_all(entry.path());
        }
    }
}

impl RunFolder {
    fn make(session: SessionId) -> Result<Self> {
        let name = format!("vine-{}", &session.0.simple().to_string()[16..]);
        let folder = base().join(name);
        let _left_by_a_crash = fs::remove_dir_all(&folder);
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("cannot create the folder {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}
