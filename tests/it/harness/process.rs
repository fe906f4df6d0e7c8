//! A process of a story: its output kept for the failure message, its end certain.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::until;

pub struct Process {
    name: String,
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Process {
    pub fn start(name: &str, mut command: Command) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a file for the log");
        // Both streams write to the end of one file, wherever the other is.
        let append = || {
            fs::OpenOptions::new()
                .append(true)
                .open(log.path())
                .expect("the log opens")
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(append())
            .stderr(append())
            .spawn()
            .expect("the process starts");
        Self {
            name: name.into(),
            child,
            log,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, what: Signal) {
        signal(i32::try_from(self.pid()).expect("a pid"), what);
    }

    /// Kills it where it stands and makes sure that it is dead.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let status = self.child.wait().expect("reaped");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "{} died of the kill",
            self.name
        );
    }

    /// Asks it to end, and gives its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        let mut status = None;
        for _ in 0..600 {
            status = self.child.try_wait().expect("a child");
            if status.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        status
            .unwrap_or_else(|| panic!("{} did not end within 30 s", self.name))
            .code()
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.output());
        }
    }
}

/// Sends a signal to a process that is there.
pub fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("not zero"), signal).expect("the process is there");
}

/// Whether a process lives (a zombie does not).
pub fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until a process is gone.
pub async fn gone(pid: i32, patience: Duration) {
    until(patience, &format!("process {pid} is gone"), || {
        (!lives(pid)).then_some(())
    })
    .await;
}

/// Agents of a story: processes whose environment names the place.
pub fn agents(place: &std::path::Path) -> Vec<i32> {
    let wanted = format!("CLAUDE_CONFIG_DIR={}/home/claude", place.display());
    let script = format!("PLACE={}", place.display());
    let entries = fs::read_dir("/proc").expect("a proc file system");
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let ours = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|line| line == wanted.as_bytes() || line == script.as_bytes())
    };
    pids.filter(ours).filter(|pid| lives(*pid)).collect()
}
