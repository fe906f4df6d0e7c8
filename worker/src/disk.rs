//! How much disk space the worktrees use, for the operator, and which agent filled the disk.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use vine_domain::{Failure, FailureKind};

use crate::config::WorkerConfig;

/// Walking every file of large repositories is too expensive to do every minute.
const EVERY: Duration = Duration::from_secs(300);
/// The unit of `st_blocks`, independent of the file system (stat(2)).
const BLOCK: u64 = 512;

/// Removes a folder, including folders without write permission.
pub fn remove_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        let _read_below = fs::set_permissions(&inside, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&inside).into_iter().flatten().flatten();
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        folders.extend(entries.filter(is_folder).map(|entry| entry.path()));
    }
    fs::remove_dir_all(folder)
}

/// Whether the worker's disk has room for another attempt.
pub fn has_room(config: &WorkerConfig) -> Result<(), Failure> {
    let Some(free) = free(&config.state) else {
        return Ok(());
    };
    if free >= config.min_free {
        return Ok(());
    }
    let state = config.state.display();
    let free = free >> 20;
    let least = config.min_free >> 20;
    let what =
        format!("This worker's disk is full: {free} MB free at {state}, {least} MB required.");
    Err(Failure::new(FailureKind::DiskFull, what))
}

/// Bytes that this user may still write there; `None` if that cannot be determined.
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// How often free space is checked while an agent writes.
const LOOK: Duration = Duration::from_secs(1);
/// How many checks look for a single agent to blame.
const PATIENT: u32 = 2;
/// An agent that wrote less than this did not fill the disk.
const BLAMED: u64 = 16 << 20;

/// Running agents, each with how much its folders have grown.
static AT_WORK: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

/// Waits until fewer than `keep` bytes are free at `state` and no other agent here has written more
/// than has been added to these folders since the call; returns how much that is.
pub async fn outgrown(state: &Path, folders: [PathBuf; 2], keep: u64) -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let own = SizeSample(NUMBER.fetch_add(1, Ordering::Relaxed));
    let somebody = Arc::new(());
    let measure = async || {
        let folders = folders.clone();
        let wanted = Arc::downgrade(&somebody);
        let sizes = move || {
            folders
                .iter()
                .map(|folder| size(folder, &wanted))
                .sum::<u64>()
        };
        tokio::task::spawn_blocking(sizes).await.unwrap_or_default()
    };
    let before = measure().await;
    let free_before = free(state).unwrap_or_default();
    let mut short = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let left = match free(state) {
            Some(left) if left < keep => left,
            _ => {
                own.grew(0);
                short = 0;
                continue;
            }
        };
        short += 1;
        let grew = measure().await.saturating_sub(before);
        let went = free_before.saturating_sub(left);
        if own.grew(grew) && grew >= BLAMED {
            return grew;
        }
        // Deleted files that are still open cannot be measured; then every agent is to blame.
        if short > PATIENT && went >= BLAMED && !is_blamed() {
            return went;
        }
    }
}

/// Some agent's files account for it.
fn is_blamed() -> bool {
    let all = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    all.values().any(|grew| *grew >= BLAMED)
}

struct SizeSample(u64);

impl SizeSample {
    /// Records the growth; returns whether it is the largest.
    fn grew(&self, by: u64) -> bool {
        let mut all = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.0, by);
        all.values().all(|other| *other <= by)
    }
}

impl Drop for SizeSample {
    fn drop(&mut self) {
        AT_WORK
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// The size in bytes as last measured.
#[derive(Debug, Default)]
pub struct WorktreeSize(AtomicU64);

impl WorktreeSize {
    /// The last measurement.
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Measures `worktrees` periodically, forever.
    pub async fn run(&self, worktrees: &Path) {
        // Stops the walk once this is dropped.
        let wanted = Arc::new(());
        loop {
            let folder = worktrees.to_owned();
            let wanted = Arc::downgrade(&wanted);
            let taken = tokio::task::spawn_blocking(move || size(&folder, &wanted)).await;
            self.0.store(taken.unwrap_or_default(), Ordering::Relaxed);
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// The size of a folder with everything in it.
pub fn size_of(folder: &Path) -> u64 {
    let somebody = Arc::new(());
    size(folder, &Arc::downgrade(&somebody))
}

/// The size of a folder with everything in it, while `wanted` is alive. Unreadable entries count as
/// 0; links are not followed.
fn size(folder: &Path, wanted: &Weak<()>) -> u64 {
    if wanted.strong_count() == 0 {
        return 0;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.path().symlink_metadata() {
        Ok(found) if found.is_dir() => found.blocks() * BLOCK + size(&entry.path(), wanted),
        Ok(found) => found.blocks() * BLOCK,
        Err(_) => 0,
    };
    entries.map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_inside_count_and_links_do_not_lead_out() {
        let place = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(place.path().join("a/b")).expect("made");
        fs::write(place.path().join("a/b/large"), vec![1; 200_000]).expect("written");
        std::os::unix::fs::symlink("/", place.path().join("a/everything")).expect("linked");
        let somebody = Arc::new(());
        let wanted = Arc::downgrade(&somebody);
        let taken = size(place.path(), &wanted);
        assert!((200_000..2_000_000).contains(&taken), "{taken}");
        assert_eq!(size(&place.path().join("nothing"), &wanted), 0);
        drop(somebody);
        assert_eq!(size(place.path(), &wanted), 0, "nobody wants to know");
    }
}
