//! `vine migrate`

use anyhow::Result;

use crate::{
    config::Config, endpoint::state_of_environment, roles::daemon::state_folder, store::Opened,
};

pub async fn run(config: &Config) -> Result<()> {
    let state = state_folder(config, state_of_environment())?;
    let store = Opened::open(config, &state).await?;
    store.close().await;
    match store {
        Opened::Sqlite(_) => println!("The database in {} is up to date.", state.display()),
        Opened::Postgres(_) => println!("The database is up to date."),
    }
    Ok(())
}
