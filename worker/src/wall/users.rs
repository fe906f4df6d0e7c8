//! The wall `user`: each agent runs as its own user, with an id that no other agent has meanwhile.
//! Requires a worker that runs as root. The network is not restricted.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use vine_domain::Slug;

/// Maximum number of agents on one machine.
const MOST: u32 = 1_000;
/// Offset from user ids to repositories' group ids.
const GROUPS: u32 = 100_000;
/// Holding the lock on an id's file reserves the id.
const LOCKS: &str = "/run/vine-users";

/// A user id, for one attempt.
#[derive(Debug)]
pub struct SandboxUser {
    /// The user id; its own group has the same id.
    pub id: u32,
    /// The group that may read the repository's objects.
    pub group: u32,
    _lock: File,
}

impl SandboxUser {
    /// Takes the first free id.
    pub fn take(first: u32, repo: &Slug) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(LOCKS)?;
        for id in first..first.saturating_add(MOST) {
            let lock = File::create(Path::new(LOCKS).join(id.to_string()))?;
            if lock.try_lock().is_ok() {
                // An earlier agent with this id may have left something.
                end_all_of(id);
                remove_files_of(id);
                let group = first + GROUPS + number_of(repo);
                return Ok(Self {
                    id,
                    group,
                    _lock: lock,
                });
            }
        }
        Err(io::Error::other(format!(
            "all {MOST} user ids from {first} on are in use"
        )))
    }

    /// Kills every process of this user, whatever it did to its environment and parents.
    pub async fn end_all(&self) -> usize {
        let mut ended = 0;
        for _ in 0..100 {
            let count = end_all_of(self.id);
            if count == 0 {
                break;
            }
            ended += count;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        remove_files_of(self.id);
        ended
    }

    /// Gives the folders to this user exclusively.
    pub fn own(&self, folders: &[PathBuf]) -> io::Result<()> {
        folders.iter().try_for_each(|folder| {
            give(folder, self.id)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        })
    }

    /// Makes a repository's objects readable only to those who work on it.
    pub fn lend(&self, repository: &Path) -> io::Result<()> {
        chown(repository, None, Some(self.group))?;
        fs::set_permissions(repository, fs::Permissions::from_mode(0o750))
    }
}

/// Takes back folders that agents of a killed worker owned, since their ids will be reused.
pub fn take_all_back(state: &Path) -> io::Result<()> {
    let inside = |folder: PathBuf| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let trees = inside(state.join("worktrees")).flat_map(inside);
    let folders: Vec<PathBuf> = trees.chain(inside(state.join("sessions"))).collect();
    take_back(&folders)
}

/// Removes what a user left in world-writable folders; the id will be another agent's.
fn remove_files_of(id: u32) {
    for shared in ["/tmp", "/var/tmp", "/dev/shm"] {
        for entry in fs::read_dir(shared).into_iter().flatten().flatten() {
            if !entry.metadata().is_ok_and(|found| found.uid() == id) {
                continue;
            }
            let path = entry.path();
            let _gone_already = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
        }
    }
}

/// Makes us the owner of the folders again.
pub fn take_back(folders: &[PathBuf]) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    folders.iter().try_for_each(|folder| give(folder, own))
}

/// Changes the owner of everything below a folder. Links are not followed, and root's files with
/// several hard links are left alone, since another link may be elsewhere.
fn give(folder: &Path, to: u32) -> io::Result<()> {
    let found = folder.symlink_metadata()?;
    if found.is_dir() {
        for entry in fs::read_dir(folder)?.flatten() {
            give(&entry.path(), to)?;
        }
    }
    if found.is_dir() || found.nlink() == 1 || found.uid() != 0 {
        lchown(folder, Some(to), Some(to))?;
    }
    Ok(())
}

fn number_of(repo: &Slug) -> u32 {
    // FNV-1a: any even distribution will do.
    let hash = repo.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % 1_000_000
}

/// Kills all processes of a user; returns how many there were.
fn end_all_of(id: u32) -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_user = entries.filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == id));
    let pids = of_user.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let living = pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    });
    let killed = living
        .filter_map(Pid::from_raw)
        .map(|pid| kill_process(pid, Signal::KILL));
    killed.count()
}

/// Why this wall is not possible here, and what to do.
pub fn obstacle(state: &Path) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("the wall `user` requires a worker that runs as root".into());
    }
    let closed = state.ancestors().skip(1).find(|above| {
        above
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & 0o001 == 0)
    });
    closed.map(|above| {
        format!(
            "the wall `user` requires a state folder that other users can enter, but {} is closed to them; set `worker.state`, for example to /var/lib/agentvine",
            above.display()
        )
    })
}

/// Folders that other users pass through.
const WAYS: [&str; 5] = ["worktrees", "sessions", "sent", "repos", "bin"];

/// Copies `vine` to where other users can run it, for the door: its own folder may be closed to
/// them.
pub fn lend_program(state: &Path) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let folder = state.join("bin");
    let to = state.join("bin/vine");
    fs::create_dir_all(&folder)?;
    let draft = folder.join("vine.new");
    let _left_by_a_crash = fs::remove_file(&draft);
    if fs::hard_link(&own, &draft).is_err() {
        fs::copy(&own, &draft)?;
    }
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
    fs::rename(draft, to)
}

/// Lets other users pass through our state folder without reading it.
pub fn open_state(state: &Path) -> io::Result<()> {
    for folder in WAYS.into_iter().chain([""]) {
        let folder = state.join(folder);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
    }
    // Repositories are closed to everyone except those they were lent to.
    for entry in fs::read_dir(state.join("repos"))?.flatten() {
        let mode = entry.metadata()?.permissions().mode() & 0o770;
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
    }
    for entry in fs::read_dir(state)?.flatten() {
        let found = entry.metadata()?;
        let is_way = WAYS.iter().any(|way| entry.file_name() == *way);
        if !is_way && !found.is_symlink() {
            let mode = if found.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}
