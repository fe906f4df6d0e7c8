//! `vine migrate`

use anyhow::Result;

use crate::{config::Config, roles::daemon::state_folder, store::Opened};

pub async fn run(config: &Config) -> Result<()> {
    let state = state_folder(config, std::env::var_os("VINE_STATE").map(Into::into))?;
    let store = Opened::open(config, &state).await?;
    store.close().await;
    match store {
        Opened::Sqlite(_) => println!("The database in {} is up to date.", state.display()),
        Opened::Postgres(_) => println!("The database is up to date."),
    }
    Ok(())
}
