//! Accesses folders that an agent may write to. Links in them are never followed (openat2(2)), and
//! only regular files are opened. The starting folder must be ours.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path},
};

use anyhow::{Context, Result, bail};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, chmodat, mkdirat, open, openat2, statat,
    unlinkat,
};

/// An open folder, independent of its name.
pub struct AgentFolder(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

impl AgentFolder {
    /// Opens a folder of ours.
    pub fn ours(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder inside it; the path may have several components.
    pub fn below(&self, path: &Path) -> io::Result<Self> {
        Ok(Self(openat2(
            &self.0,
            path,
            FOLDER,
            Mode::empty(),
            beneath(),
        )?))
    }

    /// The entries, each with whether it is a folder.
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                found.push((name.to_owned(), self.is_folder(name)));
            }
        }
        Ok(found)
    }

    fn is_folder(&self, name: &OsStr) -> bool {
        let found = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory)
    }

    /// Opens a regular file inside it.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat2(&self.0, path, flags, Mode::empty(), beneath())?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("not a regular file")),
        }
    }

    /// Removes the entry with this name, unless it is a folder.
    pub fn clear(&self, name: &OsStr) {
        if !self.is_folder(name) {
            let _mostly_not_there = unlinkat(&self.0, name, AtFlags::empty());
        }
    }

    /// Creates a folder inside it, replacing anything else with that name.
    pub fn make(&self, name: &OsStr) -> io::Result<Self> {
        self.clear(name);
        match mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) => self.below(Path::new(name)),
            Err(rustix::io::Errno::EXIST) => {
                chmodat(&self.0, name, Mode::RWXU, AtFlags::empty())?;
                self.below(Path::new(name))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a regular file below `folder`, which must be ours; at most `most` bytes.
pub fn read_inside(folder: &Path, file: &Path, most: u64) -> Result<Vec<u8>> {
    let inside = file.strip_prefix(folder).unwrap_or(file);
    let is_plain = inside
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !is_plain || inside.as_os_str().is_empty() {
        bail!("{} is not in {}", file.display(), folder.display());
    }
    let unread = || format!("cannot read {}", file.display());
    let opened = AgentFolder::ours(folder).and_then(|folder| folder.file(inside));
    let mut bytes = Vec::new();
    opened
        .with_context(unread)?
        .take(most + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        bail!("{} is larger than {} kB", file.display(), most / 1024);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn no_link_leads_out_at_any_place_of_a_path() {
        let place = tempfile::tempdir().expect("a folder");
        let ours = place.path().join("ours");
        let other = place.path().join("other");
        fs::create_dir_all(ours.join("home")).expect("made");
        fs::create_dir_all(other.join("deep")).expect("made");
        fs::write(other.join("deep/key"), "secret").expect("written");
        symlink(&other, ours.join("home/middle")).expect("linked");
        symlink(other.join("deep/key"), ours.join("home/leaf")).expect("linked");
        symlink(&ours, place.path().join("root")).expect("linked");
        for path in ["home/middle/deep/key", "home/leaf", "../other/deep/key"] {
            assert!(read_inside(&ours, Path::new(path), 100).is_err(), "{path}");
        }
        assert!(AgentFolder::ours(&place.path().join("root")).is_err());
        let home = AgentFolder::ours(&ours)
            .and_then(|ours| ours.below(Path::new("home")))
            .expect("a folder");
        assert!(home.below(Path::new("middle/deep")).is_err());
        home.make(OsStr::new("middle")).expect("made in its place");
        assert!(
            ours.join("home/middle")
                .symlink_metadata()
                .expect("there")
                .is_dir()
        );
        assert!(other.join("deep/key").exists(), "what it led to stays");
    }
}
