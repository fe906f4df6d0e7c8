//! The plug is pulled in a Matrix room: between hearing and storing, between posting and noting,
//! and by other people.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Agent, PATIENCE,
    base::sql,
    room::{Room, event_id},
    until,
};

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";

#[tokio::test(flavor = "multi_thread")]
async fn matrix_words_that_were_received_and_not_stored_are_read_again() {
    let mut room = Room::new(Agent::Script(ASKS)).await;
    for (number, meanwhile) in [(1, None), (2, Some("said before the daemon is back"))] {
        let (task, root) = room.task(&format!("Task {number}"), "one").await;
        room.ann.hears(&room.id, &format!("(Q-{number})")).await;
        room.all_is_posted().await;
        room.sdk_is_quiet().await;
        let received = fs::metadata(room.sdk_log())
            .and_then(|log| log.modified())
            .expect("the SDK's store");
        let held = room.place.base.hold();
        let answer = room.ann.say_in(&room.id, &root, "No").await;
        // The SDK keeps its position when it has the events, before anybody sees them.
        until(PATIENCE, "the SDK has it", || {
            (fs::metadata(room.sdk_log()).ok()?.modified().ok()? != received).then_some(())
        })
        .await;
        room.kill_daemon();
        drop(held);
        assert!(
            room.place
                .base
                .sql(&format!("SELECT event FROM inbox WHERE event = '{answer}'"))
                .is_empty(),
            "we have not"
        );
        if let Some(words) = meanwhile {
            room.ann.say(&room.id, words).await;
        }
        room.start_daemon().await;
        let done = room.place.wait(&task, "done").await;
        assert_eq!(done["questions"][0]["answer"]["name"], "Ann");
        assert!(room.place.log(&task).await.contains("heard No"));
    }
}

/// Lets the homeserver take a question while the daemon cannot note that, and kills the daemon
/// then.
async fn posted_and_not_noted(room: &mut Room, number: u32) -> String {
    let (task, root) = room.task(&format!("Task {number}"), "one").await;
    room.place.wait(&task, "running").await;
    room.all_is_posted().await;
    room.synapse.pause();
    fs::write(room.place.folder.path().join("go"), "").expect("written");
    room.place.question(&task).await;
    let held = room.place.base.hold();
    room.synapse.resume();
    room.ann.hears(&room.id, &format!("(Q-{number})")).await;
    room.kill_daemon();
    drop(held);
    let noted = format!(
        "SELECT posted FROM outbox o JOIN chat_messages m ON m.id = o.message WHERE o.platform = \
         'matrix' AND m.question = {number}"
    );
    assert_eq!(room.place.base.sql(&noted), [""], "the post was not noted");
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_what_was_posted_and_not_noted_is_not_posted_again_not_even_after_a_day() {
    let waits = "until rm \"$PLACE/go\" 2>/dev/null; do sleep 0.1; done; vine ask 'Go on?'";
    let mut room = Room::new(Agent::Script(waits)).await;
    for (number, days) in [(1, 0), (2, 1)] {
        let root = posted_and_not_noted(&mut room, number).await;
        if days == 1 {
            // What the homeserver does after 24 hours: it forgets which requests it has served.
            room.synapse.stop();
            assert_eq!(
                sql(
                    &room.synapse.database(),
                    "DELETE FROM event_txn_id_device_id RETURNING 1"
                )
                .first()
                .map(String::as_str),
                Some("1")
            );
            room.synapse.go_on().await;
        }
        room.start_daemon().await;
        room.ann.say_in(&room.id, &root, "yes").await;
        room.ann.hears(&room.id, "** — Ann, ").await;
        room.place.wait(&format!("T-{number}"), "done").await;
        let events = room.ann.events(&room.id).await;
        assert_eq!(
            events
                .iter()
                .filter(|event| is_question(event, number))
                .count(),
            1,
            "Q-{number} stands there once"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_session_that_was_ended_is_reported_and_begun_anew_when_its_folder_is_removed() {
    let room = Room::new(Agent::Script(ASKS)).await;
    let (task, root) = room.task("One", "one").await;
    room.ann.hears(&room.id, "(Q-1)").await;
    room.synapse.log_in("vine").await.log_out_everywhere().await;
    let trouble = room.adapter_trouble().await;
    assert!(
        trouble.contains("the bot's session") && trouble.contains("remove the folder `matrix`"),
        "{trouble}"
    );
    room.ann.say_in(&room.id, &root, "No").await;
    fs::remove_dir_all(room.place.folder.path().join("daemon/matrix")).expect("removed");
    room.place.wait(&task, "done").await;
    assert!(
        room.place.log(&task).await.contains("heard No"),
        "what was said meanwhile is heard"
    );
    room.ann.hears(&room.id, "ended without changes").await;
    let asked = room
        .ann
        .events(&room.id)
        .await
        .iter()
        .filter(|event| is_question(event, 1))
        .count();
    assert_eq!(asked, 1, "the new device posts nothing again");
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_room_that_we_were_thrown_out_of_is_named_and_served_again_after_an_invitation() {
    let room = Room::new(Agent::Script(ASKS)).await;
    let other = room
        .ann
        .create(&json!({ "preset": "private_chat", "invite": ["@vine:vine.test"] }))
        .await;
    room.ann
        .wait(&other, "we come when an operator calls", |event| {
            is_member(event, "join")
        })
        .await;
    room.place
        .say(&format!("repo room site --room {other}"))
        .await;
    room.ann.put_out("@vine:vine.test", &other).await;
    room.ann
        .wait(&other, "we are out", |event| is_member(event, "leave"))
        .await;
    let task = room.place.task("Asks into the void", "one").await;
    room.place.question(&task).await;
    let named = || async { room.place.say("repo room site").await.to_string() };
    let end = std::time::Instant::now() + PATIENCE;
    while !named().await.contains("is not in the room") {
        assert!(std::time::Instant::now() < end, "{}", named().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    room.ann.invite("@vine:vine.test", &other).await;
    let question = room.ann.hears(&other, "(Q-1)").await;
    room.ann.reply(&other, &event_id(&question), "Yes").await;
    room.place.wait(&task, "done").await;
    assert!(
        !named().await.contains("is not in the room"),
        "{}",
        named().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_what_was_said_before_we_were_thrown_out_is_heard() {
    let mut room = Room::new(Agent::Script(ASKS)).await;
    let other = room
        .ann
        .create(&json!({ "preset": "private_chat", "invite": ["@vine:vine.test"] }))
        .await;
    room.ann
        .wait(&other, "we come", |event| is_member(event, "join"))
        .await;
    room.place
        .say(&format!("repo room site --room {other}"))
        .await;
    let task = room.place.task("Asks there", "one").await;
    let question = room.ann.hears(&other, "(Q-1)").await;
    room.kill_daemon();
    room.ann.reply(&other, &event_id(&question), "No").await;
    room.ann.put_out("@vine:vine.test", &other).await;
    room.start_daemon().await;
    room.place.wait(&task, "done").await;
    assert!(room.place.log(&task).await.contains("heard No"));
}

fn is_question(event: &Value, number: u32) -> bool {
    let asks = format!("(Q-{number})");
    event["content"]["body"]
        .as_str()
        .is_some_and(|body| body.contains(&asks) && !body.contains("** — Ann"))
}

fn is_member(event: &Value, membership: &str) -> bool {
    event["state_key"] == "@vine:vine.test" && event["content"]["membership"] == membership
}
