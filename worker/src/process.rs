//! Agents' processes: they start with a clean environment, do not outlive their worker, and leave
//! nothing behind.
//!
//! Tools that an agent starts run in their own process groups and survive the agent's death. So
//! each agent carries a [`ProcessMark`] in its environment, which its children inherit, and killing
//! an agent means killing every process with that mark.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, Command},
};

/// Identifies an agent's task and worker in two environment variables.
#[derive(Debug, Clone)]
pub struct ProcessMark {
    task: String,
    worker: String,
}

impl ProcessMark {
    /// The mark of a task's agents on a worker. `task` must be unique across installations.
    pub fn new(task: &str, worker: &str) -> Self {
        Self {
            task: format!("VINE_AGENT={task}"),
            worker: Self::of_worker(worker),
        }
    }

    fn of_worker(worker: &str) -> String {
        format!("VINE_AGENT_OF={worker}")
    }

    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        [&self.task, &self.worker]
            .into_iter()
            .filter_map(|variable| variable.split_once('='))
    }

    /// Kills all agents of the task on this machine, regardless of which worker started them.
    pub async fn kill(&self) -> usize {
        kill_all(&self.task).await
    }

    /// Kills all agents that a worker started.
    pub async fn kill_of_worker(worker: &str) -> usize {
        kill_all(&Self::of_worker(worker)).await
    }
}

/// Variables that any program may need.
const COMMON: [&str; 8] = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SHELL",
];

/// A command with a clean environment: a few common variables, those in `pass` if set, then `env`.
pub fn command(
    program: &[String],
    folder: &Path,
    mark: &ProcessMark,
    env: &BTreeMap<String, String>,
    pass: &[String],
) -> Command {
    let mut command = Command::new(program.first().map_or("false", String::as_str));
    command
        .args(program.get(1..).unwrap_or_default())
        .kill_on_drop(true);
    die_with_parent(command.as_std_mut());
    prepared(command, folder, mark, env, pass)
}

/// Like [`command`], but below a subreaper that collects what the agent leaves behind
/// ([`mod@crate::supervise`]). Close its input with [`end_input`].
pub fn supervised(
    program: &[String],
    folder: &Path,
    mark: &ProcessMark,
    env: &BTreeMap<String, String>,
    pass: &[String],
) -> Command {
    let Some(own) = SUPERVISOR.get() else {
        return command(program, folder, mark, env, pass);
    };
    let mut command = Command::new(own);
    command.args(["supervise", "--"]).args(program);
    prepared(command, folder, mark, env, pass)
}

/// Like [`supervised`], with arguments for the supervisor, and inheriting nothing from our
/// environment.
pub fn supervised_by(
    words: &[String],
    program: &[String],
    folder: &Path,
    mark: &ProcessMark,
) -> Command {
    let own = SUPERVISOR.get().cloned();
    let mut command = Command::new(own.unwrap_or_else(|| "/proc/self/exe".into()));
    command.args(["supervise", "--"]).args(words).args(program);
    command.current_dir(folder).env_clear();
    command.envs(mark.variables()).process_group(0);
    command
}

fn prepared(
    mut command: Command,
    folder: &Path,
    mark: &ProcessMark,
    env: &BTreeMap<String, String>,
    pass: &[String],
) -> Command {
    command.current_dir(folder).env_clear();
    let inherited = COMMON.into_iter().chain(pass.iter().map(String::as_str));
    command.envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(env).envs(mark.variables()).process_group(0);
    command
}

/// The supervisor's program: this executable, once [`be_supervised`] was called.
static SUPERVISOR: OnceLock<PathBuf> = OnceLock::new();

/// Makes agents run under `vine supervise`, which this executable provides.
pub fn be_supervised() {
    let _first_counts = SUPERVISOR.set("/proc/self/exe".into());
}

/// Signals end of input to an agent. Keep the returned handle while the agent may live.
pub async fn end_input(mut input: ChildStdin) -> Option<ChildStdin> {
    SUPERVISOR.get()?;
    let _gone_already = input.write_all(&[END]).await;
    let _gone_already = input.flush().await;
    Some(input)
}

/// Has the kernel kill the process when its parent dies, for whatever reason.
#[expect(
    unsafe_code,
    reason = "there is no safe way to run code between fork and exec"
)]
pub fn die_with_parent(command: &mut std::process::Command) {
    let set =
        || rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into);
    // SAFETY: the closure makes one system call; it neither allocates nor takes locks.
    unsafe { command.pre_exec(set) };
}

/// Kills every process that carries `variable` and all descendants, until none is left. Supervisors
/// are killed last, since they collect orphans. Returns the number of killed processes.
async fn kill_all(variable: &str) -> usize {
    let mut killed = 0;
    for round in 0..100 {
        let bearing = bearing(variable);
        if bearing.is_empty() {
            break;
        }
        let all = parents();
        let mut found: Vec<Pid> = bearing.iter().flat_map(|pid| below(*pid, &all)).collect();
        // Supervisors collect orphans while they live. If a descendant cannot be killed, its
        // supervisor is killed eventually.
        let goes_last = |pid: &Pid| is_supervisor(*pid) && round % 10 != 9;
        let is_all = found.is_empty();
        found.extend(bearing.iter().filter(|pid| is_all || !goes_last(pid)));
        killed += found.len();
        for pid in found {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    killed
}

/// Whether this is one of our supervisors between a worker and an agent.
fn is_supervisor(pid: Pid) -> bool {
    let number = number_of(pid);
    let exe = fs::read_link(format!("/proc/{number}/exe"));
    let words = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    exe.ok() == std::env::current_exe().ok()
        && words.split(|byte| *byte == 0).nth(1) == Some(b"supervise")
}

/// Living processes with this variable; zombies have no environment.
fn bearing(variable: &str) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| bears(*pid, variable.as_bytes()))
        .filter_map(Pid::from_raw)
        .collect()
}

fn bears(pid: i32, variable: &[u8]) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    environment
        .split(|byte| *byte == 0)
        .any(|other| other == variable)
}

/// All visible processes, each with its parent.
pub fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect()
}

/// The fourth field of `stat`; the second is in parentheses and may contain anything
/// (proc_pid_stat(5)).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// The pid for a number.
pub fn pid_of(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn number_of(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// All living descendants of this process.
pub fn descendants_of(pid: Pid) -> Vec<Pid> {
    below(pid, &parents())
}

fn below(pid: Pid, all: &[(u32, u32)]) -> Vec<Pid> {
    let mut found = vec![number_of(pid)];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(child, _)| *child),
        );
        next += 1;
    }
    let below = found.into_iter().skip(1).filter_map(pid_of);
    below.filter(|pid| !is_zombie(*pid)).collect()
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", number_of(pid))).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// Finds a program in `PATH`; a name with a slash is used as it is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Closes an agent's input (ASCII: end of transmission); nothing that is sent to agents contains
/// it. The worker keeps its own end open while the agent may live.
pub const END: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_agent_leaves_nothing_behind_not_even_what_left_its_group() {
        let mark = ProcessMark::new(&format!("test-{}", std::process::id()), "w");
        let program: Vec<String> = ["sh", "-c", "setsid sleep 100 & sleep 100"]
            .map(String::from)
            .into();
        let mut child = command(&program, Path::new("/"), &mark, &BTreeMap::new(), &[])
            .spawn()
            .expect("sh starts");
        while bearing(&mark.task).len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(mark.kill().await >= 2, "the shell may end by itself");
        assert!(bearing(&mark.task).is_empty());
        child.wait().await.expect("reaped");
    }

    #[tokio::test]
    async fn an_agent_sees_nothing_of_the_workers_environment_but_what_it_needs() {
        let program: Vec<String> = ["env"].map(String::from).into();
        let output = command(
            &program,
            Path::new("/"),
            &ProcessMark::new("m", "w"),
            &BTreeMap::new(),
            &[],
        )
        .output()
        .await
        .expect("env runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("CARGO"), "{text}");
        assert!(
            text.contains("VINE_AGENT=m") && text.contains("PATH="),
            "{text}"
        );
    }
}
