//! `vine migrate`

use anyhow::Result;

use crate::{
    config::Config,
    roles::daemon::{open_store, state_folder},
};

pub async fn run(config: &Config) -> Result<()> {
    let state = state_folder(config, std::env::var_os("VINE_STATE").map(Into::into))?;
    open_store(config, &state).await?.close().await;
    println!("The database in {} is up to date.", state.display());
    Ok(())
}
