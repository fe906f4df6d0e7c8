//! One attempt's sandbox: how its agent is started, and the services outside that it uses.

mod build;
pub(crate) mod run_folder;
mod start;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use tokio::{
    net::TcpListener,
    task::{JoinSet, block_in_place},
};
use vine_domain::{
    Failure, FailureKind, SessionId,
    assignment::Assignment,
    clock::{Ids, System},
    guard::{Egress, Preset},
};

use crate::{
    agent_folder::AgentFolder,
    config::{AgentKind, WorkerConfig},
    disk::remove_all,
    process::ProcessMark,
    sent_files::SentFiles,
    wall::{
        bubblewrap::RUN,
        connection_limit::LimitedListener,
        container,
        door::SandboxDoor,
        home::SessionHome,
        limits::AgentCgroup,
        model::{ModelProxy, OURS},
        mounts::VisibleMounts,
        sandbox::run_folder::{RunFolder, copy_all, listen},
        stand::{WallMeans, Walls},
        users::{self, SandboxUser},
    },
};

/// Ports of the model and the egress proxy inside the sandbox.
pub(crate) const MODEL: u16 = 47_801;
pub(crate) const EGRESS: u16 = 47_802;

/// The sandbox of one attempt.
pub struct Sandbox {
    walls: Arc<Walls>,
    /// The agent's door, which serves while this exists.
    pub door: Arc<SandboxDoor>,
    /// Files that people sent, which it can read.
    pub sent: Arc<SentFiles>,
    /// The preset in force.
    pub preset: Option<Preset>,
    /// Whether it has the records of the session that this one is a copy of, if it is one.
    pub has_copy: bool,
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
    pub copy_of: Option<SessionId>,
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

    /// Ends everything in it, whatever the agent did. After a `finished` run the home only rests.
    pub async fn end(self, config: &WorkerConfig, finished: bool) {
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
        match (&self.home, config.agent.kind) {
            (Some(home), AgentKind::Script) => block_in_place(|| home.remove()),
            (Some(home), _) if finished => block_in_place(|| home.rest()),
            _ => {}
        }
    }

    /// Keeps a finished attempt's downloads for others.
    pub fn share(&self, config: &WorkerConfig, task: &Assignment) {
        if let Some(home) = &self.home {
            block_in_place(|| home.share(&config.state, &task.repo.name));
        }
    }
}

pub(crate) struct SandboxParts {
    etc: PathBuf,
    home: PathBuf,
    temp: PathBuf,
    inside: PathBuf,
    vine: PathBuf,
}
