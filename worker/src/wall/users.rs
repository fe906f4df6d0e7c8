//! The wall `user`: each agent runs as a user of its own, whose number belongs to nobody else while it
//! lasts. It needs a worker that runs as root. The network is not held.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use vine_domain::Slug;

/// So many agents on one machine.
const MOST: u32 = 1_000;
/// Groups of repositories have numbers behind those of users.
const GROUPS: u32 = 100_000;
/// Whoever holds the lock on a number's file has it.
const LOCKS: &str = "/run/vine-users";

/// A user's number, for one attempt.
#[derive(Debug)]
pub struct SandboxUser {
    /// Its number; its own group has the same.
    pub id: u32,
    /// The group whose members read the repository's objects.
    pub group: u32,
    _lock: File,
}

impl SandboxUser {
    /// The first number that is free.
    pub fn take(first: u32, repo: &Slug) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(LOCKS)?;
        for id in first..first.saturating_add(MOST) {
            let lock = File::create(Path::new(LOCKS).join(id.to_string()))?;
            if lock.try_lock().is_ok() {
                // Whatever an earlier agent with this number left.
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
            "all {MOST} user numbers from {first} on are taken"
        )))
    }

    /// Ends everything of this user, whatever it did to its environment and parents.
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

    /// These folders are the user's, and nobody else's.
    pub fn own(&self, folders: &[PathBuf]) -> io::Result<()> {
        folders.iter().try_for_each(|folder| {
            give(folder, self.id)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        })
    }

    /// The objects of a repository are read by those who work on it alone.
    pub fn lend(&self, repository: &Path) -> io::Result<()> {
        chown(repository, None, Some(self.group))?;
        fs::set_permissions(repository, fs::Permissions::from_mode(0o750))
    }
}

/// After a worker that was killed: folders of agents whose numbers others may get are ours again.
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

/// What a user left where everybody may write; the number will be another agent's.
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

/// Takes folders back for ourselves.
pub fn take_back(folders: &[PathBuf]) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    folders.iter().try_for_each(|folder| give(folder, own))
}

/// Everything below a folder is given away; links are not followed, and files with several names stay
/// with whom they are: one of those may be elsewhere.
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
    // FNV-1a: any spread will do.
    let hash = repo.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % 1_000_000
}

/// Kills all processes of a user; how many there were.
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

/// Why this wall cannot stand here, and what to do.
pub fn obstacle(state: &Path) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("the wall `user` needs a worker that runs as root".into());
    }
    let closed = state.ancestors().skip(1).find(|above| {
        above
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & 0o001 == 0)
    });
    closed.map(|above| {
        format!(
            "the wall `user` needs a state folder that other users can enter, and {} is closed to them; set `worker.state`, to /var/lib/agentvine for example",
            above.display()
        )
    })
}

/// Folders that others go through.
const WAYS: [&str; 4] = ["worktrees", "sessions", "repos", "bin"];

/// `vine` where other users can start it, for the door: where it was installed may be closed to them.
pub fn lend_program(state: &Path) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let (folder, to) = (state.join("bin"), state.join("bin/vine"));
    fs::create_dir_all(&folder)?;
    let draft = folder.join("vine.new");
    let _left_by_a_crash = fs::remove_file(&draft);
    if fs::hard_link(&own, &draft).is_err() {
        fs::copy(&own, &draft)?;
    }
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
    fs::rename(draft, to)
}

/// Others may go through our own folder, and read nothing in it.
pub fn open_state(state: &Path) -> io::Result<()> {
    for folder in WAYS.into_iter().chain([""]) {
        let folder = state.join(folder);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
    }
    // Repositories are closed to all but those who were lent them.
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
