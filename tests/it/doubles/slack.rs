//! The double of Slack is believable: apps on Slack's own SDKs, unmodified, work with it as with
//! the real one.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN, world::BOT_USER};

use crate::harness::{
    double::{Bot, messages},
    workspace::Workspace,
};

const GENERAL: &str = "C0GENERAL";

/// A workspace with an app in it.
struct Inhabited {
    workspace: Workspace,
    app: Bot,
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
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/bolt/app.mjs"
        ))
        .arg(tools());
    command
}

/// Where `tests/run` put both.
fn tools() -> std::path::PathBuf {
    let folder = std::env::var("VINE_TEST_BOLT")
        .expect("VINE_TEST_BOLT names a folder with Slack's SDKs; `tests/run` installs them");
    Path::new(&folder).to_owned()
}

impl Inhabited {
    /// With an app that opens sockets.
    async fn with(app: Command) -> Self {
        Self::of(Workspace::open().await, app, &[])
    }

    /// With an app that takes requests.
    async fn by_requests(app: Command) -> Self {
        let workspace = Workspace::open().await;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port()
            .to_string();
        workspace.act("door", json!({ "url": format!("http://127.0.0.1:{port}/slack/events"), "secret": "a secret" })).await;
        Self::of(workspace, app, &[&port, "a secret"])
    }

    fn of(workspace: Workspace, mut app: Command, more: &[&str]) -> Self {
        app.args([&format!("{}/api/", workspace.url), BOT_TOKEN, APP_TOKEN])
            .args(more);
        Self {
            workspace,
            app: Bot::start(app),
        }
    }

    /// Waits for a line of the app with this key.
    fn hears(&self, key: &str) -> Value {
        self.app.hears(key)[key].clone()
    }

    async fn say(&self, text: &str, root: Option<&str>) -> String {
        self.workspace.say("U0ANN", GENERAL, text, root).await
    }
}

fn message<'a>(state: &'a Value, ts: &str) -> &'a Value {
    messages(state)
        .find(|message| message["ts"] == ts)
        .unwrap_or(&Value::Null)
}

fn whispered(state: &Value, text: &str) -> bool {
    state["ephemerals"]
        .as_array()
        .expect("ephemerals")
        .iter()
        .any(|one| one["content"]["text"] == text && one["user"] == "U0ANN")
}

/// A day in the workspace.
async fn day(inhabited: &Inhabited) {
    let workspace = &inhabited.workspace;
    let root = inhabited.say("ask", None).await;
    let card = inhabited.hears("asked").as_str().expect("a ts").to_owned();
    let reply = inhabited.say("blue", Some(&root)).await;
    assert_eq!(inhabited.hears("reply"), "blue");
    workspace
        .wait("the reply has a reaction", |state| {
            message(state, &reply)["reactions"][0]["name"] == "eyes"
        })
        .await;

    workspace
        .act(
            "click",
            json!({ "user": "U0BEN", "channel": GENERAL, "ts": card, "action": "write" }),
        )
        .await;
    let view = inhabited.hears("opened");
    workspace
        .act(
            "submit",
            json!({ "view": view, "values": { "answer": { "text": null } } }),
        )
        .await;
    inhabited.hears("refused");
    workspace
        .wait("the modal says what is wrong", |state| {
            state["views"][0]["view"]["errors"]["answer"] == "Please write something"
        })
        .await;
    workspace
        .act(
            "submit",
            json!({ "view": view, "values": { "answer": { "text": "green" } } }),
        )
        .await;
    assert_eq!(inhabited.hears("answer"), "green");
    workspace
        .wait("the modal is closed", |state| {
            state["views"].as_array().is_some_and(Vec::is_empty)
        })
        .await;
    workspace
        .act(
            "click",
            json!({ "user": "U0BEN", "channel": GENERAL, "ts": card, "action": "pick" }),
        )
        .await;
    assert_eq!(inhabited.hears("picked"), "q-1");
    workspace
        .wait("the card is settled", |state| {
            message(state, &card)["text"] == "picked"
        })
        .await;

    workspace
        .act(
            "command",
            json!({ "user": "U0ANN", "channel": GENERAL, "line": "/vine status" }),
        )
        .await;
    assert_eq!(inhabited.hears("command"), "status");
    workspace
        .wait("both replies are seen", |state| {
            whispered(state, "working") && whispered(state, "done: status")
        })
        .await;
    workspace
        .act(
            "shortcut",
            json!({ "user": "U0ANN", "channel": GENERAL, "ts": root, "callback": "vine_answer" }),
        )
        .await;
    assert_eq!(inhabited.hears("shortcut"), "ask");
    inhabited.say(&format!("<@{BOT_USER}> help"), None).await;
    assert_eq!(inhabited.hears("mention"), format!("<@{BOT_USER}> help"));

    inhabited.say("metadata", None).await;
    assert_eq!(inhabited.hears("keys"), json!(["k-1"]));
    inhabited.say("who", None).await;
    assert_eq!(inhabited.hears("who"), "ann");
    inhabited.say("file", None).await;
    inhabited.hears("uploaded");
    workspace
        .wait("the file is whole", |state| {
            state["files"][0]["text"] == "all of it"
        })
        .await;
    workspace
        .act(
            "edit",
            json!({ "user": "U0ANN", "channel": GENERAL, "ts": reply, "text": "red" }),
        )
        .await;
    workspace
        .act(
            "delete",
            json!({ "user": "U0ANN", "channel": GENERAL, "ts": reply }),
        )
        .await;
    while inhabited.hears("other") != "message_deleted" {}
}

/// What goes wrong, and how the SDKs take it.
async fn trouble(inhabited: &Inhabited) {
    let workspace = &inhabited.workspace;
    workspace
        .act(
            "fault",
            json!({ "method": "chat.postMessage", "how": { "limited": 1 } }),
        )
        .await;
    inhabited.say("slow down", None).await;
    inhabited.hears("limited");
    for what in ["disconnect", "cut"] {
        let before = opened(&workspace.state().await);
        workspace.act(what, json!({})).await;
        workspace
            .wait("there is a new connection", |state| {
                opened(state) > before && state["connections"].as_u64() >= Some(1)
            })
            .await;
        inhabited.say("who", None).await;
        assert_eq!(inhabited.hears("who"), "ann", "after {what}");
    }
}

/// How often the app has asked for a connection.
fn opened(state: &Value) -> usize {
    state["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter(|call| call["method"] == "apps.connections.open")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_python_lives_in_the_double() {
    let inhabited = Inhabited::with(python()).await;
    day(&inhabited).await;
    trouble(&inhabited).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_python_is_told_by_signed_requests() {
    day(&Inhabited::by_requests(python()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_javascript_is_told_by_signed_requests() {
    day(&Inhabited::by_requests(javascript()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bolt_for_javascript_lives_in_the_double() {
    let inhabited = Inhabited::with(javascript()).await;
    day(&inhabited).await;
    trouble(&inhabited).await;
}
