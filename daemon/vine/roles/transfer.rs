//! `vine export`, `vine import`, `vine backup`: a team and its tasks, from one place to another.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};

use crate::{
    config::Config,
    endpoint::{private_folder, state_of_environment},
    roles::daemon::state_folder,
    store::OpenStore,
};

/// The state folder that the commands without a daemon mean.
fn state(config: &Config) -> Result<std::path::PathBuf> {
    state_folder(config, state_of_environment())
}

/// Writes everything to a new file. No daemon may use a file of SQLite meanwhile: what happens
/// after the export would be lost.
pub async fn export(config: &Config, file: &Path) -> Result<()> {
    let store = OpenStore::open(config, &state(config)?).await?;
    // Not only what was said: hashes of tokens and passwords too.
    let new = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("{} cannot be made; name a new file", file.display()))?;
    let mut out = BufWriter::new(new);
    let rows = match &store {
        OpenStore::Sqlite(store) => store.export(&mut out).await?,
        OpenStore::Postgres(store) => store.export(&mut out).await?,
    };
    out.flush()?;
    out.get_ref().sync_all()?;
    store.close().await;
    println!(
        "{rows} rows are in {}. It holds everything that people and agents said: keep it as you \
         keep the database.",
        file.display()
    );
    Ok(())
}

/// Takes in everything that an export wrote, into an empty database.
pub async fn import(config: &Config, file: &Path) -> Result<()> {
    let mut from = BufReader::new(
        File::open(file).with_context(|| format!("{} cannot be read", file.display()))?,
    );
    let store = OpenStore::open(config, &state(config)?).await?;
    let rows = match &store {
        OpenStore::Sqlite(store) => store.import(&mut from).await?,
        OpenStore::Postgres(store) => store.import(&mut from).await?,
    };
    store.close().await;
    println!(
        "{rows} rows are here. Start the daemon where its workers look for it; they go on with \
         what they hold."
    );
    Ok(())
}

/// Copies a database of SQLite while its daemon goes on.
pub async fn backup(config: &Config, file: &Path) -> Result<()> {
    if config.database.postgres()?.is_some() {
        bail!("the database is PostgreSQL; `pg_dump` copies it while the daemons go on");
    }
    let state = state(config)?;
    private_folder(&state)?;
    vine_sqlite::backup(&state.join("vine.db"), file).await?;
    println!(
        "{} is a whole copy. To go back to it, stop the daemon and put it in place of {}.",
        file.display(),
        state.join("vine.db").display()
    );
    Ok(())
}
