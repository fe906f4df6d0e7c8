//! Slack: nothing that people send vanishes, what Slack rewrites is read as it was typed, and "ok"
//! means that people can be asked.

use std::time::Duration;

use serde_json::{Value, json};
use vine_doubles::slack::world::BOT_USER;

use crate::harness::{
    Agent, PATIENCE, asking,
    channel::Channel,
    workspace::{Workspace, of_bot},
};

/// What a person sends into a thread, as Slack brings it.
async fn sends(channel: &Channel, root: &str, more: Value) -> String {
    let mut args = json!({ "user": "U0ANN", "channel": channel.id, "thread_ts": root, "text": "" });
    for (key, value) in more.as_object().into_iter().flatten() {
        args[key] = value.clone();
    }
    let said = channel.act("say", args).await;
    said["ts"].as_str().expect("a ts").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_words_come_as_they_were_typed_and_nothing_else_vanishes() {
    let channel = Channel::new(Agent::Script(&asking(&[
        "'Which file?' --option main.rs --option lib.rs",
        "'Whose?'",
        "'And then?'",
        "'Which place?' --option One --option Two",
        "'Last?'",
    ])))
    .await;
    let (task, root) = channel.task("Read me").await;
    channel.hears("(Q-1)").await;
    sends(
        &channel,
        &root,
        json!({ "text": "<http://main.rs|main.rs>" }),
    )
    .await;
    channel.hears("(Q-2)").await;
    let share = json!({ "attachments": [{ "is_share": true, "author_name": "Ben", "text": "ask &lt;@ann&gt; of <!subteam^S1|@devs>" }] });
    sends(&channel, &root, share).await;
    channel.hears("(Q-3)").await;
    let clip = json!({ "id": "F1", "name": "clip.m4a", "mimetype": "audio/mp4", "subtype": "slack_audio", "transcription": { "status": "complete", "preview": { "content": "go home", "has_more": false } } });
    sends(
        &channel,
        &root,
        json!({ "files": [clip], "subtype": "file_share" }),
    )
    .await;

    let fourth = channel.hears("(Q-4)").await;
    let ts = fourth["ts"].as_str().expect("a ts");
    let react = |name: &str| json!({ "user": "U0ANN", "channel": channel.id, "timestamp": ts, "name": name });
    channel.act("react", react("+1")).await;
    channel.whispers("U0ANN", "is not an answer to Q-4").await;
    channel.act("react", react("two")).await;

    channel.hears("(Q-5)").await;
    for (what, more) in [
        (
            "The message is empty",
            json!({ "attachments": [{ "fallback": "a page" }] }),
        ),
        (
            "`gone.txt` was left out",
            json!({ "files": [{ "id": "F2", "name": "gone.txt", "mode": "tombstone" }], "subtype": "file_share" }),
        ),
        (
            "A message of this kind",
            json!({ "text": "?", "subtype": "hologram_shared" }),
        ),
    ] {
        sends(&channel, &root, more).await;
        channel.whispers("U0ANN", what).await;
    }
    sends(
        &channel,
        &root,
        json!({ "text": "pinned a message", "subtype": "pinned_item" }),
    )
    .await;
    sends(
        &channel,
        &root,
        json!({ "text": "waves", "subtype": "me_message" }),
    )
    .await;
    channel.place.wait(&task, "done").await;
    let log = channel.place.log(&task).await;
    for heard in [
        "heard <main.rs>",
        "heard <Forwarded from Ben: ask <@ann> of @devs>",
        "heard <Voice message, transcribed by Slack: go home>",
        "heard <Two>",
        "heard <waves>",
    ] {
        assert!(log.contains(heard), "{heard} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_each_long_question_has_its_own_file_and_a_refused_one_goes_out_plainer() {
    let channel = Channel::new(Agent::Script(&asking(&[
        "\"First $(seq 1 6000)\" --option Go",
        "\"Second $(seq 6000 12000)\" --option Go",
        "'Third?' --option Go --option ''",
        "'Fourth?' --option Go",
        "'Fifth?' --option Go",
    ])))
    .await;
    let (task, root) = channel.task("Say a lot").await;
    let whole = |number: usize, words: &'static str| {
        move |state: &Value| {
            let files = state["files"].as_array();
            files.is_some_and(|files| {
                files.len() == number
                    && files.iter().any(|one| {
                        one["text"]
                            .as_str()
                            .is_some_and(|text| text.contains(words))
                    })
            })
        }
    };
    let names = |state: &Value| -> Vec<String> {
        let files = state["files"].as_array().into_iter().flatten();
        files
            .filter_map(|one| one["file"]["name"].as_str().map(str::to_owned))
            .collect()
    };
    let state = channel
        .wait("the first has its file", whole(1, "First 1"))
        .await;
    let first = names(&state)[0].clone();
    channel
        .hears(&format!("the whole text is in `{first}`"))
        .await;
    channel.say("U0ANN", "Q-1 Go", Some(&root)).await;
    let state = channel
        .wait("the second has its own", whole(2, "Second 6000"))
        .await;
    let second = names(&state).into_iter().find(|name| *name != first);
    let second = second.expect("a file of another name");
    channel
        .hears(&format!("the whole text is in `{second}`"))
        .await;
    let fault = |how: Value| json!({ "method": "chat.postMessage", "how": how, "times": 1 });
    channel
        .act("fault", fault(json!({ "refused": "invalid_blocks" })))
        .await;
    channel.say("U0ANN", "Q-2 Go", Some(&root)).await;
    let fourth = channel.hears("Fourth?").await;
    assert!(
        fourth["blocks"].as_array().is_none_or(Vec::is_empty),
        "words alone: {fourth}"
    );
    let rooms = channel.place.say("repo room site").await;
    let refused = rooms[0]["refused"].as_str().unwrap_or_default();
    assert!(
        refused.contains("in a plainer form") && refused.contains("invalid_blocks"),
        "{rooms}"
    );
    channel.place.platform(None).await;
    channel.say("U0ANN", "Q-3 go", Some(&root)).await;
    let fifth = channel.hears("Fifth?").await;
    assert!(
        fifth["blocks"].to_string().contains("vine_pick_0"),
        "the thread goes on: {fifth}"
    );
    channel
        .click("U0ANN", fifth["ts"].as_str().expect("a ts"), "vine_pick_0")
        .await;
    channel.place.wait(&task, "done").await;
    let log = channel.place.log(&task).await;
    assert!(log.contains("an option is empty"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_ok_means_that_people_can_be_asked() {
    let channel = Channel::new(Agent::Script("vine ask 'Go?'")).await;
    channel.place.platform(None).await;
    let archive = |archived: bool| json!({ "channel": channel.id, "archived": archived });
    channel.act("archive", archive(true)).await;
    channel
        .place
        .platform(Some("the channel is archived; unarchive it"))
        .await;
    channel.act("archive", archive(false)).await;
    channel.place.platform(None).await;

    channel
        .act("remove", json!({ "channel": channel.id, "user": BOT_USER }))
        .await;
    channel
        .place
        .platform(Some("invite the bot to the channel"))
        .await;
    channel
        .act("admit", json!({ "channel": channel.id, "user": BOT_USER }))
        .await;
    channel.place.platform(None).await;

    channel.act("revoke", json!({})).await;
    channel
        .act(
            "event",
            json!({ "event": { "type": "tokens_revoked", "tokens": { "bot": [BOT_USER] } } }),
        )
        .await;
    channel
        .place
        .platform(Some("the token is no longer valid"))
        .await;
    channel.act("revoke", json!({ "revoked": false })).await;
    channel.place.platform(None).await;
    // Connections of the session that is over would take what comes now.
    channel
        .wait("only two connections are open", |state| {
            state["connections"] == 2
        })
        .await;

    channel
        .act(
            "scopes",
            json!({ "scopes": vine_doubles::slack::SCOPES.replace("reactions:read,", "") }),
        )
        .await;
    channel
        .act("event", json!({ "event": { "type": "app_uninstalled" } }))
        .await;
    channel.place.status("add the scope reactions:read").await;
    channel.place.platform(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_what_is_said_while_nobody_listens_is_found() {
    let mut channel = Channel::new(Agent::Script("vine ask 'Go?'")).await;
    // Slack has greeted both, so we know where to begin.
    channel
        .wait("two connections are open", |state| {
            state["connections"] == 2
        })
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    channel.kill_daemon();
    channel.act("hurry", json!({ "factor": 0.001 })).await;
    channel
        .say(
            "U0ANN",
            &format!("<@{BOT_USER}> task new First of all"),
            None,
        )
        .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    channel.start_daemon().await;
    channel.hears("First of all").await;

    channel
        .act(
            "remove",
            json!({ "channel": "C0GENERAL", "user": BOT_USER }),
        )
        .await;
    for user in ["U0ANN", "U0BEN", "U0BEN"] {
        channel
            .act(
                "command",
                json!({ "user": user, "channel": "C0GENERAL", "line": "/vine whoami" }),
            )
            .await;
    }
    let answered = |state: &Value| {
        let to = |user: &str| {
            state["ephemerals"].as_array().map_or(0, |all| {
                all.iter()
                    .filter(|one| one["user"] == user && one["channel"] == "C0GENERAL")
                    .count()
            })
        };
        to("U0ANN") == 1 && to("U0BEN") == 2
    };
    channel
        .wait("each is answered where the bot is not", answered)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_pages_that_come_again_end() {
    let slack = Workspace::open().await;
    slack
        .act("organisation", json!({ "teams": ["T0TEAM"] }))
        .await;
    slack.act("endless", json!({})).await;
    let channel = Channel::of(slack, Agent::Script("vine ask 'Go?'"), "").await;
    let (_, root) = channel.task("Turn pages").await;
    channel.hears("(Q-1)").await;
    channel.say("U0ANN", "yes", Some(&root)).await;
    channel.hears("— Ann, ").await;
    let state = channel.wait("it goes on", |_| true).await;
    let calls = |method: &str| {
        state["calls"]
            .as_array()
            .expect("calls")
            .iter()
            .filter(|call| call["method"] == method)
            .count()
    };
    assert!(
        calls("auth.teams.list") <= 4,
        "{}",
        calls("auth.teams.list")
    );
    let form = state["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .find(|call| call["method"] == "auth.teams.list");
    assert_eq!(form.expect("called")["args"]["limit"], "100", "as a form");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_late_second_copy_loses_its_buttons() {
    let wait = "until [ -e \"$PLACE/go\" ]; do sleep 0.1; done\n";
    let channel = Channel::new(Agent::Script(&format!(
        "{wait}{}",
        asking(&["'Go?' --option Yes"])
    )))
    .await;
    let (task, _) = channel.task("Twice").await;
    channel.place.wait(&task, "running").await;
    channel
        .act(
            "fault",
            json!({ "method": "chat.postMessage", "how": { "late": 4000 }, "times": 1 }),
        )
        .await;
    std::fs::write(channel.place.folder.path().join("go"), "").expect("written");
    let copies = |state: &Value| -> Vec<Value> {
        of_bot(state)
            .filter(|message| {
                message["metadata"]["event_payload"]["part"] == "0"
                    && message["thread_ts"].is_string()
            })
            .filter(|message| {
                message["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("(Q-1)") || text.contains("was posted twice"))
            })
            .cloned()
            .collect()
    };
    let armed = |message: &Value| message["blocks"].to_string().contains("vine_pick_0");
    let state = channel
        .wait("one copy keeps its buttons", |state| {
            let all = copies(state);
            all.len() == 2 && all.iter().filter(|one| armed(one)).count() == 1
        })
        .await;
    let kept = copies(&state).into_iter().find(armed).expect("one");
    channel
        .click("U0ANN", kept["ts"].as_str().expect("a ts"), "vine_pick_0")
        .await;
    channel.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_of_a_hundred_answers_that_fall_into_half_open_sockets_none_is_lost() {
    let script =
        "for n in $(seq 1 100); do vine ask \"Number $n?\" >out.$n & done; wait; cat out.* | wc -l";
    let channel = Channel::new(Agent::Script(script)).await;
    let (task, root) = channel.task("Ask a hundred").await;
    let asked = |state: &Value| {
        let questions = of_bot(state).filter(|message| {
            message["text"]
                .as_str()
                .is_some_and(|text| text.contains("(Q-"))
        });
        questions.count() >= 100
    };
    channel.wait("all are asked", asked).await;
    // Slack gives up within seconds, and goes on to send there what comes up.
    channel.act("hurry", json!({ "factor": 0.005 })).await;
    channel.act("freeze", json!({ "millis": 45_000 })).await;
    let answers = |from: usize, to: usize| {
        let (channel, root) = (&channel, &root);
        async move {
            for number in from..=to {
                channel
                    .say("U0ANN", &format!("Q-{number} answer {number}"), Some(root))
                    .await;
            }
        }
    };
    answers(1, 50).await;
    channel
        .wait("new connections stand beside the old ones", |state| {
            state["connections"].as_u64().is_some_and(|count| count > 2)
        })
        .await;
    answers(51, 100).await;
    channel
        .place
        .wait_for(2 * PATIENCE, &task, "all are answered", |shown| {
            shown["state"] == "done"
        })
        .await;
    let log = channel.place.log(&task).await;
    assert!(log.contains("100"), "{log}");
}

/// A hundred kilobytes of everything that can be typed.
fn hundred_kilobytes() -> String {
    let line =
        "a <b> & `c` *d* _e_ ~f~ |g| \\h\\ \"i\" 'j' #k @l :m: $n %o {p} [q](r) é ß 語 👍🏽 𝔄 > s\n";
    let text = line.repeat(100_000 / line.len());
    format!("{text}the end")
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_hundred_kilobytes_reach_the_agent_from_the_page_a_shell_and_a_file() {
    let script = "for n in 1 2 3; do vine ask \"Number $n?\" >\"$PLACE/heard.$n\"; done";
    let channel = Channel::new(Agent::Script(script)).await;
    let (task, root) = channel.task("Read much").await;
    let typed = hundred_kilobytes();
    channel.hears("(Q-1)").await;
    channel.place.answer(&task, "Q-1", &typed).await;
    channel.hears("(Q-2)").await;
    let file = channel.place.folder.path().join("typed.txt");
    std::fs::write(&file, &typed).expect("written");
    let shell = channel
        .place
        .vine(&["question", "answer", "Q-2", "--file"])
        .arg(&file)
        .env("VINE_STATE", channel.place.folder.path().join("daemon"))
        .output()
        .expect("it runs");
    assert!(
        shell.status.success(),
        "{}",
        String::from_utf8_lossy(&shell.stderr)
    );
    channel.hears("(Q-3)").await;
    // Right after another answer it would be asked which is meant.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let sent = json!({ "name": "typed.txt", "mimetype": "text/plain", "text": typed });
    sends(&channel, &root, json!({ "file": sent })).await;
    channel.place.wait(&task, "done").await;
    let heard = |number: u32| {
        std::fs::read_to_string(channel.place.folder.path().join(format!("heard.{number}")))
            .expect("heard")
    };
    assert!(heard(1).trim_end() == typed, "from the page");
    assert!(heard(2).trim_end() == typed, "from a shell");
    assert!(
        heard(3).trim_end() == format!("File typed.txt:\n{typed}"),
        "from a file"
    );
}
