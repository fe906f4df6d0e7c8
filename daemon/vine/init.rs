//! Process 1 of a container. It is given every orphan, and nobody but it takes away what has ended; and signals
//! that it does not ask for pass it by. So it is nothing else, and does its work as its own child.

use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};

/// Signals that are meant for the child.
const PASSED_ON: [(SignalKind, Signal); 4] = [
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::quit(), Signal::QUIT),
];

/// Whether this process is the first one.
pub fn is_wanted() -> bool {
    std::process::id() == 1
}

/// Runs the same words in a child, and ends as it does.
pub fn run(words: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .context("no runtime")
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
        let (mut heard, send) = (signal(kind)?, send.clone());
        tokio::spawn(
            async move { while heard.recv().await.is_some() && send.send(passed).is_ok() {} },
        );
    }
    let program = std::env::current_exe().context("who we are")?;
    let arguments = words.get(1..).unwrap_or_default();
    // A terminal's signals come through us, once.
    let child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .spawn()
        .context("the child does not start")?;
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
