//! `vine config`

use std::path::Path;

use anyhow::Result;

use crate::{
    cli::ConfigVerb,
    config::{BUILT_IN, Config, EXAMPLE},
};

pub fn run(file: Option<&Path>, verb: &ConfigVerb) -> Result<()> {
    match verb {
        ConfigVerb::Example => print!("{EXAMPLE}"),
        ConfigVerb::Check => {
            Config::load(file)?.chat.check_built_in(BUILT_IN)?;
            println!("The configuration is valid.");
        }
        ConfigVerb::Show => print!("{}", Config::load(file)?.shown()?),
    }
    Ok(())
}
