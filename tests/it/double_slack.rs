//! The double of Slack is believable: apps on Slack's own SDKs, unmodified, work with it as with the real one.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN, Slack, world::BOT_USER};

use crate::harness::PATIENCE;

const GENERAL: &str = "C0GENERAL";

/// A workspace with an app in it.
struct Workspace {
    url: String,
    http: reqwest::Client,
    app: Child,
    lines: Receiver<Value>,
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ended_before = self.app.kill();
        let _reaped = self.app.wait();
    }
}

/// Slack's SDK for Python.
fn python() -> Command {
    let mut command = Command::new(tools().join("bin/python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bolt/app.py"));
    command
}

/// Slack's SDK for JavaScript.
fn javascript() -> Command {
    let mut command = Command::new("node");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bolt/app.mjs")).arg(tools());
    command
}

/// Where `tests/run` put both.
fn tools() -> std::path::PathBuf {
    let folder = std::env::var("VINE_TEST_BOLT").expect("VINE_TEST_BOLT names a folder with Slack's SDKs; `tests/run` installs them");
    Path::new(&folder).to_owned()
}

impl Workspace {
    async fn with(mut app: Command) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(Slack::serve(listener));
        app.args([&format!("{url}/api/"), BOT_TOKEN, APP_TOKEN]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut app = app.spawn().expect("the app starts");
        let out = BufReader::new(app.stdout.take().expect("piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).try_for_each(|line| send.send(line))
        });
        let workspace = Self { url, http: reqwest::Client::new(), app, lines };
        workspace.hears("ready");
        workspace
    }

    /// Waits for a line of the app with this key.
    fn hears(&self, key: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the app says `{key}`: not within {PATIENCE:?}"));
            if !line[key].is_null() {
                return line[key].clone();
            }
        }
    }

    async fn act(&self, what: &str, args: Value) -> Value {
        let answer = self.http.post(format!("{}/_control/{what}", self.url)).json(&args).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn say(&self, text: &str, root: Option<&str>) -> String {
        let said = self.act("say", json!({ "user": "U0ANN", "channel": GENERAL, "text": text, "thread_ts": root })).await;
        said["ts"].as_str().expect("a ts").to_owned()
    }

    async fn state(&self) -> Value {
        self.http.get(format!("{}/_control/state", self.url)).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until the workspace is like this.
    async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.state().await;
            if is(&state) {
                return state;
            }
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}\n{state:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn message<'a>(state: &'a Value, ts: &str) -> &'a Value {
    let channels = state["channels"].as_array().expect("channels").iter();
    channels
        .flat_map(|channel| channel["messages"].as_array().expect("messages"))
        .find(|message| message["ts"] == ts)
        .unwrap_or(&Value::Null)
}

fn whispered(state: &Value, text: &str) -> bool {
    state["ephemerals"].as_array().expect("ephemerals").iter().any(|one| one["content"]["text"] == text && one["user"] == "U0ANN")
}

/// A day in the workspace.
async fn day(workspace: &Workspace) {
    let root = workspace.say("ask", None).await;
    let card = workspace.hears("asked").as_str().expect("a ts").to_owned();
    let reply = workspace.say("blue", Some(&root)).await;
    assert_eq!(workspace.hears("reply"), "blue");
    workspace.wait("the reply has a reaction", |state| message(state, &reply)["reactions"][0]["name"] == "eyes").await;

    workspace.act("click", json!({ "user": "U0BEN", "channel": GENERAL, "ts": card, "action": "write" })).await;
    let view = workspace.hears("opened");
    workspace.act("submit", json!({ "view": view, "values": { "answer": { "text": null } } })).await;
    workspace.hears("refused");
    workspace.wait("the modal says what is wrong", |state| state["views"][0]["view"]["errors"]["answer"] == "Please write something").await;
    workspace.act("submit", json!({ "view": view, "values": { "answer": { "text": "green" } } })).await;
    assert_eq!(workspace.hears("answer"), "green");
    workspace.wait("the modal is closed", |state| state["views"].as_array().is_some_and(Vec::is_empty)).await;
    workspace.act("click", json!({ "user": "U0BEN", "channel": GENERAL, "ts": card, "action": "pick" })).await;
    assert_eq!(workspace.hears("picked"), "q-1");
    workspace.wait("the card is settled", |state| message(state, &card)["text"] == "picked").await;

    workspace.act("command", json!({ "user": "U0ANN", "channel": GENERAL, "line": "/vine status" })).await;
    assert_eq!(workspace.hears("command"), "status");
    workspace.wait("both replies are seen", |state| whispered(state, "working") && whispered(state, "done: status")).await;
    workspace.act("shortcut", json!({ "user": "U0ANN", "channel": GENERAL, "ts": root, "callback": "vine_answer" })).await;
    assert_eq!(workspace.hears("shortcut"), "ask");
    workspace.say(&format!("<@{BOT_USER}> help"), None).await;
    assert_eq!(workspace.hears("mention"), format!("<@{BOT_USER}> help"));

    workspace.say("metadata", None).await;
    assert_eq!(workspace.hears("keys"), json!(["k-1"]));
    workspace.say("who", None).await;
    assert_eq!(workspace.hears("who"), "ann");
    workspace.say("file", None).await;
    workspace.hears("uploaded");
    workspace.wait("the file is whole", |state| state["files"][0]["text"] == "all of it").await;
    workspace.act("edit", json!({ "user": "U0ANN", "channel": GENERAL, "ts": reply, "text": "red" })).await;
    workspace.act("delete", json!({ "user": "U0ANN", "channel": GENERAL, "ts": reply })).await;
    while workspace.hears("other") != "message_deleted" {}
}

/// What goes wrong, and how the SDKs take it.
async fn trouble(workspace: &Workspace) {
    workspace.act("fault", json!({ "method": "chat.postMessage", "how": { "limited": 1 } })).await;
    workspace.say("slow down", None).await;
    workspace.hears("limited");
    for what in ["disconnect", "cut"] {
        let before = opened(&workspace.state().await);
        workspace.act(what, json!({})).await;
        workspace.wait("there is a new connection", |state| opened(state) > before && state["connections"].as_u64() >= Some(1)).await;
        workspace.say("who", None).await;
        assert_eq!(workspace.hears("who"), "ann", "after {what}");
    }
}

/// How often the app has asked for a connection.
fn opened(state: &Value) -> usize {
    state["calls"].as_array().expect("calls").iter().filter(|call| call["method"] == "apps.connections.open").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_python_lives_in_the_double() {
    let workspace = Workspace::with(python()).await;
    day(&workspace).await;
    trouble(&workspace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_javascript_lives_in_the_double() {
    let workspace = Workspace::with(javascript()).await;
    day(&workspace).await;
    trouble(&workspace).await;
}
