//! Standard output of the shell that nobody reads any more, or that has no room.

use std::{fs::OpenOptions, process::Stdio};

use crate::harness::{Agent, Place};

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_or_a_full_disk_ends_a_command_without_a_panic() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    place.task("One", "Do it.").await;
    for words in [
        &["status"][..],
        &["task", "list"],
        &["task", "show", "T-1", "--json"],
        &["help", "task"],
        &["completions", "bash"],
        &["config", "example"],
        &["audit"],
        &["doctor"],
        &["login"],
    ] {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("there");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        for (output, code) in [
            (Stdio::from(full), Some(1)),
            (Stdio::from(writer), Some(141)),
        ] {
            let mut command = place.vine(words);
            command.env("VINE_STATE", place.state("daemon"));
            command.stdout(output).stderr(Stdio::piped());
            let ended = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(!said.contains("panicked"), "{words:?}: {said}");
            assert_eq!(ended.status.code(), code, "{words:?}: {said}");
            let told = said.contains("could not write to standard output");
            assert_eq!(told, code == Some(1), "{words:?}: {said}");
        }
    }
}
