//! The process between a worker and an agent: a child subreaper (`PR_SET_CHILD_SUBREAPER`), so the
//! kernel hands orphaned processes to it. Everything an agent starts stays its descendant, even in
//! a new session with an empty environment, so nothing outlives the attempt or the worker.
//!
//! It forwards what the worker writes. An agent whose input closes takes that as a refusal of what
//! it asked, so its input closes only when the worker requests it ([`END`]). When the worker's end
//! of the pipe closes, the worker is gone, and the agent is killed.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{ChildStdin, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
        wait,
    },
};

use crate::process::{END, descendants_of, die_with_parent, pid_of};

/// Runs `command` to completion, then kills everything it left behind; exits as it exited.
pub fn supervise(command: &[String]) -> ExitCode {
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        eprintln!("vine: cannot supervise this agent: {error}");
        return ExitCode::FAILURE;
    }
    let command = match command.split_first() {
        Some((first, _)) if first == GATED && !is_let_go() => return ExitCode::FAILURE,
        Some((first, rest)) if first == GATED => rest,
        _ => command,
    };
    let (user, command) = match RunAs::read(command) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("vine: {error}");
            return ExitCode::from(2);
        }
    };
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("vine: nothing to supervise");
        return ExitCode::from(2);
    };
    let mut agent = Command::new(program);
    agent.args(arguments).process_group(0).stdin(Stdio::piped());
    if let Some(user) = user {
        if let Err(error) = vine_inside::filter::close() {
            eprintln!("vine: cannot restrict this agent: {error:#}");
            return ExitCode::FAILURE;
        }
        user.becomes(&mut agent);
    }
    die_with_parent(&mut agent);
    let (agent, input) = match agent.spawn() {
        Ok(mut agent) => (pid_of(agent.id()), agent.stdin.take()),
        Err(error) => {
            eprintln!("vine: `{program}` does not start: {error}");
            return ExitCode::from(NOT_STARTED);
        }
    };
    // Refers to this process even if its pid is reused later.
    let handle = agent.and_then(|agent| pidfd_open(agent, PidfdFlags::empty()).ok());
    let (Some(handle), Some(input)) = (handle, input) else {
        eprintln!("vine: cannot watch `{program}`; requires Linux 5.3 or later");
        end_all();
        return ExitCode::from(NOT_STARTED);
    };
    thread::spawn(move || std::mem::forget(pass_on(io::stdin(), input)));
    thread::spawn(move || {
        wait_for_end_of_input();
        let _gone_already = pidfd_send_signal(handle, Signal::KILL);
    });
    let status = end_of(agent);
    end_all();
    status.map_or(ExitCode::FAILURE, ends_as)
}

/// First argument when the worker must prepare this process before the agent starts; the worker
/// then writes one byte of any value.
pub const GATED: &str = "--gated";

/// Waits for the worker; if the worker is gone, nothing is started.
fn is_let_go() -> bool {
    io::stdin().read_exact(&mut [0]).is_ok()
}

/// Precedes a user id, a group id, and the maximum number of processes for that user.
pub const AS: &str = "--as";

/// The user to run the agent as, if not the current one.
struct RunAs {
    id: u32,
    group: u32,
    processes: u64,
}

impl RunAs {
    fn read(words: &[String]) -> Result<(Option<Self>, &[String]), String> {
        let [first, id, group, processes, rest @ ..] = words else {
            return Ok((None, words));
        };
        if first != AS {
            return Ok((None, words));
        }
        let none = |_| "user, group and process limit must be numbers".to_owned();
        let user = Self {
            id: id.parse().map_err(none)?,
            group: group.parse().map_err(none)?,
            processes: processes.parse().map_err(none)?,
        };
        Ok((Some(user), rest))
    }

    /// Irrevocable: setuid programs have no effect (`no_new_privs`).
    #[expect(
        unsafe_code,
        reason = "there is no safe way to run code between fork and exec"
    )]
    fn becomes(self, command: &mut Command) {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let processes = self.processes;
        let bound = move || {
            let to = |limit| Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            setrlimit(Resource::Nproc, to(processes))?;
            setrlimit(Resource::Core, to(0))?;
            Ok(rustix::thread::set_no_new_privs(true)?)
        };
        let group = rustix::process::Gid::from_raw(self.group);
        let own = rustix::process::Gid::from_raw(self.id);
        let user = rustix::process::Uid::from_raw(self.id);
        let becomes = move || {
            rustix::thread::set_thread_groups(&[group])?;
            rustix::thread::set_thread_res_gid(own, own, own)?;
            Ok(rustix::thread::set_thread_res_uid(user, user, user)?)
        };
        // SAFETY: the closures make system calls; they neither allocate nor take locks.
        unsafe { command.pre_exec(bound).pre_exec(becomes) };
    }
}

/// The exit code that a shell returns for a command that is not found.
const NOT_STARTED: u8 = 127;

/// Whether the agent's program did not start, according to the supervisor's exit code.
pub fn is_not_started(status: ExitStatus) -> bool {
    status.code() == Some(NOT_STARTED.into())
}

/// Forwards `from` up to [`END`]. Blocks while the agent does not read.
fn pass_on(mut from: impl Read, mut to: ChildStdin) -> Option<ChildStdin> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Some(to),
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Some(to),
        };
        let end = read.iter().position(|byte| *byte == END);
        // An agent that has stopped reading may still be working.
        let _closed = to.write_all(&read[..end.unwrap_or(read.len())]);
        if end.is_some() {
            return None;
        }
    }
}

/// Waits until the other end is closed: the worker died or released the agent. Data written before
/// that may still be unread.
fn wait_for_end_of_input() {
    let input = io::stdin();
    loop {
        let mut polled = [PollFd::new(&input, PollFlags::empty())];
        match poll(&mut polled, None) {
            Ok(_) if !polled[0].revents().is_empty() => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Waits for the agent to exit and reaps orphans meanwhile; only this process can reap them.
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

/// Kills all descendants, including those started meanwhile. Keeps trying for one second if some
/// cannot be killed.
fn end_all() {
    for _ in 0..200 {
        let left = descendants_of(getpid());
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        thread::sleep(Duration::from_millis(5));
    }
}

/// Exits as the agent did; the worker reads the agent's status from it.
fn ends_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        let _ends_here = kill_process(getpid(), signal);
        thread::sleep(Duration::from_secs(1));
    }
    let code = status.code().unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
