//! The first process of an agent's sandbox: small, since one runs for each agent.
//!
//! It limits itself, blocks kernel features beyond files and sockets, forwards loopback ports to
//! the keeper's sockets, starts the agent, reaps orphans, and exits as the agent does. Everything
//! in the sandbox ends with it, since it is process 1 there (pid_namespaces(7)).
#![warn(missing_docs)]

pub mod filter;
mod ports;
mod spec;

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, WaitOptions, set_dumpable_behavior, setrlimit, wait,
};

pub use spec::{SPEC, SandboxSpec};

/// The exit code that a shell returns for a command that is not found.
pub const NOT_STARTED: u8 = 127;

/// Runs the program in the spec; `arguments` are this program's name and the spec file.
pub fn run(arguments: &[String]) -> ExitCode {
    let [_, file] = arguments else {
        eprintln!(
            "vine-inside: only `vine worker` starts this program, as the first process of a sandbox"
        );
        return ExitCode::from(2);
    };
    match begin(file) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vine: this sandbox does not start: {error:#}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn begin(file: &str) -> Result<ExitCode> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    let spec: SandboxSpec =
        serde_json::from_slice(&text).context("cannot parse the sandbox spec")?;
    // Prevents other processes in the sandbox from inspecting this one.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    bound(&spec);
    let doors = ports::open(&spec.ports)?;
    filter::close()?;
    ports::carry(doors);
    let Some((program, rest)) = spec.program.split_first() else {
        anyhow::bail!("the sandbox spec names no program");
    };
    let mut agent = Command::new(program);
    agent
        .args(rest)
        .env_clear()
        .envs(spec.env)
        .current_dir(&spec.folder);
    let agent = match agent.spawn() {
        Ok(agent) => i32::try_from(agent.id()).ok().and_then(Pid::from_raw),
        Err(error) => {
            eprintln!("vine: `{program}` does not start: {error}");
            return Ok(ExitCode::from(NOT_STARTED));
        }
    };
    let status = end_of(agent).context("the agent was lost")?;
    Ok(ends_as(status))
}

/// Limits that a process may only lower. A control group of the keeper applies in addition.
fn bound(spec: &SandboxSpec) {
    let to = |limit: u64| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let _there_is_no_disk_for_it = setrlimit(Resource::Core, to(0));
    if let Some(processes) = spec.processes {
        let _lower_already = setrlimit(Resource::Nproc, to(processes));
    }
    if let Some(memory) = spec.memory {
        let _lower_already = setrlimit(Resource::Data, to(memory));
    }
}

/// Waits for the agent to exit and reaps other processes meanwhile.
fn end_of(agent: Option<Pid>) -> Option<ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == agent => {
                return Some(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// The exit code in the shell convention: 128 plus the signal number.
fn ends_as(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
