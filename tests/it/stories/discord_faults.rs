//! What goes wrong between Discord and us, and that nothing is lost or said twice for it.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vine_doubles::discord::world::{ANN, BOT, GENERAL, GUILD, may};

use crate::harness::{
    Agent, PATIENCE,
    guild::{Guild, Server, of_bot, said, text},
};

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";
const LISTENS: &str = "vine ask 'Go on?'; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done";

fn notes(shown: &Value) -> Vec<String> {
    let notes = shown["notes"].as_array().into_iter().flatten();
    notes
        .filter_map(|note| note["text"].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_nothing_is_lost_however_the_connection_ends() {
    let server = Server::open().await;
    server.act("beat", json!({ "millis": 500 })).await;
    let guild = Guild::of(server, Agent::Script(LISTENS), "").await;
    let (task, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild.say(ANN, "yes", Some(&thread)).await;
    guild.place.wait(&task, "running").await;
    // What was measured of a careful loop (0.15 s where a session is taken up, 1 to 5 s for a new
    // one), with what a busy machine adds.
    let (soon, anew) = (Duration::from_secs(2), Duration::from_secs(15));
    let ends: [(&str, Value, Duration); 10] = [
        ("reconnect", json!({}), soon),
        ("close", json!({ "code": 4000 }), soon),
        ("close", json!({ "code": 1001, "forget": true }), anew),
        ("close", json!({ "code": 4009, "forget": true }), anew),
        ("cut", json!({}), soon),
        ("cut", json!({ "forget": true }), anew),
        ("invalid", json!({ "resumable": true }), soon),
        ("invalid", json!({ "resumable": false }), anew),
        ("mute", json!({}), Duration::from_secs(4)),
        ("refuse", json!({ "seconds": 3.0 }), Duration::from_secs(6)),
    ];
    let mut told = Vec::new();
    for (number, (what, args, within)) in (1..).zip(ends) {
        guild
            .wait("it is connected", |state| state["connections"] == 1)
            .await;
        // What is looked for after a gap must not bring what the connection is to bring.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        guild.act(what, args).await;
        if what == "refuse" {
            guild.act("cut", json!({})).await;
        }
        told.push(format!("note {number}"));
        guild.say(ANN, &told[number - 1], Some(&thread)).await;
        if what == "mute" {
            tokio::time::sleep(Duration::from_millis(700)).await;
            guild.act("mute", json!({ "mute": false })).await;
        }
        let here = told.clone();
        guild
            .place
            .wait_for(
                PATIENCE,
                &task,
                &format!("{what} loses nothing"),
                move |shown| notes(shown) == here,
            )
            .await;
        println!("{what}: {:?}", begun.elapsed());
        assert!(begun.elapsed() < within, "{what}: {:?}", begun.elapsed());
    }
    let state = guild.server.state().await;
    assert!(
        state["identified"].as_u64() <= Some(6),
        "sessions are taken up: {} identifications",
        state["identified"]
    );
    std::fs::write(guild.place.folder.path().join("go"), "").expect("written");
    guild.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_killed_daemon_takes_its_session_up_with_all_that_was_said_and_pressed() {
    let mut guild = Guild::new(Agent::Script(ASKS)).await;
    let (first, _) = guild.task("One").await;
    let question = guild.hears("(Q-1)").await;
    let (second, thread) = guild.task("Two").await;
    guild.hears("(Q-2)").await;
    guild.kill_daemon();
    guild.press(ANN, &question, "v1:pick:1").await;
    guild.say(ANN, "Yes", Some(&thread)).await;
    guild
        .say(ANN, &format!("<@{BOT}> task new Third"), None)
        .await;
    guild.start_daemon().await;
    guild.place.wait(&first, "done").await;
    guild.place.wait(&second, "done").await;
    guild.hears("Third").await;
    assert!(
        guild.place.log(&first).await.contains("heard No")
            && guild.place.log(&second).await.contains("heard Yes")
    );
    let state = guild.server.state().await;
    assert_eq!(state["identified"], 1, "the session was taken up");
    let registered = state["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter(|call| call["method"] == "PUT" && text(call, "path").ends_with("/commands"));
    assert_eq!(
        registered.count(),
        1,
        "the menu stood there at the second start"
    );

    guild.hears("(Q-3)").await;
    guild.kill_daemon();
    guild.act("forget", json!({})).await;
    let state = guild.server.state().await;
    let root = text(said(&state, "Third").expect("its card"), "id").to_owned();
    guild.say(ANN, "No", Some(&root)).await;
    guild
        .say(ANN, &format!("<@{BOT}> task new Fourth"), None)
        .await;
    guild.start_daemon().await;
    guild.place.wait("T-3", "done").await;
    guild.hears("Fourth").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_the_very_first_words_that_are_said_are_found_although_nobody_listened() {
    let mut guild = Guild::new(Agent::Script(ASKS)).await;
    let (task, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild.kill_daemon();
    guild.act("forget", json!({})).await;
    guild.say(ANN, "No", Some(&thread)).await;
    // What is looked for is looked for until it could be read.
    guild
        .act(
            "fault",
            json!({ "method": "GET", "path": "/messages", "how": { "status": 503 }, "times": 3 }),
        )
        .await;
    guild.start_daemon().await;
    guild.place.wait(&task, "done").await;
    assert!(guild.place.log(&task).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_question_whose_posting_we_did_not_live_to_note_was_shown_all_the_same() {
    let asks = "until [ -e \"$PLACE/ask\" ]; do sleep 0.1; done; answer=$(vine ask 'Go on?'); echo \
     heard $answer";
    let mut guild = Guild::new(Agent::Script(asks)).await;
    let (task, thread) = guild.task("One").await;
    guild
        .act(
            "fault",
            json!({ "method": "POST", "path": "/messages", "how": { "slow": 20_000 } }),
        )
        .await;
    std::fs::write(guild.place.folder.path().join("ask"), "").expect("written");
    guild.hears("(Q-1)").await;
    guild.kill_daemon();
    guild.say(ANN, "No", Some(&thread)).await;
    guild.start_daemon().await;
    guild.place.wait(&task, "done").await;
    assert!(guild.place.log(&task).await.contains("heard No"));
    guild.hears("ended without changes").await;
    let state = guild.server.state().await;
    assert_eq!(
        of_bot(&state).count(),
        3,
        "a card, a question, an end: {:#}",
        state["channels"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_wish_that_was_changed_counts_from_the_next_start() {
    let mut guild = Guild::of(
        Server::open().await,
        Agent::Script(ASKS),
        "message_content = false\n",
    )
    .await;
    let (task, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild.kill_daemon();
    let file = guild.place.folder.path().join("vine.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(
        &file,
        text.replace("message_content = false", "message_content = true"),
    )
    .expect("written");
    guild.start_daemon().await;
    guild
        .wait("there is a new session", |state| {
            state["identified"] == 2 && state["connections"] == 1
        })
        .await;
    guild.say(ANN, "No", Some(&thread)).await;
    guild.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_whatever_becomes_of_a_post_it_stands_there_once() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let faults = [
        json!("cut_after"),
        json!("cut_before"),
        json!({ "status_after": 502 }),
        json!({ "status": 503 }),
        json!({ "limited": 300 }),
        json!({ "limited_globally": 300 }),
        json!({ "slow": 2_000 }),
    ];
    for (number, how) in (1..).zip(&faults) {
        for path in ["/messages", "/threads"] {
            guild
                .act(
                    "fault",
                    json!({ "method": "POST", "path": path, "how": how, "times": 2 }),
                )
                .await;
        }
        let (task, thread) = guild.task(&format!("Task {number}")).await;
        guild.hears(&format!("(Q-{number})")).await;
        guild
            .act(
                "fault",
                json!({ "method": "PATCH", "path": "/messages/", "how": how }),
            )
            .await;
        guild.say(ANN, "yes", Some(&thread)).await;
        guild.place.wait(&task, "done").await;
        guild
            .hears(&format!("**{task} ended without changes.**"))
            .await;
    }
    let state = guild.server.state().await;
    let threads: HashSet<&str> = of_bot(&state)
        .filter(|one| one["channel_id"] == guild.id.as_str())
        .map(|one| text(one, "id"))
        .collect();
    assert_eq!(threads.len(), faults.len(), "a card for each task");
    for thread in threads {
        let inside = of_bot(&state)
            .filter(|one| one["channel_id"] == thread)
            .count();
        assert_eq!(inside, 2, "a question and an end: {:#}", state["channels"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_threads_are_opened_again_and_those_that_are_locked_are_named() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let (first, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild
        .act("thread", json!({ "channel": thread, "archived": true }))
        .await;
    guild.place.answer(&first, "Q-1", "Yes").await;
    guild.place.wait(&first, "done").await;
    guild.hears("ended without changes").await;
    let settled = guild.hears("— admin, ").await;
    assert_eq!(
        settled["components"],
        json!([]),
        "an edit in an archived thread is shown too"
    );

    let (second, thread) = guild.task("Two").await;
    guild.hears("(Q-2)").await;
    guild
        .act(
            "permissions",
            json!({ "bits": may::USUAL & !may::MANAGE_THREADS }),
        )
        .await;
    guild
        .act("thread", json!({ "channel": thread, "locked": true }))
        .await;
    guild.place.answer(&second, "Q-2", "Yes").await;
    guild.place.wait(&second, "done").await;
    guild.place.room("site", "the thread is locked").await;
    guild
        .act("permissions", json!({ "bits": may::USUAL }))
        .await;
    guild.hears("**T-2 ended without changes.**").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_what_the_bot_may_not_is_named_and_works_once_it_may() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    guild
        .act(
            "deny",
            json!({ "channel": guild.id, "bits": may::SEND_IN_THREADS | may::HISTORY }),
        )
        .await;
    guild
        .place
        .room("site", "the bot is missing permissions in #vine-site: ")
        .await;
    guild.place.room("site", "Send Messages in Threads").await;
    guild
        .act("deny", json!({ "channel": guild.id, "bits": 0 }))
        .await;
    let (task, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild.say(ANN, "Yes", Some(&thread)).await;
    guild.place.wait(&task, "done").await;
    guild.act("vanish", json!({ "channel": guild.id })).await;
    guild.place.room("site", "channel no longer exists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_an_intent_or_a_permission_that_was_not_granted_is_said_with_what_to_do() {
    let server = Server::open().await;
    server.act("content", json!({ "granted": false })).await;
    server
        .act(
            "permissions",
            json!({ "bits": may::USUAL & !may::MANAGE_CHANNELS }),
        )
        .await;
    let guild = Guild::begun(server, Agent::Script(ASKS), "").await;
    guild.place.status("Message Content Intent").await;
    guild.act("content", json!({ "granted": true })).await;
    guild
        .place
        .room("site", "create #vine-site and add the bot to it")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_bot_that_is_not_in_the_server_is_told_how_to_get_there() {
    let server = Server::open().await;
    let guild = Guild::begun(server, Agent::Script(ASKS), "channel_prefix = \"vine-\"\n").await;
    let file = guild.place.folder.path().join("vine.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, text.replace(GUILD, "1000000000000000777")).expect("written");
    let mut guild = guild;
    guild.kill_daemon();
    guild.start_daemon().await;
    guild
        .place
        .status("invite it with https://discord.com/oauth2/authorize?client_id=")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_what_is_said_elsewhere_on_the_server_is_not_kept() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let (task, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    guild
        .say(ANN, "a secret between friends", Some(GENERAL))
        .await;
    guild.say(ANN, "Yes", Some(&thread)).await;
    guild.place.wait(&task, "done").await;
    let kept = guild.place.base.sql("SELECT body FROM inbox");
    let kept = kept.join("\n");
    assert!(kept.contains("Yes") && !kept.contains("secret"), "{kept}");
    guild
        .say(
            ANN,
            &format!("<@{BOT}> task new From elsewhere"),
            Some(GENERAL),
        )
        .await;
    guild.hears("From elsewhere").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_forum_serves_as_a_room() {
    let server = Server::open().await;
    server
        .act(
            "forum",
            json!({ "id": "1000000000000000099", "name": "vine-site" }),
        )
        .await;
    let guild = Guild::of(server, Agent::Script(ASKS), "").await;
    let task = guild.place.task("Paint", "one").await;
    let question = guild.hears("(Q-1)").await;
    let thread = text(&question, "channel_id").to_owned();
    let state = guild.server.state().await;
    let post = state["channels"]
        .as_array()
        .expect("channels")
        .iter()
        .find(|one| one["id"] == thread.as_str())
        .expect("a post");
    assert_eq!(
        (post["parent"].as_str(), post["messages"][0]["id"].as_str()),
        (Some(guild.id.as_str()), Some(thread.as_str()))
    );
    guild.say(ANN, "Yes", Some(&thread)).await;
    guild.place.wait(&task, "done").await;
    guild
        .wait("its card says so", |state| {
            said(state, "Done").is_some_and(|card| card["id"] == thread.as_str())
        })
        .await;
}
