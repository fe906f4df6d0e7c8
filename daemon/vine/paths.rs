//! Folders of this user's state.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use vine_domain::{Slug, token::Token};

use crate::git::top_level;

/// The folder under which all state of this user lives by default.
pub fn state_root() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let base = base
        .or_else(home)
        .context("neither XDG_STATE_HOME nor HOME is set; choose a folder with --state")?;
    Ok(base.join("agentvine"))
}

/// Creates a folder that only this user can enter.
pub fn private_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("could not create the folder {}", path.display()))
}

/// Writes a file that only this user can read, whole or not at all.
pub fn private_file(file: &Path, bytes: &[u8]) -> Result<()> {
    let draft = file.with_extension("new");
    let failed = || format!("could not write {}", file.display());
    let _left_by_a_crash = fs::remove_file(&draft);
    let mut new = fs::OpenOptions::new();
    let mut handle = new
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&draft)
        .with_context(failed)?;
    handle.write_all(bytes).with_context(failed)?;
    fs::rename(&draft, file).with_context(failed)
}

/// The state folder of a repository: outside it, one for each path.
pub fn state_for(folder: &Path) -> Result<PathBuf> {
    let top = top_level(folder)?;
    let hash = Token::presented(top.display().to_string()).hash();
    Ok(state_root()?.join(format!("{}-{}", repo_name(&top), &hash[..8])))
}

/// Where the demo's scratch repository lives: beside its state, not in it.
pub fn beside(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_os_string();
    name.push("-repository");
    state.with_file_name(name)
}

pub fn repo_name(folder: &Path) -> Slug {
    Slug::from_text(&folder.file_name().unwrap_or_default().to_string_lossy())
}
