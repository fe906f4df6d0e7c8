//! `vine export`, `vine import`, `vine backup`: move or copy all data of a daemon.

use crate::output::say;
use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};
use vine_app::texts::counted;

use crate::{
    config::Config, endpoint::state_of_environment, paths::private_folder,
    roles::daemon::state_folder, store::OpenStore,
};

/// The state folder of the commands that need no daemon.
fn state(config: &Config) -> Result<std::path::PathBuf> {
    state_folder(config, state_of_environment())
}

/// Writes everything to a new file. No daemon must use a SQLite file meanwhile: changes after the
/// export would be lost.
pub async fn export(config: &Config, file: &Path) -> Result<()> {
    let store = OpenStore::open(config, &state(config)?).await?;
    // Only for this user: it also contains hashes of tokens and passwords.
    let new = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("could not create {}; choose a new file", file.display()))?;
    let mut out = BufWriter::new(new);
    let rows = match &store {
        OpenStore::Sqlite(store) => store.export(&mut out).await?,
        OpenStore::Postgres(store) => store.export(&mut out).await?,
    };
    out.flush()?;
    out.get_ref().sync_all()?;
    store.close().await;
    say!(
        "Exported {} to {}. It contains everything that people and agents wrote: protect \
         it like the database.",
        counted(rows, "row", "rows"),
        file.display()
    );
    Ok(())
}

/// Imports everything that an export wrote into an empty database.
pub async fn import(config: &Config, file: &Path) -> Result<()> {
    let mut from = BufReader::new(
        File::open(file).with_context(|| format!("could not read {}", file.display()))?,
    );
    let store = OpenStore::open(config, &state(config)?).await?;
    let rows = match &store {
        OpenStore::Sqlite(store) => store.import(&mut from).await?,
        OpenStore::Postgres(store) => store.import(&mut from).await?,
    };
    store.close().await;
    say!(
        "Imported {}. Start the daemon where its workers look for it; they continue with \
         the tasks that they hold.",
        counted(rows, "row", "rows")
    );
    Ok(())
}

/// Copies a SQLite database while its daemon keeps running.
pub async fn backup(config: &Config, file: &Path) -> Result<()> {
    if config.database.postgres()?.is_some() {
        bail!("the database is PostgreSQL; copy it with `pg_dump`, daemons can keep running");
    }
    let state = state(config)?;
    private_folder(&state)?;
    vine_sqlite::backup(&state.join("vine.db"), file).await?;
    say!(
        "{} is a complete copy. To restore it, stop the daemon and put it in place of {}.",
        file.display(),
        state.join("vine.db").display()
    );
    Ok(())
}
