//! Picks the wall for this machine: the best one available, once, when a worker starts.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use vine_domain::{
    Wall, WorkerIsolation,
    clock::{Ids, System},
};

use super::{
    bubblewrap::{self, MachineSigns},
    container,
    limits::{AgentLimits, can_group},
    model::ModelLogin,
    mounts::VisibleMounts,
    users,
};
use crate::{
    config::{AgentKind, WallConfig, WorkerConfig},
    process::find_program,
};

/// The walls around a worker's agents.
pub struct Walls {
    /// The wall, described for people.
    pub standing: WorkerIsolation,
    /// The limits of one agent.
    pub most: AgentLimits,
    /// How calls authenticate to the model service.
    pub login: ModelLogin,
    pub(super) means: WallMeans,
    /// The mounts, once they have been determined.
    pub(super) seen: OnceLock<VisibleMounts>,
    pub(super) config: Arc<WallConfig>,
}

/// What a wall is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WallMeans {
    Plain,
    User,
    Container { engine: String, image: String },
    Bubblewrap { bwrap: PathBuf },
}

/// No wall is available, and nobody allowed running without one.
#[derive(Debug, thiserror::Error)]
#[error(
    "no wall is available here, so agents could read your files and the model's key: {0}. To run without a wall, pass `--wall plain`, or set `wall = \"plain\"` under [worker]"
)]
pub struct NoWall(pub String);

impl Walls {
    /// Picks the best available wall, or the requested one.
    pub fn stand(config: &WorkerConfig) -> Result<Self, NoWall> {
        let wanted = config.wall.wanted;
        let mut why = Vec::new();
        let best_first = Wall::ALL
            .iter()
            .rev()
            .filter(|wall| wanted.is_none_or(|wanted| **wall == wanted));
        for wall in best_first {
            let tried = match wall {
                // Only on request.
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

    /// Cleans up after an earlier process of this worker, and creates what all its agents see.
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

/// Shown to people.
const UNBOUNDED: &str = "memory is limited per process only, since no control group can be created here (set `Delegate=memory pids` in a systemd unit)";

/// What a wall is built with, or why it is not available.
fn raise(wall: Wall, config: &WorkerConfig) -> Result<WallMeans, String> {
    match wall {
        Wall::Plain => Ok(WallMeans::Plain),
        Wall::User => match users::obstacle(&config.state) {
            Some(obstacle) => Err(obstacle),
            None => users::lend_program(&config.state)
                .map(|()| WallMeans::User)
                .map_err(|error| {
                    format!("could not make `vine` available to other users: {error}")
                }),
        },
        Wall::Container => {
            let Some(image) = config.wall.image.clone() else {
                return Err("the wall `container` requires an image in `worker.image`".into());
            };
            // In the container it would also be root, or could not write to its folder.
            if rustix::process::geteuid().is_root() {
                return Err(
                    "the wall `container` requires a worker that does not run as root".into(),
                );
            }
            let engine = container::engine()?;
            container::has_image(&engine, &image)?;
            inside().ok_or("the program `vine-inside` is missing; it belongs beside `vine`")?;
            Ok(WallMeans::Container { engine, image })
        }
        Wall::Bubblewrap => bubblewrap(&config.state),
    }
}

fn bubblewrap(state: &Path) -> Result<WallMeans, String> {
    if let Some(seen) = super::mounts::seen_in(state) {
        return Err(format!(
            "the state folder {} is inside {}, which agents can see; set `worker.state` to a folder elsewhere",
            state.display(),
            seen.display()
        ));
    }
    let bwrap = find_program("bwrap");
    let inside = inside();
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

/// Starts a sandbox that does nothing.
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
        let vine = own_program().ok_or("could not find the path of this program")?;
        let plan = bubblewrap::SandboxPlan {
            seen: &seen,
            etc: &folder("etc"),
            folder: &folder("tree"),
            home: &folder("home"),
            sent: None,
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

/// The folder that agents see as `/etc`.
pub(super) fn etc(state: &Path) -> PathBuf {
    state.join("etc")
}

/// The path of `vine` when it started: a newer version may have replaced it.
pub(super) fn own_program() -> Option<PathBuf> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let own = OWN.get_or_init(|| std::env::current_exe().ok().filter(|path| path.is_file()));
    own.clone()
}

/// The first process of sandboxes, `vine-inside`, expected beside `vine`; otherwise `vine` itself,
/// which uses more memory.
pub(super) fn inside() -> Option<PathBuf> {
    let beside = own_program()?.with_file_name("vine-inside");
    // Tests run from a subfolder.
    let above = beside.parent()?.parent()?.join("vine-inside");
    let small = [beside, above].into_iter().find(|path| path.is_file());
    small.or_else(own_program)
}
