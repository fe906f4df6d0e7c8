//! The ways between Slack and us: connections that fail without a sign, requests instead of
//! connections, an app that may too little, an organisation; and what was said while there was no
//! way at all.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use vine_domain::clock::{Clock, System};
use vine_doubles::slack::{requests::signature, world::BOT_USER};

use crate::harness::{
    Agent, PATIENCE,
    channel::{Channel, SIGNING_SECRET, said},
    workspace::{Workspace, of_bot},
};

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";

/// Times of Slack's documentation pass a hundred times as fast, so that redeliveries come within
/// the story.
async fn retry_room_now(channel: &Channel) {
    channel.act("hurry", json!({ "factor": 0.01 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_one_connection_that_answers_nothing_any_more_stops_nothing() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    channel
        .wait("two connections are open", |state| {
            state["connections"] == 2
        })
        .await;
    retry_room_now(&channel).await;
    channel.act("deaf", json!({ "connections": 1 })).await;
    for number in 1..=4 {
        let title = format!("Task {number}");
        channel
            .say("U0ANN", &format!("<@{BOT_USER}> task new {title}"), None)
            .await;
        let root = channel.hears(&title).await["ts"]
            .as_str()
            .expect("a ts")
            .to_owned();
        channel.hears(&format!("(Q-{number})")).await;
        channel.say("U0ANN", "yes", Some(&root)).await;
        channel.place.wait(&format!("T-{number}"), "done").await;
    }
    assert_eq!(
        channel
            .place
            .say("task list")
            .await
            .as_array()
            .map(Vec::len),
        Some(4),
        "what came again was known"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_connections_that_are_not_greeted_and_calls_that_hang_are_given_up() {
    let slack = Workspace::open().await;
    slack.act("silent", json!({ "connections": 2 })).await;
    let channel = Channel::of(slack, Agent::Script(ASKS), "").await;
    let (task, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    channel
        .act(
            "fault",
            json!({ "method": "apps.connections.open", "how": { "slow": 12_000 }, "times": 2 }),
        )
        .await;
    channel.act("cut", json!({})).await;
    channel
        .act(
            "fault",
            json!({ "method": "apps.connections.open", "how": { "status": 503 }, "times": 2 }),
        )
        .await;
    retry_room_now(&channel).await;
    channel.say("U0ANN", "No", Some(&root)).await;
    channel.place.wait(&task, "done").await;
    assert!(channel.place.log(&task).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_post_that_takes_long_and_one_that_is_served_after_an_error_stand_there_once() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    for (number, how) in [(1, json!({ "slow": 3_000 })), (2, json!("cut_after"))] {
        channel
            .act(
                "fault",
                json!({ "method": "chat.postMessage", "how": how, "times": 3 }),
            )
            .await;
        let (task, root) = channel.task(&format!("Task {number}")).await;
        channel.hears(&format!("(Q-{number})")).await;
        channel.say("U0ANN", "yes", Some(&root)).await;
        channel.place.wait(&task, "done").await;
        channel
            .hears(&format!("*{task} ended without changes.*"))
            .await;
    }
    let state = channel.slack.state().await;
    let posted: Vec<_> = of_bot(&state).collect();
    let keys: HashSet<_> = posted
        .iter()
        .map(|message| message["metadata"]["event_payload"]["key"].to_string())
        .collect();
    assert_eq!(
        (posted.len(), keys.len()),
        (6, 6),
        "two cards, two questions, two ends: {:#}",
        state["channels"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_requests_instead_of_connections_bring_the_same() {
    let mut channel = Channel::by_requests(Agent::Script(ASKS)).await;
    channel
        .act(
            "door",
            json!({ "url": channel.door(), "secret": SIGNING_SECRET }),
        )
        .await;
    let (first, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    channel.say("U0ANN", "2", Some(&root)).await;
    channel.place.wait(&first, "done").await;
    assert!(channel.place.log(&first).await.contains("heard No"));

    let (second, _) = channel.task("Two").await;
    let question = channel.hears("(Q-2)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel.click("U0ANN", &question, "vine_write").await;
    let view = channel.modal().await;
    channel.submit(&view, &[("words:0", " ")]).await;
    channel
        .wait("it says what is wrong", |state| {
            state["views"][0]["view"]["errors"].is_object()
        })
        .await;
    channel
        .submit(&view, &[("words:0", "only on Mondays")])
        .await;
    channel.place.wait(&second, "done").await;
    channel
        .act(
            "command",
            json!({ "user": "U0ANN", "channel": channel.id, "line": "/vine task list" }),
        )
        .await;
    channel.whispers("U0ANN", "T-2").await;

    let (third, root) = channel.task("Three").await;
    channel.hears("(Q-3)").await;
    channel.kill_daemon();
    retry_room_now(&channel).await;
    channel.say("U0ANN", "Yes", Some(&root)).await;
    channel.start_daemon().await;
    channel.place.wait(&third, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_requests_that_are_forged_or_old_are_refused_and_one_that_is_replayed_changes_nothing()
 {
    let channel = Channel::by_requests(Agent::Script(ASKS)).await;
    channel
        .act(
            "door",
            json!({ "url": channel.door(), "secret": SIGNING_SECRET }),
        )
        .await;
    let (task, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    let now = System.now().0.unsigned_abs() / 1000;
    let event = json!({ "type": "message", "channel": channel.id, "user": "U0ANN", "ts": format!("{}.000009", now + 1), "thread_ts": root, "text": "Yes" });
    let body =
        json!({ "type": "event_callback", "team_id": "T0TEAM", "event_id": "Ev1", "event": event })
            .to_string();
    let send = |secret: &str, at: u64, sign: bool| {
        let request = reqwest::Client::new()
            .post(channel.door())
            .header("content-type", "application/json");
        let signed = request.header("x-slack-request-timestamp", at).header(
            "x-slack-signature",
            signature(secret, &at.to_string(), &body),
        );
        let request = if sign {
            signed
        } else {
            reqwest::Client::new().post(channel.door())
        };
        let body = body.clone();
        async move {
            request
                .body(body)
                .send()
                .await
                .expect("an answer")
                .status()
                .as_u16()
        }
    };
    assert_eq!(send("another secret", now, true).await, 401, "forged");
    assert_eq!(send(SIGNING_SECRET, now - 600, true).await, 401, "old");
    assert_eq!(
        send(SIGNING_SECRET, now + 600, true).await,
        401,
        "from the future"
    );
    assert_eq!(send(SIGNING_SECRET, now, false).await, 401, "not signed");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        channel.place.show(&task).await["questions"][0]["state"],
        "open",
        "none of them said anything"
    );

    let huge = reqwest::Client::new()
        .post(channel.door())
        .body(vec![b'x'; 600 * 1024])
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        huge.status(),
        413,
        "what nobody has signed is not read whole"
    );
    for _ in 0..3 {
        assert_eq!(send(SIGNING_SECRET, now, true).await, 200, "signed");
    }
    let done = channel.place.wait(&task, "done").await;
    assert_eq!(
        (
            done["questions"].as_array().map(Vec::len),
            done["notes"].as_array().map(Vec::len)
        ),
        (Some(1), Some(0)),
        "said once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_an_app_that_may_too_little_is_told_all_that_it_lacks() {
    let slack = Workspace::open().await;
    let channel = Channel::of(slack, Agent::Script(ASKS), "").await;
    channel
        .act("scopes", json!({ "scopes": "chat:write,commands,channels:history,channels:read,channels:join,channels:manage,files:read" }))
        .await;
    let mut channel = channel;
    channel.kill_daemon();
    channel.start_daemon().await;
    channel
        .place
        .status(
            "is missing the scopes files:write, groups:history, groups:read, groups:write, \
     reactions:write",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_an_app_of_a_whole_organisation_makes_its_channels_in_one_workspace_and_hears_all_of_them()
 {
    let slack = Workspace::open().await;
    slack
        .act("organisation", json!({ "teams": ["T0TEAM", "T2TEAM"] }))
        .await;
    slack
        .act(
            "user",
            json!({ "id": "U0ANN", "name": "ann", "team": "T2TEAM" }),
        )
        .await;
    let channel = Channel::of(slack, Agent::Script(ASKS), "team_id = \"T0TEAM\"\n").await;
    let (task, root) = channel.task("One").await;
    let question = channel.hears("(Q-1)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel
        .act(
            "user",
            json!({ "id": "U9EVE", "name": "eve", "team": "T9OTHER" }),
        )
        .await;
    channel
        .act("admit", json!({ "channel": channel.id, "user": "U9EVE" }))
        .await;
    channel.click("U9EVE", &question, "vine_pick_0").await;
    channel
        .whispers("U9EVE", "Your id is `T9OTHER:U9EVE`")
        .await;
    channel.click("U0ANN", &question, "vine_pick_1").await;
    channel.place.wait(&task, "done").await;
    channel.say("U0ANN", "thanks", Some(&root)).await;
    assert!(channel.place.log(&task).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_channel_that_was_closed_or_that_we_were_put_out_of_is_named_until_it_takes_us_again()
 {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    channel
        .act("archive", json!({ "channel": channel.id }))
        .await;
    channel.place.room("site", "the channel is archived").await;
    let task = channel.place.task("Asks meanwhile", "one").await;
    channel.place.question(&task).await;
    channel
        .act(
            "archive",
            json!({ "channel": channel.id, "archived": false }),
        )
        .await;
    channel.hears("(Q-1)").await;
    channel
        .act("remove", json!({ "channel": channel.id, "user": BOT_USER }))
        .await;
    channel
        .place
        .room("site", "invite the bot to the channel")
        .await;
    channel
        .act("admit", json!({ "channel": channel.id, "user": BOT_USER }))
        .await;
    let state = channel.slack.state().await;
    let root = said(&state, "(Q-1)").expect("it was said")["thread_ts"]
        .as_str()
        .expect("a thread")
        .to_owned();
    channel.say("U0ANN", "Yes", Some(&root)).await;
    channel.place.wait(&task, "done").await;
    channel.hears("ended without changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_somebody_who_cannot_be_invited_is_named_and_keeps_nobody_out() {
    let channel = Channel::of(
        Workspace::open().await,
        Agent::Script(ASKS),
        "[[people]]\nname = \"Ghost\"\nrole = \"operator\"\nslack = \"U0GHOST\"\n",
    )
    .await;
    channel.place.room("site", "could not invite U0GHOST").await;
    channel.task("One").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_task_that_was_wished_while_nobody_listened_is_found_in_the_channel() {
    let mut channel = Channel::new(Agent::Script("true")).await;
    channel
        .say("U0ANN", &format!("<@{BOT_USER}> task new First"), None)
        .await;
    channel.hears("First").await;
    channel.place.wait("T-1", "done").await;
    channel.kill_daemon();
    // All redeliveries are over.
    channel.act("hurry", json!({ "factor": 0.0001 })).await;
    for title in ["Second", "Third"] {
        channel
            .say("U0ANN", &format!("<@{BOT_USER}> task new {title}"), None)
            .await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    channel.start_daemon().await;
    channel.hears("Third").await;
    let listed = channel.place.say("task list").await;
    let titles: Vec<_> = listed
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| task["title"].as_str().expect("a title"))
        .collect();
    assert_eq!(titles, ["Third", "Second", "First"], "each once, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_form_asks_what_a_new_task_is() {
    let channel = Channel::new(Agent::Script("echo prompt: $(cat)")).await;
    channel
        .act(
            "command",
            json!({ "user": "U0ANN", "channel": channel.id, "line": "/vine task new" }),
        )
        .await;
    let view = channel.modal().await;
    channel
        .submit(&view, &[("title", "--priority \"low\"")])
        .await;
    channel
        .wait("what to do is missing", |state| {
            state["views"][0]["view"]["errors"]["prompt"].is_string()
        })
        .await;
    channel
        .submit(
            &view,
            &[
                ("title", "--priority \"low\""),
                ("prompt", "Paint it.\nTwice."),
            ],
        )
        .await;
    channel.hears("--priority").await;
    let done = channel.place.wait("T-1", "done").await;
    assert_eq!(
        (&done["title"], &done["prompt"]),
        (&json!("--priority \"low\""), &json!("Paint it.\nTwice."))
    );
    assert_eq!(
        (&done["priority"], &done["repo"]),
        (&json!("default"), &json!("site"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_texts_go_both_ways_and_what_is_too_large_is_refused_by_name() {
    let asks = "answer=$(vine ask \"Which of these? $(seq 1 12000)\"); echo heard $answer";
    let channel = Channel::new(Agent::Script(asks)).await;
    channel
        .act(
            "fault",
            json!({ "method": "files.completeUploadExternal", "how": "cut_after" }),
        )
        .await;
    let (task, root) = channel.task("One").await;
    let question = channel.hears("the whole text is in").await;
    let whole = |file: &Value| {
        file["text"]
            .as_str()
            .is_some_and(|text| text.contains("Which of these?") && text.contains("\n> 12000\n"))
    };
    let uploaded = |state: &Value| {
        state["files"]
            .as_array()
            .expect("files")
            .iter()
            .filter(|file| whole(file))
            .count()
    };
    channel
        .wait("the whole text is a file", |state| uploaded(state) == 1)
        .await;
    assert_eq!(question["thread_ts"], root.as_str());
    let elements = question["blocks"]
        .as_array()
        .and_then(|blocks| blocks.last())
        .expect("blocks")["elements"]
        .clone();
    assert!(
        elements
            .as_array()
            .is_some_and(|buttons| !buttons.is_empty()),
        "the buttons are with the words: {question}"
    );

    let send = |name: &str, kind: &str, text: &str| {
        let size = if kind == "video/mp4" {
            20_000_000
        } else {
            text.len()
        };
        let file = json!({ "name": name, "mimetype": kind, "text": text, "size": size });
        let words = if kind == "video/mp4" { "" } else { "see here" };
        json!({ "user": "U0ANN", "channel": channel.id, "thread_ts": root, "text": words, "file": file })
    };
    channel.act("say", send("film.mp4", "video/mp4", "…")).await;
    channel.whispers("U0ANN", "`film.mp4` was left out").await;
    channel
        .act("say", send("choice.txt", "text/plain", "number 17\nand 18"))
        .await;
    channel
        .place
        .wait_for(PATIENCE, &task, "it is answered", |shown| {
            shown["state"] == "done"
        })
        .await;
    let log = channel.place.log(&task).await;
    assert!(
        log.contains("heard see here File choice.txt: number 17 and 18"),
        "{log}"
    );
    let state = channel.slack.state().await;
    assert_eq!(
        uploaded(&state),
        1,
        "uploaded once although the answer was lost"
    );
}
