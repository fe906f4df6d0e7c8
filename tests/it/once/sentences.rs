//! A task from a sentence, on each platform; what may be a command is asked about, and one press takes
//! a task back.

use serde_json::{Value, json};
use vine_doubles::{
    discord::world::{ANN as DISCORD_ANN, BOT},
    slack::world::BOT_USER,
};

use crate::harness::{
    Agent,
    channel::Channel,
    guild::Guild,
    room::{Room, event_id},
};

/// Asks in each task, and tells in the log what it heard.
const ASKS: &str = "echo heard $(vine ask 'Go on?')";

/// What one person alone is told, with these words.
async fn whisper(channel: &Channel, words: &str) -> Value {
    channel.whispers("U0ANN", words).await;
    let state = channel.wait("it is told", |_| true).await;
    let all = state["ephemerals"].as_array().expect("a list");
    let is = |one: &&Value| {
        let text = one["content"]["text"].as_str();
        text.is_some_and(|text| text.contains(words))
    };
    all.iter().rev().find(is).expect("just seen").clone()
}

async fn press(channel: &Channel, told: &Value, place: usize) {
    let ts = told["ts"].as_str().expect("a place");
    channel
        .click("U0ANN", ts, &format!("vine_pick_{place}"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_sentence_is_a_task_and_its_author_takes_it_back() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let place = &channel.place;
    let mention = |words: &str| format!("<@{BOT_USER}> {words}");
    let sentence = mention("Paint the door of the shed\nIn blue, please.");
    channel.say("U0ANN", &sentence, None).await;
    whisper(&channel, "T-1 is queued: Paint the door of the shed").await;
    let shown = place.show("T-1").await;
    assert_eq!(shown["title"], "Paint the door of the shed");
    let prompt = "Paint the door of the shed\nIn blue, please.";
    assert_eq!(shown["prompt"], prompt);

    // In its thread a mention says what it says, and makes no task.
    let asked = channel.hears("(Q-1)").await;
    let root = asked["thread_ts"].as_str().expect("in a thread");
    let words = mention("Yes, in a dark blue like the sea");
    channel.say("U0ANN", &words, Some(root)).await;
    place.wait("T-1", "done").await;
    let log = place.log("T-1").await;
    assert!(
        log.contains("heard Yes, in a dark blue like the sea"),
        "{log}"
    );

    channel
        .say("U0ANN", &mention("Build a page with our hours"), None)
        .await;
    let told = whisper(&channel, "T-2 is queued").await;
    press(&channel, &told, 0).await;
    place.wait("T-2", "cancelled").await;

    // It begins like a command; its author chooses, and nothing happens before.
    let unclear = mention("list all open invoices on the page");
    channel.say("U0ANN", &unclear, None).await;
    let told = whisper(&channel, "may be a command, or a task").await;
    let text = told["content"]["text"].to_string();
    assert!(text.contains("Run the command `list`"), "{text}");
    press(&channel, &told, 1).await;
    let told = whisper(
        &channel,
        "T-3 is queued: list all open invoices on the page",
    )
    .await;
    // However often it is pressed, it is one task.
    press(&channel, &told, 0).await;
    place.wait("T-3", "cancelled").await;
    channel.say("U0ANN", &mention("cancle T-2"), None).await;
    let told = whisper(&channel, "Run the command `cancel T-2`").await;
    press(&channel, &told, 0).await;
    whisper(&channel, "T-2").await;

    channel.say("U0ANN", &mention("thanks"), None).await;
    whisper(&channel, "“thanks” says little for a task").await;
    channel
        .say("U0BEN", &mention("Paint the roof of the shed"), None)
        .await;
    channel.whispers("U0BEN", "`[[people]]`").await;
    let tasks = place.say("task list").await;
    assert_eq!(tasks.as_array().map(Vec::len), Some(3), "{tasks:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_sentence_is_a_task_and_words_in_its_thread_answer() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let mention = |words: &str| format!("<@{BOT}> {words}");
    let sentence = mention("Paint the door of the shed");
    guild.say(DISCORD_ANN, &sentence, None).await;
    let asked = guild.hears("(Q-1)").await;
    let thread = asked["channel_id"].as_str().expect("a thread");
    let words = mention("Yes, in a dark blue");
    guild.say(DISCORD_ANN, &words, Some(thread)).await;
    let done = guild.place.wait("T-1", "done").await;
    assert_eq!(done["title"], "Paint the door of the shed");
    assert!(
        guild
            .place
            .log("T-1")
            .await
            .contains("heard Yes, in a dark blue")
    );
    let unclear = mention("add a dark mode to the page");
    guild.say(DISCORD_ANN, &unclear, None).await;
    let told = guild.hears("may be a command, or a task").await;
    guild.press(DISCORD_ANN, &told, "v1:pick:0").await;
    guild.whispers(DISCORD_ANN, "T-2 is queued").await;
    let state = guild.wait("it is told", |_| true).await;
    let all = state["ephemerals"].as_array().expect("a list");
    let told = all
        .iter()
        .find(|one| one["content"].to_string().contains("T-2 is queued"));
    let shown = told.expect("just seen")["components"].to_string();
    assert!(shown.contains("Undo"), "{shown}");
    let build = mention("Build a page with our hours");
    guild.say(DISCORD_ANN, &build, None).await;
    let told = guild.hears("T-3 is queued").await;
    guild.press(DISCORD_ANN, &told, "v1:pick:0").await;
    guild.place.wait("T-3", "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_sentence_is_a_task_and_a_tap_takes_it_back() {
    let room = Room::new(Agent::Script(ASKS)).await;
    // As clients write a mention.
    let html =
        "<a href=\"https://matrix.to/#/@vine:vine.test\">Agent Vine</a> Paint the door of the shed";
    let content = json!({
        "msgtype": "m.text", "body": "Agent Vine Paint the door of the shed", "format": "org.matrix.custom.html",
        "formatted_body": html, "m.mentions": { "user_ids": ["@vine:vine.test"] },
    });
    room.ann.send(&room.id, "m.room.message", content).await;
    let asked = room.ann.hears(&room.id, "(Q-1)").await;
    let root = asked["content"]["m.relates_to"]["event_id"]
        .as_str()
        .expect("a thread");
    room.ann
        .say_in(&room.id, root, "vine: yes, in a dark blue")
        .await;
    let done = room.place.wait("T-1", "done").await;
    assert_eq!(done["title"], "Paint the door of the shed");
    room.ann
        .say(&room.id, "vine: Build a page with our hours")
        .await;
    let told = room.ann.hears(&room.id, "T-2 is queued").await;
    room.ann.react(&room.id, &event_id(&told), "1️⃣").await;
    room.place.wait("T-2", "cancelled").await;
    room.ann.say(&room.id, "vine: tsak list").await;
    room.ann
        .hears(&room.id, "Run the command `task list`")
        .await;
}
