//! `vine migrate`

use crate::output::say;
use anyhow::Result;

use crate::{
    config::Config, endpoint::state_of_environment, roles::daemon::state_folder, store::OpenStore,
};

pub async fn run(config: &Config) -> Result<()> {
    let state = state_folder(config, state_of_environment())?;
    let store = OpenStore::open(config, &state).await?;
    store.close().await;
    match store {
        OpenStore::Sqlite(_) => say!("The database in {} is up to date.", state.display()),
        OpenStore::Postgres(_) => say!("The database is up to date."),
    }
    Ok(())
}
