//! A team's day in a Matrix room, on a real homeserver.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Agent, PATIENCE,
    base::sql,
    room::{Room, event_id},
    synapse::Limits,
};

#[tokio::test(flavor = "multi_thread")]
async fn claude_matrix_the_whole_way_of_a_question_through_a_thread() {
    let room = Room::new(Agent::Claude).await;
    let (task, root) = room
        .task(
            "Paint",
            "Paint the door.\nMODEL: ask Which colour? | Red | Blue\nMODEL: finish Painted.",
        )
        .await;
    let question = room.ann.hears(&room.id, "Which colour?").await;
    assert_eq!(
        question["content"]["m.relates_to"]["event_id"],
        root.as_str(),
        "in the thread of the card"
    );
    assert_eq!(
        question["content"]["m.mentions"]["user_ids"][0], "@ann:vine.test",
        "it calls who asked for the task"
    );
    let answer = room.ann.say_in(&room.id, &root, "2").await;
    let done = room.place.wait(&task, "done").await;
    assert_eq!(done["questions"][0]["answer"]["name"], "Ann");
    assert!(room.place.heard("Blue") >= 1, "the same session got it");
    let accepted = |event: &Value| {
        event["type"] == "m.reaction"
            && event["content"]["m.relates_to"]["event_id"] == answer.as_str()
    };
    room.ann
        .wait(&room.id, "the answer is marked as taken", accepted)
        .await;
    room.ann.hears(&room.id, "ended without changes").await;
    let moment = question["origin_server_ts"].to_string();
    assert_eq!(
        room.place.base.asked_since("matrix"),
        [moment],
        "it stands there since then by the homeserver's clock"
    );
}

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_plain_reply_and_a_reaction_answer_and_only_the_author_edits() {
    let room = Room::of(
        Agent::Script(ASKS),
        Limits::Off,
        &[("Ann", "operator"), ("Vic", "viewer")],
    )
    .await;
    let (eve, vic) = (
        room.synapse.person("eve").await,
        room.synapse.log_in("vic").await,
    );
    room.ann.call_in(&eve, &room.id).await;
    vic.join("#vine-site:vine.test").await;
    let (task, _) = room.task("One", "one").await;
    let question = room.ann.hears(&room.id, "Go on?").await;
    room.ann
        .wait(&room.id, "there is something to tap", |event| {
            event["content"]["m.relates_to"]["key"] == "1️⃣"
        })
        .await;
    eve.react(&room.id, &event_id(&question), "2️⃣").await;
    eve.reply(&room.id, &event_id(&question), "No").await;
    room.ann
        .hears(&room.id, "an unknown user is not allowed to do this here")
        .await;
    let answer = room.ann.reply(&room.id, &event_id(&question), "Yes").await;
    let done = room.place.wait(&task, "done").await;
    assert_eq!(
        (
            done["questions"][0]["answer"]["name"].as_str(),
            done["questions"].as_array().map(Vec::len)
        ),
        (Some("Ann"), Some(1))
    );
    eve.edit(&room.id, &answer, "No").await;
    vic.edit(&room.id, &answer, "No").await;
    room.ann
        .hears(&room.id, "only its author can change a message")
        .await;
    let shown = room.place.show(&task).await;
    assert_eq!(
        (
            shown["questions"][0]["answer"]["decision"]["text"].as_str(),
            shown["notes"].as_array().map_or(0, Vec::len)
        ),
        (
            done["questions"][0]["answer"]["decision"]["text"].as_str(),
            0
        )
    );

    let (second, _) = room.task("Two", "two").await;
    let of_two = |event: &Value| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("Q-2") && body.contains("Go on?"))
    };
    let question = room.ann.wait(&room.id, "the second question", of_two).await;
    room.ann
        .react(&room.id, &event_id(&question), "2\u{20e3}")
        .await;
    room.place.wait(&second, "done").await;
    assert!(room.place.log(&second).await.contains("heard No"));
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_an_edit_of_ones_own_answer_is_a_correction_and_its_deletion_is_told() {
    let room = Room::new(Agent::Script(
        "vine ask 'Go on?'; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done",
    ))
    .await;
    let (task, root) = room.task("One", "one").await;
    room.ann.hears(&room.id, "Go on?").await;
    let answer = room.ann.say_in(&room.id, &root, "Red").await;
    let marked = |event: &Value, of: &str, sign: &str| {
        let relation = &event["content"]["m.relates_to"];
        event["type"] == "m.reaction" && relation["event_id"] == of && relation["key"] == sign
    };
    room.ann
        .wait(&room.id, "the answer is marked as taken", |event| {
            marked(event, &answer, "✅")
        })
        .await;
    room.ann.edit(&room.id, &answer, "Blue").await;
    let corrected = |shown: &Value| {
        shown["notes"]
            .to_string()
            .contains("Correction of the answer to Q-1 (“Red”): Blue")
    };
    room.place
        .wait_for(PATIENCE, &task, "the agent hears of it", corrected)
        .await;
    let note = room.ann.say_in(&room.id, &root, "and mind the dog").await;
    room.ann
        .wait(&room.id, "the note is marked as kept", |event| {
            marked(event, &note, "📝")
        })
        .await;
    room.ann.redact(&room.id, &answer).await;
    room.ann
        .hears(
            &room.id,
            "Ann deleted the message with the answer to Q-1 (“Red”)",
        )
        .await;
    std::fs::write(room.place.folder.path().join("go"), "").expect("written");
    room.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_note_that_no_agent_reads_any_more_is_said_to_be_missed() {
    let room = Room::new(Agent::Script(
        "until [ -e \"$PLACE/go\" ]; do sleep 0.1; done",
    ))
    .await;
    let (task, root) = room.task("One", "one").await;
    room.place.wait(&task, "running").await;
    let note = room.ann.say_in(&room.id, &root, "mind the dog").await;
    let eyes = |event: &Value| {
        event["type"] == "m.reaction"
            && event["content"]["m.relates_to"]["event_id"] == note.as_str()
    };
    room.ann.wait(&room.id, "the note is kept", eyes).await;
    std::fs::write(room.place.folder.path().join("go"), "").expect("written");
    room.place.wait(&task, "done").await;
    let told = room
        .ann
        .hears(&room.id, "no agent has read the note from Ann")
        .await;
    assert_eq!(
        told["content"]["m.relates_to"]["rel_type"], "m.thread",
        "a message of ours: nobody sees an edit of somebody else's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_replies_while_the_daemon_is_down_all_arrive_in_order_and_nothing_is_posted_twice() {
    let mut room = Room::new(Agent::Script(
        "vine ask 'Go on?'; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done",
    ))
    .await;
    let (task, root) = room.task("One", "one").await;
    room.ann.hears(&room.id, "Go on?").await;
    room.processes.pop().expect("the daemon").kill();
    room.ann.say_in(&room.id, &root, "the answer").await;
    for number in 1..=170 {
        room.ann
            .say_in(&room.id, &root, &format!("note {number}"))
            .await;
    }
    room.processes.push(room.place.daemon().await);
    let all = |shown: &Value| {
        shown["notes"]
            .as_array()
            .is_some_and(|notes| notes.len() == 170)
    };
    let shown = room
        .place
        .wait_for(PATIENCE, &task, "all notes are there", all)
        .await;
    assert_eq!(
        shown["questions"][0]["answer"]["decision"]["text"], "the answer",
        "{}",
        shown["questions"][0]
    );
    let texts: Vec<_> = shown["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| note["text"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(
        texts,
        (1..=170)
            .map(|number| format!("note {number}"))
            .collect::<Vec<_>>(),
        "a gap was filled, in order"
    );
    std::fs::write(room.place.folder.path().join("go"), "").expect("written");
    room.place.wait(&task, "done").await;
    room.ann.hears(&room.id, "ended without changes").await;
    let events = room.ann.events(&room.id).await;
    let asked = events.iter().filter(|event| {
        event["content"]["m.relates_to"]["rel_type"] == "m.thread"
            && event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains("Go on?"))
    });
    assert_eq!(asked.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_homeserver_that_goes_and_comes_loses_nothing() {
    let mut room = Room::new(Agent::Script(ASKS)).await;
    let (task, root) = room.task("One", "one").await;
    room.ann.hears(&room.id, "Go on?").await;
    room.synapse.stop();
    let trouble = room.adapter_trouble().await;
    assert!(
        trouble.starts_with("no connection to the homeserver"),
        "{trouble}"
    );
    let problem = room.doctor();
    assert!(
        problem.contains("problem  matrix       no connection"),
        "{problem}"
    );
    let silent = room.place.task("Asks meanwhile", "two").await;
    room.place.answer(&task, "Q-1", "Yes").await;
    room.place.question(&silent).await;
    room.synapse.go_on().await;
    let asked = |event: &Value| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("Q-2") && body.contains("Go on?"))
    };
    let question = room
        .ann
        .wait(&room.id, "what was asked meanwhile", asked)
        .await;
    let thread = question["content"]["m.relates_to"]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_ne!(thread, root, "in a thread of its own");
    room.ann.say_in(&room.id, &thread, "No").await;
    room.place.wait(&silent, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_the_doctor_names_the_call_that_lifts_the_limits_and_it_does() {
    let mut room = Room::with(Agent::Script(ASKS), Limits::Default).await;
    let advice = room.doctor();
    let call = advice
        .split('\'')
        .find(|part| part.starts_with("http"))
        .expect("an address")
        .to_owned();
    assert!(
        call.ends_with("/_synapse/admin/v1/users/@vine:vine.test/override_ratelimit"),
        "{advice}"
    );
    room.synapse.stop();
    sql(
        &room.synapse.database(),
        "UPDATE users SET admin = 1 WHERE name = '@ann:vine.test'",
    );
    room.synapse.go_on().await;
    room.ann
        .administer(
            &call,
            &serde_json::json!({ "messages_per_second": 0, "burst_count": 0 }),
        )
        .await;
    for number in 1..=10 {
        room.place.task(&format!("Task {number}"), "ask").await;
    }
    room.ann.hears(&room.id, "(Q-10)").await;
    // Forty messages and edits; under the limits of before they would take two minutes.
    let began = std::time::Instant::now();
    room.all_is_posted().await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_under_the_default_limits_of_a_homeserver_questions_still_come_and_before_news_of_states()
 {
    let room = Room::with(Agent::Script(ASKS), Limits::Default).await;
    for number in 1..=4 {
        let task = room.place.task(&format!("Task {number}"), "ask").await;
        let (question, _) = room.place.question(&task).await;
        room.ann.hears(&room.id, &format!("({question})")).await;
    }
    let events = room.ann.events(&room.id).await;
    let edits = events
        .iter()
        .filter(|event| event["content"]["m.relates_to"]["rel_type"] == "m.replace")
        .count();
    assert!(
        edits < 8,
        "each card went through two more states, and {edits} edits were posted before the last \
         question"
    );
}
