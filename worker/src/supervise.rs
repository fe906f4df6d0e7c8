//! The process between a worker and an agent: the nearest ancestor that the kernel gives orphans to
//! (`PR_SET_CHILD_SUBREAPER`). Whatever an agent starts, in sessions of its own and with an empty
//! environment, descends from it, so nothing outlives the attempt or the worker.
//!
//! It passes on what the worker writes. An agent whose input ends believes that people have refused
//! what it asked; so its input ends only when the worker says so ([`END`]). When the worker's end of
//! it is gone, so is the worker: the agent is killed first.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{ChildStdin, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, pidfd_send_signal, wait,
};

use crate::process::{descendants_of, die_with_parent, pid_of};

/// Ends an agent's input (ASCII: end of transmission); nothing that agents are told holds it. The
/// worker keeps its own end open as long as the agent may live.
pub const END: u8 = 4;

/// Runs `command` to its end, then ends all that it left; ends as it ended.
pub fn supervise(command: &[String]) -> ExitCode {
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        eprintln!("vine: this agent cannot be supervised: {error}");
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
            eprintln!("vine: this agent cannot be held: {error:#}");
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
    // Names this process, whoever bears its number later.
    let handle = agent.and_then(|agent| pidfd_open(agent, PidfdFlags::empty()).ok());
    let (Some(handle), Some(input)) = (handle, input) else {
        eprintln!("vine: `{program}` cannot be watched; Linux 5.3 or later is needed");
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

/// Comes first where the worker has something to do with this process before the agent starts; it says
/// when, by one byte of any value.
pub const GATED: &str = "--gated";

/// Waits for the worker; without it nothing is started.
fn is_let_go() -> bool {
    io::stdin().read_exact(&mut [0]).is_ok()
}

/// Comes before a user's number, a group's, and how many processes the user may have.
pub const AS: &str = "--as";

/// Whom the agent runs as, if not as ourselves.
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
        let none = |_| "a user is named by numbers".to_owned();
        let user = Self {
            id: id.parse().map_err(none)?,
            group: group.parse().map_err(none)?,
            processes: processes.parse().map_err(none)?,
        };
        Ok((Some(user), rest))
    }

    /// With no way back: programs that make others more powerful have no effect (`no_new_privs`).
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

/// What a shell gives when there is no such program.
const NOT_STARTED: u8 = 127;

/// The agent's program did not start, as the supervisor's end says.
pub fn is_not_started(status: ExitStatus) -> bool {
    status.code() == Some(NOT_STARTED.into())
}

/// Passes on what `from` gives up to [`END`]. An agent that reads nothing keeps it waiting.
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
        // An agent that reads no more may still work.
        let _closed = to.write_all(&read[..end.unwrap_or(read.len())]);
        if end.is_some() {
            return None;
        }
    }
}

/// Until nobody has the other end any more: the worker has died, or has let go of the agent. What was
/// written before may not be read yet.
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

/// Waits for the agent's end, and takes away orphans that ended meanwhile: they are nobody's but
/// ours.
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

/// Ends all descendants; what they start meanwhile descends from us too. What is not ours to kill, for
/// a second.
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

/// The worker reads of the agent in how this process ends.
fn ends_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        let _ends_here = kill_process(getpid(), signal);
        thread::sleep(Duration::from_secs(1));
    }
    let code = status.code().unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
