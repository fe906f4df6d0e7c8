//! Which wall stands on this machine: the best that can, found once, when a worker starts.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use vine_domain::{
    Wall, WorkerIsolation,
    clock::{Ids, System},
};

use super::{
    WallConfig,
    bubblewrap::{self, MachineSigns},
    container,
    limits::{AgentLimits, can_group},
    model::ModelLogin,
    mounts::VisibleMounts,
    users,
};
use crate::{agent::AgentKind, config::WorkerConfig, process::find_program};

/// What stands around the agents of a worker.
pub struct Walls {
    /// For people.
    pub standing: WorkerIsolation,
    /// What an agent may take.
    pub most: AgentLimits,
    /// How the model knows whose calls they are.
    pub login: ModelLogin,
    pub(super) means: WallMeans,
    /// What is seen of the machine, once it was looked at.
    pub(super) seen: OnceLock<VisibleMounts>,
    pub(super) config: Arc<WallConfig>,
}

/// What a wall is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WallMeans {
    Plain,
    User,
    Container { engine: String, image: String },
    Bubblewrap { bwrap: PathBuf },
}

/// No wall can stand here, and nobody said that none is needed.
#[derive(Debug, thiserror::Error)]
#[error(
    "no wall can stand around agents here, so they could read your files and the model's key: {0}. To go on without one, say `--wall plain`, or `wall = \"plain\"` under [worker]"
)]
pub struct NoWall(pub String);

impl Walls {
    /// The best that stands, or just the one that is wanted.
    pub fn stand(config: &WorkerConfig) -> Result<Self, NoWall> {
        let wanted = config.wall.wanted;
        let mut why = Vec::new();
        let best_first = Wall::ALL
            .iter()
            .rev()
            .filter(|wall| wanted.is_none_or(|wanted| **wall == wanted));
        for wall in best_first {
            let tried = match wall {
                // Only by somebody's word.
                Wall::Plain if wanted.is_none() => continue,
                wall => raise(*wall, config),
            };
            match tried {
                Ok(means) => return Ok(Self::of(config, *wall, means, why.join("; "))),
                Err(obstacle) => why.push(obstacle),
            }
        }
        Err(NoWall(why.join("; ")))
    }

    /// Ends and takes back what an earlier process of this worker left, and makes what all its agents see.
    pub fn clear_up(&self, config: &WorkerConfig) -> std::io::Result<()> {
        match &self.means {
            WallMeans::User => users::take_all_back(&config.state),
            WallMeans::Container { engine, .. } => {
                container::end_left_behind(engine, &config.state);
                Ok(())
            }
            WallMeans::Bubblewrap { .. } => super::mounts::make_etc(&etc(&config.state)),
            WallMeans::Plain => Ok(()),
        }
    }

    fn of(config: &WorkerConfig, wall: Wall, means: WallMeans, why: String) -> Self {
        let login = match config.agent.kind {
            AgentKind::Claude => ModelLogin::of(&config.agent),
            AgentKind::Script => ModelLogin::Unknown,
        };
        let is_readable = login.is_readable() && wall != Wall::Plain;
        let most = AgentLimits::of(
            config.wall.memory,
            config.wall.processes,
            config.wall.agents,
        );
        let unbounded = wall != Wall::Plain && wall != Wall::Container && !can_group();
        let why = [
            why,
            config.wall.why.clone(),
            if unbounded {
                UNBOUNDED.into()
            } else {
                String::new()
            },
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
        let config = Arc::new(config.wall.clone());
        Self {
            standing: WorkerIsolation {
                wall,
                why,
                login: is_readable,
            },
            most,
            login,
            means,
            seen: OnceLock::new(),
            config,
        }
    }
}

/// For people.
const UNBOUNDED: &str = "memory is bounded for each process alone, since no control group can be made here (`Delegate=memory pids` in a systemd unit)";

/// What a wall is made with, or why it cannot stand.
fn raise(wall: Wall, config: &WorkerConfig) -> Result<WallMeans, String> {
    match wall {
        Wall::Plain => Ok(WallMeans::Plain),
        Wall::User => match users::obstacle(&config.state) {
            Some(obstacle) => Err(obstacle),
            None => users::lend_program(&config.state)
                .map(|()| WallMeans::User)
                .map_err(|error| format!("`vine` cannot be lent to other users: {error}")),
        },
        Wall::Container => {
            let Some(image) = config.wall.image.clone() else {
                return Err("no container: `worker.image` names no image".into());
            };
            // Inside it would be root too, or could not write its folder.
            if rustix::process::geteuid().is_root() {
                return Err("the wall `container` needs a worker that does not run as root".into());
            }
            let engine = container::engine()?;
            container::has_image(&engine, &image)?;
            inside().ok_or("the program `vine-inside` is missing beside `vine`")?;
            Ok(WallMeans::Container { engine, image })
        }
        Wall::Bubblewrap => bubblewrap(&config.state),
    }
}

fn bubblewrap(state: &Path) -> Result<WallMeans, String> {
    if let Some(seen) = super::mounts::seen_in(state) {
        return Err(format!(
            "the state folder {} lies in {}, which agents see; set `worker.state` to a folder elsewhere",
            state.display(),
            seen.display()
        ));
    }
    let (bwrap, inside) = (find_program("bwrap"), inside());
    let (Some(program), Some(first)) = (&bwrap, &inside) else {
        return Err(MachineSigns::look(String::new(), bwrap.is_some(), inside.is_some()).reason());
    };
    match tried(program, first) {
        Ok(()) => Ok(WallMeans::Bubblewrap {
            bwrap: program.clone(),
        }),
        Err(said) => Err(MachineSigns::look(said, true, true).reason()),
    }
}

/// Starts one that does nothing.
fn tried(bwrap: &Path, inside: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let place = std::env::temp_dir().join(format!("vine-try-{}", System.uuid().simple()));
    let folder = |name: &str| place.join(name);
    let result = (|| {
        for name in ["tree", "home", "tmp", "run"] {
            std::fs::create_dir_all(folder(name)).map_err(told)?;
        }
        super::mounts::make_etc(&folder("etc")).map_err(told)?;
        bubblewrap::write_system(&folder("run"), &folder("home")).map_err(told)?;
        let spec = vine_inside::SandboxSpec {
            program: vec!["true".into()],
            folder: folder("tree"),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ports: Vec::new(),
            processes: None,
            memory: None,
        };
        let text = serde_json::to_vec(&spec).map_err(|error| error.to_string())?;
        std::fs::write(folder("run").join("spec.json"), text).map_err(told)?;
        let seen = system();
        let vine = own_program().ok_or("this program does not know where it is")?;
        let plan = bubblewrap::SandboxPlan {
            seen: &seen,
            etc: &folder("etc"),
            folder: &folder("tree"),
            home: &folder("home"),
            temp: &folder("tmp"),
            run: &folder("run"),
            objects: None,
            files: &[],
            own: &[],
            inside,
            vine: &vine,
        };
        bubblewrap::try_out(bwrap, &plan)
    })();
    let _best_effort = std::fs::remove_dir_all(&place);
    result
}

fn system() -> VisibleMounts {
    super::mounts::seen(&super::mounts::MountRequest {
        path: "",
        home: None,
        command: &[],
        ours: &[],
        variable: &|_| None,
    })
}

/// What agents see as `/etc`.
pub(super) fn etc(state: &Path) -> PathBuf {
    state.join("etc")
}

/// `vine` itself, where it was when it started: a newer one may take its place.
pub(super) fn own_program() -> Option<PathBuf> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let own = OWN.get_or_init(|| std::env::current_exe().ok().filter(|path| path.is_file()));
    own.clone()
}

/// The first process of sandboxes, beside `vine`; where only that was built, `vine` itself, which takes
/// more memory.
pub(super) fn inside() -> Option<PathBuf> {
    let beside = own_program()?.with_file_name("vine-inside");
    // Tests run from a folder below.
    let above = beside.parent()?.parent()?.join("vine-inside");
    let small = [beside, above].into_iter().find(|path| path.is_file());
    small.or_else(own_program)
}
