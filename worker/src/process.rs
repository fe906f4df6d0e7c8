//! Agents' processes: an environment made from nothing, no outliving their worker, no leftovers.
//!
//! Tools that an agent starts live in process groups of their own and survive a killed agent. So each agent carries a
//! mark in its environment, which its children inherit, and killing an agent means killing everything with the mark.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

/// The variable that carries the mark.
const MARK: &str = "VINE_AGENT";

/// Names that every program may need.
const COMMON: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SHELL"];

/// A command with an environment made from nothing: a few common names, those in `pass` if set, then `env`.
pub fn command(program: &[String], folder: &Path, mark: &str, env: &BTreeMap<String, String>, pass: &[String]) -> Command {
    let mut command = Command::new(program.first().map_or("false", String::as_str));
    command.args(program.get(1..).unwrap_or_default()).current_dir(folder).env_clear();
    let inherited = COMMON.into_iter().chain(pass.iter().map(String::as_str));
    command.envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(env).env(MARK, mark).process_group(0).kill_on_drop(true);
    die_with_us(&mut command);
    command
}

/// The kernel kills the process when this worker dies, however it dies.
#[expect(unsafe_code, reason = "there is no safe way to run code between fork and exec")]
fn die_with_us(command: &mut Command) {
    let set = || rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into);
    // SAFETY: the closure makes one system call; it neither allocates nor takes locks.
    unsafe { command.pre_exec(set) };
}

/// Kills everything that carries `mark`, until nothing is left. Returns how many processes that were.
pub async fn kill_marked(mark: &str) -> usize {
    let mut killed = 0;
    for _ in 0..100 {
        let found = marked(mark);
        if found.is_empty() {
            break;
        }
        killed += found.len();
        for pid in found {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    killed
}

/// Living processes whose mark begins with `mark`; zombies have no environment any more.
fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| carries(*pid, wanted.as_bytes())).filter_map(Pid::from_raw).collect()
}

fn carries(pid: i32, wanted: &[u8]) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted))
}

/// Where a program is, by the search path; a name with a slash is taken as it is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_agent_leaves_nothing_behind_not_even_what_left_its_group() {
        let mark = format!("test-{}", std::process::id());
        let program: Vec<String> = ["sh", "-c", "setsid sleep 100 & sleep 100"].map(String::from).into();
        let mut child = command(&program, Path::new("/"), &mark, &BTreeMap::new(), &[]).spawn().expect("sh starts");
        while marked(&mark).len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(kill_marked(&mark).await >= 3);
        assert!(marked(&mark).is_empty());
        child.wait().await.expect("reaped");
    }

    #[tokio::test]
    async fn an_agent_sees_nothing_of_the_workers_environment_but_what_it_needs() {
        let program: Vec<String> = ["env"].map(String::from).into();
        let output = command(&program, Path::new("/"), "m", &BTreeMap::new(), &[]).output().await.expect("env runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("CARGO"), "{text}");
        assert!(text.contains("VINE_AGENT=m") && text.contains("PATH="), "{text}");
    }
}
