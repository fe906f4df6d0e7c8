//! Files that only our user can read.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Creates a private folder, or makes an existing one private, such as one restored from a backup.
pub fn folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Writes a file atomically.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut opened = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    io::Write::write_all(&mut opened, bytes)?;
    opened.sync_all()?;
    fs::rename(fresh, file)
}
