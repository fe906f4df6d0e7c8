//! Files that only we may read.

use std::{io, os::unix::fs::OpenOptionsExt, path::Path};

/// Writes a file whole or not at all.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    io::Write::write_all(&mut opened, bytes)?;
    opened.sync_all()?;
    std::fs::rename(fresh, file)
}
