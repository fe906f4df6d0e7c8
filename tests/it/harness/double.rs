//! What the doubles of platforms have in common: the hands of the people in them, and bots that
//! others wrote.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::net::TcpListener;

use super::PATIENCE;

/// A double that serves.
pub struct Double {
    pub url: String,
    http: reqwest::Client,
}

impl Double {
    /// Where it is to listen, and itself.
    pub async fn at_a_free_port() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        (
            listener,
            Self {
                url,
                http: reqwest::Client::new(),
            },
        )
    }

    /// Does something as a person, or to the wire; see `control.rs` of the double.
    pub async fn act(&self, what: &str, args: Value) -> Value {
        let answer = self
            .http
            .post(format!("{}/_control/{what}", self.url))
            .json(&args)
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    pub async fn state(&self) -> Value {
        self.http
            .get(format!("{}/_control/state", self.url))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    /// Waits until it is like this.
    pub async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.state().await;
            if is(&state) {
                return state;
            }
            assert!(
                Instant::now() < end,
                "{what}: not within {PATIENCE:?}\n{:#}\n{:#}",
                state["channels"],
                state["ephemerals"]
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// All messages, channel by channel.
pub fn messages(state: &Value) -> impl Iterator<Item = &Value> {
    state["channels"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|channel| channel["messages"].as_array().into_iter().flatten())
}

/// Official SDKs come up within some seconds.
const COMES: Duration = Duration::from_secs(20);

/// A bot that others wrote, which says one JSON object a line.
pub struct Bot {
    process: Child,
    lines: Receiver<Value>,
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Bot {
    /// Starts it and waits until it is ready. One that never comes up is started again: seen once in
    /// some hundred runs, of Python alone.
    pub fn start(mut command: Command) -> Self {
        for _ in 0..2 {
            let bot = Self::begun(&mut command);
            if bot.hears_within(COMES, "ready").is_some() {
                return bot;
            }
        }
        let bot = Self::begun(&mut command);
        bot.hears("ready");
        bot
    }

    fn begun(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bot starts");
        let out = BufReader::new(process.stdout.take().expect("piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .filter_map(|line| serde_json::from_str(&line).ok())
                .try_for_each(|line| send.send(line))
        });
        Self { process, lines }
    }

    /// Waits for a line with this key.
    pub fn hears(&self, key: &str) -> Value {
        self.hears_within(PATIENCE, key)
            .unwrap_or_else(|| panic!("the bot says `{key}`: not within {PATIENCE:?}"))
    }

    fn hears_within(&self, patience: Duration, key: &str) -> Option<Value> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line: Value = self.lines.recv_timeout(left).ok()?;
            if !line[key].is_null() {
                return Some(line);
            }
        }
    }
}
