//! The double of Discord is believable: bots on discord.py and discord.js, unmodified but for their
//! addresses, work with it as with the real one.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use vine_doubles::discord::{
    TOKEN,
    world::{ANN, BEN, GENERAL, GUILD},
};

use crate::harness::{
    double::{Bot, messages},
    guild::{Server, reacted, text},
};

/// A server with a bot in it.
struct Inhabited {
    server: Server,
    bot: Bot,
}

/// Where `tests/run` put both libraries.
fn tools() -> PathBuf {
    let folder = std::env::var("VINE_TEST_DISCORD").expect(
        "VINE_TEST_DISCORD names a folder with discord.py and discord.js; `tests/run` \
         installs them",
    );
    Path::new(&folder).to_owned()
}

fn python() -> Command {
    let mut command = Command::new(tools().join("bin/python"));
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/discord/bot.py"
    ));
    command
}

fn javascript() -> Command {
    let mut command = Command::new("node");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/discord/bot.mjs"
        ))
        .arg(tools());
    command
}

impl Inhabited {
    async fn with(mut bot: Command) -> Self {
        let server = Server::open().await;
        bot.args([&server.url, TOKEN, GUILD]);
        Self {
            server,
            bot: Bot::start(bot),
        }
    }

    fn hears(&self, key: &str) -> Value {
        self.bot.hears(key)
    }

    async fn say(&self, channel: &str, words: &str) -> String {
        let said = self
            .server
            .act(
                "say",
                json!({ "user": ANN, "channel": channel, "content": words }),
            )
            .await;
        text(&said, "id").to_owned()
    }
}

fn message<'a>(state: &'a Value, id: &str) -> &'a Value {
    messages(state)
        .find(|message| message["id"] == id)
        .unwrap_or(&Value::Null)
}

fn whispered(state: &Value, user: &str, words: &str) -> bool {
    state["ephemerals"]
        .as_array()
        .expect("ephemerals")
        .iter()
        .any(|one| one["content"] == words && one["user"] == user)
}

/// A day on the server.
async fn day(inhabited: &Inhabited) {
    let server = &inhabited.server;
    inhabited.say(GENERAL, "ask").await;
    let asked = inhabited.hears("asked");
    let (card, thread) = (text(&asked, "asked"), text(&asked, "thread"));
    assert_eq!(card, thread, "a thread has the id of its message");
    let reply = server
        .act(
            "say",
            json!({ "user": ANN, "channel": thread, "content": "blue", "reply_to": card }),
        )
        .await;
    let heard = inhabited.hears("reply");
    assert_eq!(
        (text(&heard, "reply"), text(&heard, "reference")),
        ("blue", card)
    );
    let reply = text(&reply, "id").to_owned();
    server
        .wait("the reply has a reaction", |state| {
            reacted(state, &reply, "👀")
        })
        .await;

    server
        .act(
            "press",
            json!({ "user": BEN, "channel": GENERAL, "message": card, "custom_id": "write" }),
        )
        .await;
    server
        .wait("the modal opens", |state| state["modals"][0].is_object())
        .await;
    let field =
        server.state().await["modals"][0]["modal"]["components"][0]["components"][0]["custom_id"]
            .clone();
    server
        .act(
            "submit",
            json!({ "values": { field.as_str().expect("a field"): "green" } }),
        )
        .await;
    assert_eq!(inhabited.hears("answer")["answer"], "green");
    server
        .wait("Ben is thanked", |state| whispered(state, BEN, "thanks"))
        .await;
    server
        .act(
            "press",
            json!({ "user": BEN, "channel": GENERAL, "message": card, "custom_id": "pick" }),
        )
        .await;
    assert_eq!(inhabited.hears("picked")["picked"], "ben");
    server
        .wait("the card is settled", |state| {
            message(state, card)["content"] == "picked"
        })
        .await;

    server.act("complete", json!({ "user": ANN, "channel": GENERAL, "options": { "words": "al" }, "focused": "words" })).await;
    assert_eq!(inhabited.hears("typed")["typed"], "al");
    server
        .wait("alpha is offered", |state| {
            state["offered"][0]["value"] == "alpha"
        })
        .await;
    server
        .act(
            "command",
            json!({ "user": ANN, "channel": GENERAL, "options": { "words": "status" } }),
        )
        .await;
    assert_eq!(inhabited.hears("command")["command"], "status");
    server
        .wait("both answers are seen", |state| {
            whispered(state, ANN, "done: status") && whispered(state, ANN, "one more thing")
        })
        .await;
    server
        .act(
            "use",
            json!({ "user": ANN, "channel": thread, "message": reply, "name": "Use" }),
        )
        .await;
    assert_eq!(inhabited.hears("used")["used"], "blue");

    inhabited.say(GENERAL, "file").await;
    inhabited.hears("uploaded");
    server
        .wait("the file is whole", |state| {
            state["files"][0]["text"] == "all of it"
        })
        .await;
    inhabited.say(GENERAL, "twice").await;
    assert_eq!(inhabited.hears("nonce")["nonce"], "4711");
    inhabited.say(GENERAL, "history").await;
    let history = inhabited.hears("history")["history"].clone();
    assert_eq!(
        (&history[0], &history[1]),
        (&json!("ask"), &json!("picked"))
    );
    server
        .act(
            "edit",
            json!({ "user": ANN, "channel": thread, "message": reply, "content": "red" }),
        )
        .await;
    assert_eq!(inhabited.hears("edited")["edited"], "red");
    server
        .act("delete", json!({ "channel": thread, "message": reply }))
        .await;
    assert_eq!(inhabited.hears("deleted")["deleted"], reply.as_str());
}

/// What goes wrong, and how the libraries take it.
async fn trouble(inhabited: &Inhabited) {
    let server = &inhabited.server;
    server
        .act(
            "fault",
            json!({ "method": "POST", "path": "/messages", "how": { "limited": 300 } }),
        )
        .await;
    inhabited.say(GENERAL, "twice").await;
    inhabited.hears("nonce");
    server.act("reconnect", json!({})).await;
    inhabited.hears("resumed");
    inhabited.say(GENERAL, "twice").await;
    inhabited.hears("nonce");
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_py_lives_in_the_double() {
    let inhabited = Inhabited::with(python()).await;
    day(&inhabited).await;
    trouble(&inhabited).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_js_lives_in_the_double() {
    let inhabited = Inhabited::with(javascript()).await;
    day(&inhabited).await;
    trouble(&inhabited).await;
}
