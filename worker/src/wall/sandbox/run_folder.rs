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

pub(super) fn listen(run: &RunFolder, name: &str) -> Result<LimitedListener<UnixListener>> {
    let socket = run.0.join(name);
    let listener = UnixListener::bind(&socket);
    let listener =
        listener.with_context(|| format!("cannot create the socket {}", socket.display()))?;
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
