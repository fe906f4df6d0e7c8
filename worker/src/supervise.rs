//! The process between a worker and an agent: the nearest ancestor that the kernel gives orphans to
//! (`PR_SET_CHILD_SUBREAPER`). Whatever an agent starts, in sessions of its own and with an empty
//! environment, descends from it, so nothing outlives the attempt or the worker.

use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, kill_process, waitpid};

use crate::process::{children_of, descendants_of, die_with_parent};

/// How soon a worker that died is missed.
const TICK: Duration = Duration::from_millis(100);
/// How often orphans that ended are taken away: looking for them reads of every process there is.
const TIDY: u32 = 50;

/// Runs `command` to its end, then ends all that it left; ends as it ended.
pub fn supervise(command: &[String]) -> ExitCode {
    let worker = getppid();
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        eprintln!("vine: this agent cannot be supervised: {error}");
        return ExitCode::FAILURE;
    }
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("vine: nothing to supervise");
        return ExitCode::from(2);
    };
    let mut agent = Command::new(program);
    agent.args(arguments).process_group(0);
    die_with_parent(&mut agent);
    let mut agent = match agent.spawn() {
        Ok(agent) => agent,
        Err(error) => {
            eprintln!("vine: `{program}` does not start: {error}");
            return ExitCode::from(NOT_STARTED);
        }
    };
    let own = i32::try_from(agent.id()).ok().and_then(Pid::from_raw);
    let (send, ended) = mpsc::channel();
    thread::spawn(move || send.send(agent.wait()));
    let mut ticks = 0_u32;
    let status = loop {
        ticks = ticks.wrapping_add(1);
        match ended.recv_timeout(TICK) {
            Ok(status) => break status.ok(),
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
            Err(mpsc::RecvTimeoutError::Timeout) if getppid() != worker => break None,
            Err(mpsc::RecvTimeoutError::Timeout) if ticks.is_multiple_of(TIDY) => take_away(own),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    };
    end_all();
    status.map_or(ExitCode::FAILURE, ends_as)
}

/// What a shell gives when there is no such program.
const NOT_STARTED: u8 = 127;

/// The agent's program did not start, as the supervisor's end says.
pub fn is_not_started(status: ExitStatus) -> bool {
    status.code() == Some(NOT_STARTED.into())
}

/// Orphans that ended are nobody's but ours.
fn take_away(agent: Option<Pid>) {
    for child in children_of(getpid()) {
        if Some(child) != agent {
            let _still_runs = waitpid(Some(child), WaitOptions::NOHANG);
        }
    }
}

/// Ends all descendants; what they start meanwhile descends from us too.
fn end_all() {
    for _ in 0..200 {
        let left = descendants_of(getpid());
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        take_away(None);
        thread::sleep(Duration::from_millis(5));
    }
}

/// The worker reads of the agent in how this process ends.
fn ends_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        let _ends_here = kill_process(getpid(), signal);
        thread::sleep(Duration::from_secs(1));
    }
    let code = status.code().unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
