//! `vine config`

use crate::output::{say, write_bytes};
use std::path::Path;

use anyhow::Result;

use crate::{
    cli::ConfigVerb,
    config::{BUILT_IN, Config, EXAMPLE},
};

pub fn run(file: Option<&Path>, verb: &ConfigVerb) -> Result<()> {
    match verb {
        ConfigVerb::Example => write_bytes(EXAMPLE.as_bytes()),
        ConfigVerb::Check => {
            Config::load(file)?.chat.check_built_in(BUILT_IN)?;
            say!("The configuration is valid.");
        }
        ConfigVerb::Show => write_bytes(Config::load(file)?.shown()?.as_bytes()),
    }
    Ok(())
}
