//! A person whose client is matrix-nio; see `nio_human.py`.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

use serde_json::{Value, json};

use super::{
    PATIENCE,
    synapse::{PASSWORD, Synapse},
};

pub struct NioHuman {
    child: Child,
    lines: Receiver<Value>,
}

impl NioHuman {
    pub fn log_in(synapse: &Synapse, name: &str, folder: &Path) -> Self {
        let python = std::env::var("VINE_TEST_SYNAPSE")
            .expect("VINE_TEST_SYNAPSE names a Python with matrix-nio");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/harness/nio_human.py");
        std::fs::create_dir_all(folder).expect("a folder");
        let mut child = Command::new(python)
            .args([
                script,
                &synapse.url,
                &format!("@{name}:vine.test"),
                PASSWORD,
                super::path(folder),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    continue;
                };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn wish(&mut self, wish: &Value) {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{wish}").expect("written");
    }

    /// Waits for a line like this.
    fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
            if is(&line) {
                return line;
            }
        }
    }

    pub fn join(&mut self, alias: &str) -> String {
        self.wish(&json!({ "join": alias }));
        let joined = self.wait("joined", |line| line["joined"].is_string());
        joined["joined"].as_str().expect("a room").to_owned()
    }

    /// Waits for words of the bot that could be decrypted.
    pub fn hears(&self, words: &str) -> Value {
        let of_bot = |line: &Value| {
            line["sender"] == "@vine:vine.test"
                && line["heard"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        };
        self.wait(&format!("the bot says `{words}`"), of_bot)
    }

    pub fn say_in(&mut self, room: &str, root: &str, text: &str) {
        self.wish(&json!({ "say": text, "in": room, "root": root }));
        self.wait("sent", |line| line["sent"].is_string());
    }
}

impl Drop for NioHuman {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}
