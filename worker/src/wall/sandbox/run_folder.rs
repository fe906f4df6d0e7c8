//! The folder of one run, outside the agent's own.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tokio::net::UnixListener;
use vine_domain::SessionId;

use crate::wall::connection_limit::LimitedListener;

/// A folder with a short path, for sockets: their paths are limited to about a hundred bytes, and
/// state folders may be longer. Only this user can enter it; it is deleted with the attempt.
pub(super) struct RunFolder(pub(super) PathBuf);

impl RunFolder {
    pub(super) fn make(session: SessionId) -> Result<Self> {
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

/// The parent of these folders.
pub(super) fn base() -> PathBuf {
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

/// Listens at `name` in the folder. The socket gets that name once it listens: one that is only
/// bound refuses connections like one of a dead keeper, and [`remove_left_behind`] of another
/// worker would take the folder away.
pub(super) fn listen(run: &RunFolder, name: &str) -> Result<LimitedListener<UnixListener>> {
    let (socket, bound) = (run.0.join(name), run.0.join(format!("{name}~")));
    let listener = UnixListener::bind(&bound).and_then(|listener| {
        fs::rename(&bound, &socket)?;
        Ok(listener)
    });
    let listener =
        listener.with_context(|| format!("cannot create the socket {}", bound.display()))?;
    Ok(LimitedListener::new(listener))
}

pub(super) fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_worker_that_starts_takes_no_folder_of_a_run_that_begins() {
        let is_over = AtomicBool::new(false);
        let gone = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    remove_left_behind();
                }
            });
            let gone = (0..5000).filter(|number| {
                let run = RunFolder::make(SessionId(Uuid::from_u128(0xabc_0000 + number)));
                let run = run.expect("made");
                let _listener = listen(&run, "door");
                std::thread::sleep(Duration::from_micros(100));
                !run.0.join("door").exists()
            });
            let gone = gone.count();
            is_over.store(true, Ordering::Relaxed);
            gone
        });
        assert_eq!(gone, 0, "of 5000 folders");
    }

    #[test]
    fn what_a_killed_keeper_left_behind_is_removed() {
        let run = RunFolder::make(SessionId(Uuid::from_u128(0xdef_0000))).expect("made");
        drop(std::os::unix::net::UnixListener::bind(run.0.join("door")).expect("bound"));
        remove_left_behind();
        assert!(!run.0.exists());
    }
}
