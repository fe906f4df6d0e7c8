//! A Slack workspace for a story: the double, and the hands of the people in it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vine_doubles::slack::{Slack, world::BOT_USER};

use super::PATIENCE;

pub struct Workspace {
    pub url: String,
    http: reqwest::Client,
}

impl Workspace {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(Slack::serve(listener));
        Self { url, http: reqwest::Client::new() }
    }

    /// Does something as a person, or to the wire; see `control.rs` of the double.
    pub async fn act(&self, what: &str, args: Value) -> Value {
        let answer = self.http.post(format!("{}/_control/{what}", self.url)).json(&args).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Says something and gives its `ts`.
    pub async fn say(&self, user: &str, channel: &str, text: &str, root: Option<&str>) -> String {
        let said = self.act("say", json!({ "user": user, "channel": channel, "text": text, "thread_ts": root })).await;
        said["ts"].as_str().expect("a ts").to_owned()
    }

    pub async fn state(&self) -> Value {
        self.http.get(format!("{}/_control/state", self.url)).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until the workspace is like this.
    pub async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.state().await;
            if is(&state) {
                return state;
            }
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}\n{:#}\n{:#}", state["channels"], state["ephemerals"]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// All messages, channel by channel.
pub fn messages(state: &Value) -> impl Iterator<Item = &Value> {
    state["channels"].as_array().into_iter().flatten().flat_map(|channel| channel["messages"].as_array().into_iter().flatten())
}

/// What the bot says.
pub fn of_bot(state: &Value) -> impl Iterator<Item = &Value> {
    messages(state).filter(|message| message["user"] == BOT_USER)
}

/// Whether a message has a reaction.
pub fn reacted(state: &Value, ts: &str, name: &str) -> bool {
    let is = |message: &Value| {
        message["ts"] == ts && message["reactions"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    messages(state).any(is)
}
