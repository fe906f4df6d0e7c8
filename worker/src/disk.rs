//! What the worktrees take on this machine's disk, for whoever looks after it.

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

/// Looking at every file of large repositories is not for every minute.
const EVERY: Duration = Duration::from_secs(300);
/// `st_blocks` counts in these, whatever the file system does (stat(2)).
const BLOCK: u64 = 512;

/// Whether the disk that the worker works on has room for another attempt.
pub fn has_room(config: &WorkerConfig) -> Result<(), Failure> {
    let Some(free) = free(&config.state) else {
        return Ok(());
    };
    if free >= config.min_free {
        return Ok(());
    }
    let (state, free, least) = (config.state.display(), free >> 20, config.min_free >> 20);
    let what = format!(
        "The disk of this worker is full: {free} MB are left at {state}, and {least} MB are needed."
    );
    Err(Failure::new(FailureKind::DiskFull, what))
}

/// Bytes that this user may still write there; `None` when nobody can tell.
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// How often the room that is left is looked at while an agent writes.
const LOOK: Duration = Duration::from_secs(1);
/// So many looks somebody is looked for who filled it.
const PATIENT: u32 = 2;
/// Whoever wrote less than this did not fill the disk.
const BLAMED: u64 = 16 << 20;

/// Agents at work, each with what its folders took at its beginning and take now.
static AT_WORK: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

/// Until fewer than `keep` bytes are left at `state` and nobody here has written more than went into
/// these folders since this was called; how much that is.
pub async fn outgrown(state: &Path, folders: [PathBuf; 2], keep: u64) -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let own = SizeSample(NUMBER.fetch_add(1, Ordering::Relaxed));
    let somebody = Arc::new(());
    let measure = async || {
        let (folders, wanted) = (folders.clone(), Arc::downgrade(&somebody));
        let sizes = move || {
            folders
                .iter()
                .map(|folder| size(folder, &wanted))
                .sum::<u64>()
        };
        tokio::task::spawn_blocking(sizes).await.unwrap_or_default()
    };
    let (before, free_before) = (measure().await, free(state).unwrap_or_default());
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
        // Files that have no name any more are nobody's to see: then it is all of us.
        if short > PATIENT && went >= BLAMED && !is_blamed() {
            return went;
        }
    }
}

/// Somebody's files explain it.
fn is_blamed() -> bool {
    let all = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    all.values().any(|grew| *grew >= BLAMED)
}

struct SizeSample(u64);

impl SizeSample {
    /// Notes by how much; whether that is the most of all.
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

/// The size as it was last measured, in bytes.
#[derive(Debug, Default)]
pub struct WorktreeSize(AtomicU64);

impl WorktreeSize {
    /// What was last measured.
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Measures `worktrees` now and then, for ever.
    pub async fn run(&self, worktrees: &Path) {
        // Nobody waits for the walk once this is dropped.
        let wanted = Arc::new(());
        loop {
            let (folder, wanted) = (worktrees.to_owned(), Arc::downgrade(&wanted));
            let taken = tokio::task::spawn_blocking(move || size(&folder, &wanted)).await;
            self.0.store(taken.unwrap_or_default(), Ordering::Relaxed);
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// What a folder takes with all that is in it.
pub fn size_of(folder: &Path) -> u64 {
    let somebody = Arc::new(());
    size(folder, &Arc::downgrade(&somebody))
}

/// What a folder takes with all that is in it, as long as somebody wants to know. What cannot be
/// read counts nothing; links are not followed.
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
