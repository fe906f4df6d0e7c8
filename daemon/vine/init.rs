//! Process 1 of a container. It inherits every orphan and must reap it, and it receives only
//! signals that it handles. So it does nothing else, and the actual work runs in a child process.

use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};

/// Signals that are passed on to the child.
const PASSED_ON: [(SignalKind, Signal); 4] = [
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::quit(), Signal::QUIT),
];

/// Whether this process is process 1.
pub fn is_wanted() -> bool {
    std::process::id() == 1
}

/// Runs the same command line in a child, and exits as it does.
pub fn run(words: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .context("could not start the runtime")
        .and_then(|runtime| runtime.block_on(watch(words)));
    match ended {
        Ok(status) => {
            let code = status.code().or(status.signal().map(|signal| 128 + signal));
            ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("vine: as process 1: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn watch(words: &[String]) -> Result<ExitStatus> {
    let mut ended = signal(SignalKind::child())?;
    let (send, mut asked) = tokio::sync::mpsc::unbounded_channel();
    for (kind, passed) in PASSED_ON {
        let mut heard = signal(kind)?;
        let send = send.clone();
        tokio::spawn(
            async move { while heard.recv().await.is_some() && send.send(passed).is_ok() {} },
        );
    }
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let arguments = words.get(1..).unwrap_or_default();
    // A terminal's signals reach the child only through us, once.
    let child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .spawn()
        .context("could not start the child process")?;
    let child = Pid::from_child(&child);
    loop {
        tokio::select! {
            Some(signal) = asked.recv() => {
                let _ended_already = kill_process(child, signal);
            }
            Some(()) = ended.recv() => {
                while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                    if pid == child {
                        return Ok(ExitStatus::from_raw(status.as_raw()));
                    }
                }
            }
        }
    }
}
