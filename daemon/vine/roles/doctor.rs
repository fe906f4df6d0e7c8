//! `vine doctor`: what works on this machine, what does not, and what to do about it.

use std::process::{Command, ExitCode};

use anyhow::Result;
use vine_worker::find_program;

use crate::{
    config::Config,
    endpoint::{Endpoint, state_root},
    roles::worker::INSTALL,
};

/// A check: what was looked at, and either how it is or what to do.
struct Check {
    what: &'static str,
    found: Result<String, String>,
}

pub async fn run(config: &Config) -> Result<ExitCode> {
    let checks = [git(), claude(config), state(), daemon().await];
    for check in &checks {
        match &check.found {
            Ok(fine) => println!("ok       {:<12} {fine}", check.what),
            Err(advice) => println!("problem  {:<12} {advice}", check.what),
        }
    }
    let well = checks.iter().all(|check| check.found.is_ok());
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn git() -> Check {
    Check { what: "git", found: version("git").ok_or_else(|| "git is not found; workers need it".into()) }
}

fn claude(config: &Config) -> Check {
    let program = config.agents.claude.command.first().and_then(|program| find_program(program));
    let found =
        program.and_then(|program| version(&program.display().to_string()).map(|version| format!("{version} at {}", program.display())));
    Check {
        what: "claude",
        found: found.ok_or_else(|| format!("Claude Code is not found; `{INSTALL}` installs it, until then the demo agent runs")),
    }
}

fn state() -> Check {
    let found = state_root().map_err(|error| error.to_string()).and_then(|root| {
        std::fs::create_dir_all(&root)
            .map(|()| root.display().to_string())
            .map_err(|error| format!("{} cannot be written: {error}", root.display()))
    });
    Check { what: "state", found }
}

async fn daemon() -> Check {
    let found = match Endpoint::find() {
        Err(error) => Err(error.to_string()),
        Ok(endpoint) => match endpoint.client().run(&["whoami".into()], "").await {
            Ok(reply) => Ok(format!("{}: {}", endpoint.url, reply.text)),
            Err(error) => Err(error.to_string()),
        },
    };
    Check { what: "daemon", found }
}
