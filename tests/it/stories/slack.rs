//! A team's day in a Slack channel. The workspace is our double, which Slack's own SDKs have judged
//! (`double_slack.rs`).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vine_doubles::slack::{BOT_TOKEN, world::BOT_USER};

use crate::harness::{
    Agent, PATIENCE,
    channel::{Channel, said},
    workspace::{of_bot, reacted},
};

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";

#[tokio::test(flavor = "multi_thread")]
async fn claude_slack_the_whole_way_of_a_question_through_a_thread() {
    let channel = Channel::new(Agent::Claude).await;
    channel
        .say(
            "U0ANN",
            &format!(
                "<@{BOT_USER}> task new Paint\nPaint the door.\nMODEL: ask Which colour? | \
             Red | Blue\nMODEL: finish Painted."
            ),
            None,
        )
        .await;
    let root = channel.hears("Paint").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    let question = channel.hears("Which colour?").await;
    assert_eq!(
        question["thread_ts"],
        root.as_str(),
        "in the thread of the card"
    );
    assert!(
        question["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("<@U0ANN>")),
        "it calls who asked for the task"
    );
    let answer = channel.say("U0ANN", "2", Some(&root)).await;
    let done = channel.place.wait("T-1", "done").await;
    assert_eq!(done["questions"][0]["answer"]["name"], "Ann");
    assert!(channel.place.heard("Blue") >= 1, "the same session got it");
    channel
        .wait("the answer is marked as taken", |state| {
            reacted(state, &answer, "white_check_mark")
        })
        .await;
    let settled = channel.hears("— Ann, ").await;
    assert_eq!(
        (
            &settled["ts"],
            settled["blocks"].to_string().contains("button")
        ),
        (&question["ts"], false),
        "the card has no buttons any more"
    );
    channel.hears("ended without changes").await;
    let (second, micros) = question["ts"]
        .as_str()
        .and_then(|ts| ts.split_once('.'))
        .expect("seconds and microseconds");
    assert_eq!(
        channel.place.base.asked_since("slack"),
        [format!("{second}{}", &micros[..3])],
        "it stands there since then by Slack's clock"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_buttons_modals_and_strangers() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let (first, _) = channel.task("One").await;
    let question = channel.hears("(Q-1)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel.click("U0BEN", &question, "vine_pick_0").await;
    channel.whispers("U0BEN", "under `[[people]]`").await;
    channel.click("U0ANN", &question, "vine_pick_1").await;
    channel.place.wait(&first, "done").await;
    assert!(channel.place.log(&first).await.contains("heard No"));

    let (second, root) = channel.task("Two").await;
    channel
        .say(
            "U0ANN",
            &format!("<@{BOT_USER}> task priority high"),
            Some(&root),
        )
        .await;
    let in_thread = |state: &Value| {
        said(state, "high").is_some_and(|reply| reply["thread_ts"] == root.as_str())
    };
    channel
        .wait("a command in a thread is about its task", in_thread)
        .await;
    let question = channel.hears("(Q-2)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel.click("U0ANN", &question, "vine_write").await;
    let view = channel.modal().await;
    channel.submit(&view, &[("words:0", "  ")]).await;
    channel
        .wait("it says what is wrong", |state| {
            state["views"][0]["view"]["errors"].is_object()
        })
        .await;
    channel
        .submit(&view, &[("words:0", "only on Mondays")])
        .await;
    channel.place.wait(&second, "done").await;
    assert!(
        channel
            .place
            .log(&second)
            .await
            .contains("heard only on Mondays")
    );

    channel
        .act(
            "command",
            json!({ "user": "U0ANN", "channel": channel.id, "line": "/vine task list" }),
        )
        .await;
    channel.whispers("U0ANN", "T-2").await;
    channel
        .act(
            "command",
            json!({ "user": "U0BEN", "channel": channel.id, "line": "/vine task new Mine" }),
        )
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        channel
            .place
            .say("task list")
            .await
            .as_array()
            .map(Vec::len),
        Some(2),
        "a stranger creates nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_whatever_becomes_of_a_post_it_stands_there_once() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let faults = [
        json!("cut_after"),
        json!("cut_before"),
        json!({ "status": 503 }),
        json!({ "limited": 1 }),
    ];
    for (number, how) in (1..).zip(&faults) {
        let (task, root) = channel.task(&format!("Task {number}")).await;
        channel.hears(&format!("(Q-{number})")).await;
        channel
            .act("fault", json!({ "method": "chat.postMessage", "how": how }))
            .await;
        channel.say("U0ANN", "yes", Some(&root)).await;
        channel.place.wait(&task, "done").await;
        channel
            .hears(&format!("*{task} ended without changes.*"))
            .await;
    }
    let state = channel
        .wait("all is said", |state| {
            said(state, "*T-4 ended without changes.*").is_some()
        })
        .await;
    let text = state["channels"].to_string();
    for number in 1..=faults.len() {
        assert_eq!(
            text.matches(&format!("\"*T-{number} ended without changes.*"))
                .count(),
            1,
            "T-{number}: {:#}",
            state["channels"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_second_copy_that_slack_made_is_the_same_question() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let (task, root) = channel.task("One").await;
    let question = channel.hears("(Q-1)").await;
    // Applied long after whoever posted it gave up and looked.
    let copy = json!({ "channel": channel.id, "thread_ts": root, "text": question["text"], "blocks": question["blocks"], "metadata": question["metadata"] });
    let post = reqwest::Client::new()
        .post(format!("{}/api/chat.postMessage", channel.slack.url))
        .bearer_auth(BOT_TOKEN);
    let posted: Value = post
        .json(&copy)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    channel
        .click("U0ANN", posted["ts"].as_str().expect("a ts"), "vine_pick_1")
        .await;
    channel.place.wait(&task, "done").await;
    assert!(channel.place.log(&task).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_nothing_is_lost_while_connections_come_and_go_and_the_daemon_dies() {
    let mut channel = Channel::new(Agent::Script(
        "vine ask 'Go on?'; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done",
    ))
    .await;
    let (task, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    channel.act("hurry", json!({ "factor": 0.05 })).await;
    channel.act("copies", json!({ "count": 3 })).await;
    channel.say("U0ANN", "yes", Some(&root)).await;
    channel.place.wait(&task, "running").await;
    channel.act("copies", json!({ "count": 1 })).await;
    for (number, what) in [(1, "disconnect"), (2, "cut")] {
        channel.act(what, json!({})).await;
        channel
            .say("U0ANN", &format!("note {number}"), Some(&root))
            .await;
    }
    channel.kill_daemon();
    channel.say("U0ANN", "note 3", Some(&root)).await;
    channel.start_daemon().await;
    let notes = |shown: &Value| {
        let mut texts: Vec<_> = shown["notes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|note| note["text"].as_str())
            .map(str::to_owned)
            .collect();
        texts.sort();
        texts
    };
    let all = ["note 1", "note 2", "note 3"];
    channel
        .place
        .wait_for(PATIENCE, &task, "all notes are there, each once", |shown| {
            notes(shown) == all
        })
        .await;
    std::fs::write(channel.place.folder.path().join("go"), "").expect("written");
    channel.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_an_answer_that_slack_has_given_up_on_is_found_in_its_thread() {
    let mut channel = Channel::new(Agent::Script(ASKS)).await;
    let (task, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    channel.kill_daemon();
    // Two hours later: all redeliveries are over.
    channel.act("hurry", json!({ "factor": 0.0001 })).await;
    channel.say("U0ANN", "No", Some(&root)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What is looked for is looked for until it could be read.
    channel
        .act(
            "fault",
            json!({ "method": "conversations.replies", "how": { "status": 503 }, "times": 3 }),
        )
        .await;
    channel.start_daemon().await;
    channel.place.wait(&task, "done").await;
    assert!(channel.place.log(&task).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_question_whose_posting_we_did_not_live_to_note_was_shown_all_the_same() {
    let mut channel = Channel::new(Agent::Script(
        "until [ -e \"$PLACE/ask\" ]; do sleep 0.1; done; answer=$(vine \
         ask 'Go on?'); echo heard $answer",
    ))
    .await;
    let (task, root) = channel.task("One").await;
    channel
        .act(
            "fault",
            json!({ "method": "chat.postMessage", "how": { "slow": 20_000 } }),
        )
        .await;
    std::fs::write(channel.place.folder.path().join("ask"), "").expect("written");
    channel.hears("(Q-1)").await;
    channel.kill_daemon();
    channel.act("hurry", json!({ "factor": 0.0001 })).await;
    channel.say("U0ANN", "No", Some(&root)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    channel.start_daemon().await;
    channel.place.wait(&task, "done").await;
    assert!(channel.place.log(&task).await.contains("heard No"));
    channel.hears("ended without changes").await;
    let state = channel.slack.state().await;
    assert_eq!(
        of_bot(&state).count(),
        3,
        "a card, a question, an end: {:#}",
        state["channels"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_form_under_a_question_whose_posting_is_not_acknowledged_yet_answers_it() {
    let channel = Channel::new(Agent::Script(
        "until [ -e \"$PLACE/ask\" ]; do sleep 0.1; done; answer=$(vine \
         ask 'Go on?'); echo heard $answer",
    ))
    .await;
    let (task, _) = channel.task("One").await;
    channel
        .act(
            "fault",
            json!({ "method": "chat.postMessage", "how": { "slow": 8_000 } }),
        )
        .await;
    std::fs::write(channel.place.folder.path().join("ask"), "").expect("written");
    let question = channel.hears("(Q-1)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel.click("U0ANN", &question, "vine_write").await;
    let view = channel.modal().await;
    channel
        .submit(&view, &[("words:0", "only on Mondays")])
        .await;
    channel.place.wait(&task, "done").await;
    assert!(
        channel
            .place
            .log(&task)
            .await
            .contains("heard only on Mondays")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_markup_that_grows_when_it_is_escaped_fits_all_the_same() {
    let channel = Channel::new(Agent::Script(
        "vine ask \"$(yes '<b>&amp;</b>' | head -900)\"",
    ))
    .await;
    let (task, root) = channel.task("Markup").await;
    channel
        .wait("it is asked", |state| {
            of_bot(state).any(|message| message["thread_ts"] == root.as_str())
        })
        .await;
    channel.say("U0ANN", "fine", Some(&root)).await;
    channel.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_room_is_named_where_it_is_and_what_cannot_be_is_said() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let order = |line: &str| json!({ "user": "U0ANN", "channel": channel.id, "line": line });
    channel
        .act("command", order("/vine repo room site --room #general"))
        .await;
    channel
        .whispers("U0ANN", "site now uses C0GENERAL on slack")
        .await;
    channel
        .place
        .say(&format!(
            "repo add vault {} --encrypted",
            channel.place.repo.display()
        ))
        .await;
    channel
        .place
        .room("vault", "no end-to-end encryption")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_the_first_of_two_answers_wins_and_foreigners_and_guests_of_other_places_have_no_say()
{
    let channel = Channel::new(Agent::Script(ASKS)).await;
    channel
        .act(
            "user",
            json!({ "id": "U9EVE", "name": "eve", "team": "T9OTHER" }),
        )
        .await;
    channel
        .act("admit", json!({ "channel": channel.id, "user": "U9EVE" }))
        .await;
    let (task, root) = channel.task("One").await;
    let question = channel.hears("(Q-1)").await["ts"]
        .as_str()
        .expect("a ts")
        .to_owned();
    channel.say("U9EVE", "No", Some(&root)).await;
    channel.click("U9EVE", &question, "vine_pick_1").await;
    channel
        .whispers("U9EVE", "Your id is `T9OTHER:U9EVE`")
        .await;
    let reply = channel.say("U0ANN", "No", Some(&root));
    let click = channel.click("U0ANN", &question, "vine_pick_0");
    tokio::join!(reply, click);
    let done = channel.place.wait(&task, "done").await;
    let answers = done["questions"]
        .as_array()
        .expect("questions")
        .iter()
        .filter(|one| one["answer"].is_object())
        .count();
    assert_eq!(
        (answers, done["questions"][0]["answer"]["name"].as_str()),
        (1, Some("Ann"))
    );

    let (second, root) = channel.task("Two").await;
    channel.hears("(Q-2)").await;
    channel.act("shortcut", json!({ "user": "U0ANN", "channel": channel.id, "ts": root, "callback": "vine_answer" })).await;
    let view = channel.modal().await;
    channel.submit(&view, &[("answer", "Yes")]).await;
    channel.place.wait(&second, "done").await;
    assert!(channel.place.log(&second).await.contains("heard Yes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_long_text_comes_in_parts_each_once_although_the_channel_is_slow() {
    let channel = Channel::new(Agent::Script("vine ask \"Which of these? $(seq 1 4500)\"")).await;
    channel.act("limit", json!({ "millis": 700 })).await;
    let (task, root) = channel.task("Long").await;
    let whole = |state: &Value| {
        of_bot(state).any(|message| {
            message["text"]
                .as_str()
                .is_some_and(|text| text.contains("\n> 4500\n"))
        })
    };
    channel.wait("the last part is there", whole).await;
    channel.say("U0ANN", "42", Some(&root)).await;
    channel.place.wait(&task, "done").await;
    let state = channel
        .wait("it is settled", |state| said(state, "— Ann, ").is_some())
        .await;
    // The card has one, once the task is done.
    let mut parts = of_bot(&state).filter(|message| message["ts"] != root.as_str());
    assert!(
        parts.all(|part| !part.to_string().contains("vine_write")),
        "no part keeps a button"
    );
    for number in ["2000", "3000", "4000"] {
        let shown = of_bot(&state)
            .filter(|message| {
                message["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(&format!("\n> {number}\n")))
            })
            .count();
        assert_eq!(shown, 1, "{number} stands there once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_hundred_questions_in_ten_channels_come_in_order_although_channels_are_slow() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let _more = channel.place.worker("w-2", 10).await;
    for number in 2..=10 {
        channel
            .place
            .say(&format!(
                "repo add r-{number} {}",
                channel.place.repo.display()
            ))
            .await;
    }
    channel
        .wait("ten channels", |state| {
            state["channels"]
                .as_array()
                .is_some_and(|all| all.len() == 11)
        })
        .await;
    channel.act("limit", json!({ "millis": 1000 })).await;
    let started = Instant::now();
    for number in 0..100 {
        let repo = if number % 10 == 0 {
            "site".to_owned()
        } else {
            format!("r-{}", number % 10 + 1)
        };
        let words = [
            "task",
            "new",
            &format!("Ask {number}"),
            "--prompt",
            "ask",
            "--repo",
            &repo,
        ]
        .map(str::to_owned);
        channel
            .place
            .client()
            .run(&words, "")
            .await
            .expect("created");
    }
    let asked = |state: &Value| {
        of_bot(state)
            .filter(|message| {
                message["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("(Q-"))
            })
            .count()
    };
    let state = channel
        .wait("all hundred are asked", |state| asked(state) == 100)
        .await;
    // Twenty posts in each channel, one in a second. That a slow room holds up no other is shown in
    // `tests/it/app/platforms.rs`.
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    for question in of_bot(&state).filter(|message| {
        message["thread_ts"].is_string()
            && message["text"]
                .as_str()
                .is_some_and(|text| text.contains("(Q-"))
    }) {
        assert!(
            question["thread_ts"].as_str() < question["ts"].as_str(),
            "after the card: {question}"
        );
    }
    let threads: std::collections::HashSet<_> = of_bot(&state)
        .filter_map(|message| message["thread_ts"].as_str())
        .collect();
    assert_eq!(threads.len(), 100, "each in its own thread");
    let refused = state["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter(|call| call["method"] == "chat.postMessage")
        .count();
    assert!(
        refused > 200,
        "channels were slow: {refused} calls for 200 posts"
    );
}
