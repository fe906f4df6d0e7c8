//! `vine migrate`

use anyhow::Result;

use crate::{
    config::Config, endpoint::state_of_environment, roles::daemon::state_folder, store::OpenStore,
};

pub async fn run(config: &Config) -> Result<()> {
    let state = state_folder(config, state_of_environment())?;
    let store = OpenStore::open(config, &state).await?;
    store.close().await;
    match store {
        OpenStore::Sqlite(_) => println!("The database in {} is up to date.", state.display()),
        OpenStore::Postgres(_) => println!("The database is up to date."),
    }
    Ok(())
}
