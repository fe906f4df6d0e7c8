//! Repositories that an agent created inside its folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What git does not look into.
#[derive(Default)]
pub(super) struct NestedRepos {
    /// Paths of nested repositories.
    pub(super) repositories: Vec<String>,
    /// Folders that cannot be opened.
    pub(super) closed: Vec<String>,
}

pub(super) fn look_inside(folder: &Path) -> NestedRepos {
    let mut found = NestedRepos::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&inside)) else {
            found.closed.push(inside.display().to_string());
            continue;
        };
        for entry in entries.flatten() {
            let path = inside.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || entry.file_name() == ".git" {
                continue;
            }
            if folder.join(&path).join(".git").symlink_metadata().is_ok() {
                found.repositories.push(path.display().to_string());
            } else {
                folders.push(path);
            }
        }
    }
    found
}
