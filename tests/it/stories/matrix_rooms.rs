//! Rooms on a real homeserver: who has them, what stands in them, and what goes through them
//! besides words.

use std::time::Instant;

use serde_json::{Value, json};
use vine_doubles::gate::Refusal;

use crate::harness::{
    Agent, PATIENCE, Place, Sections,
    room::{Room, event_id},
    synapse::{Limits, Synapse, sections},
};

#[tokio::test(flavor = "multi_thread")]
async fn matrix_an_alias_that_somebody_else_holds_is_named_and_their_room_can_be_adopted() {
    let synapse = Synapse::start(Limits::Off).await;
    synapse.person("vine").await;
    let ann = synapse.person("ann").await;
    let theirs = ann
        .create(&json!({ "preset": "private_chat", "room_alias_name": "vine-site" }))
        .await;
    let more = sections(&synapse, &[("Ann", "operator")]);
    let mut place = Place::with_sections(
        Agent::Script("vine ask 'Go on?'"),
        Sections {
            more: &more,
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let taken = "the alias #vine-site:vine.test points to a room that the bot did not create";
    wait_for_room(&place, "site", |room| {
        room["trouble"]
            .as_str()
            .is_some_and(|why| why.starts_with(taken))
    })
    .await;

    let refused = place
        .try_say("repo room site --room #vine-site:vine.test")
        .await
        .expect_err("we are not there");
    assert!(
        refused.to_string().contains("Invite the bot first"),
        "{refused}"
    );
    ann.invite("@vine:vine.test", &theirs).await;
    ann.wait(&theirs, "we come", |event| {
        event["state_key"] == "@vine:vine.test" && event["content"]["membership"] == "join"
    })
    .await;
    ann.say(&theirs, "!vine repo room site --room #vine-site:vine.test")
        .await;
    ann.hears(&theirs, "site now uses").await;
    assert_eq!(
        wait_for_room(&place, "site", |room| room["state"] == "ok").await["room"],
        theirs.as_str()
    );
    let task = place.task("Asks in their room", "one").await;
    let question = ann.hears(&theirs, "Go on?").await;
    ann.reply(&theirs, &event_id(&question), "Yes").await;
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_thirty_repositories_have_thirty_rooms_in_one_space_and_adding_one_again_changes_nothing()
 {
    let mut room = Room::new(Agent::Script("true")).await;
    let source = room.place.repo.display().to_string();
    for number in 2..=30 {
        room.place
            .say(&format!("repo add r-{number} {source}"))
            .await;
    }
    room.place
        .say(&format!("repo add r-30 {source} --base main"))
        .await;
    for number in 2..=30 {
        wait_for_room(&room.place, &format!("r-{number}"), |room| {
            room["state"] == "ok"
        })
        .await;
    }
    let space = room.ann.join("#vine:vine.test").await;
    // A room is spoken in as soon as it is there; into the space it comes after that.
    let end = Instant::now() + PATIENCE;
    while room.ann.children(&space).await.len() < 30 {
        assert!(
            Instant::now() < end,
            "{:?}",
            room.ann.children(&space).await
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let rooms = room.ann.known_rooms().await;
    room.processes.pop().expect("the daemon").stop().await;
    room.start_daemon().await;
    room.place.say(&format!("repo add r-31 {source}")).await;
    room.ann.join("#vine-r-31:vine.test").await;
    let grown = room
        .ann
        .known_rooms()
        .await
        .into_iter()
        .filter(|room| !rooms.contains(room))
        .count();
    assert_eq!(grown, 1, "a restart makes no room");
    let members = room.ann.members(&room.id).await;
    assert_eq!(members, ["@ann:vine.test", "@vine:vine.test"]);
    assert_eq!(
        room.ann.power(&room.id).await,
        50,
        "operators manage the room"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_texts_go_both_ways_and_programs_are_refused_by_name() {
    let asks = "answer=$(vine ask \"Which of these? $(seq 1 9000)\"); echo heard $answer";
    let room = Room::new(Agent::Script(asks)).await;
    let (task, root) = room.task("One", "one").await;
    room.ann
        .hears(&room.id, "the whole text is in `question-")
        .await;
    let of_bot = |event: &Value| {
        event["sender"] == "@vine:vine.test" && event["content"]["msgtype"] == "m.file"
    };
    let file = room.ann.wait(&room.id, "the file", of_bot).await;
    let text = room
        .ann
        .download(file["content"]["url"].as_str().expect("an address"))
        .await;
    assert!(
        text.contains("Which of these?") && text.contains("\n> 9000\n"),
        "nothing is cut"
    );
    assert_eq!(file["content"]["m.relates_to"]["event_id"], root.as_str());

    room.ann
        .send_file(&room.id, &root, "m.file", "tool", b"\x7fELF\xff")
        .await;
    room.ann.hears(&room.id, "`tool` was left out").await;
    room.ann
        .send_file(
            &room.id,
            &root,
            "m.file",
            "choice.txt",
            b"number 17\nand 18",
        )
        .await;
    let done = room.place.wait(&task, "done").await;
    assert_eq!(done["questions"][0]["answer"]["name"], "Ann");
    let log = room.place.log(&task).await;
    assert!(
        log.contains("heard File choice.txt: number 17 and 18"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_people_see_that_an_agent_works_and_that_their_answer_was_taken() {
    let room = Room::new(Agent::Script("vine ask 'Go on?'; sleep 5")).await;
    let (task, root) = room.task("One", "one").await;
    room.ann.hears(&room.id, "Go on?").await;
    let answer = room.ann.say_in(&room.id, &root, "yes").await;
    let typing = |event: &Value| {
        event["type"] == "m.typing" && event["content"]["user_ids"][0] == "@vine:vine.test"
    };
    room.ann
        .notices(&room.id, "somebody is at work", typing)
        .await;
    let read = |event: &Value| {
        event["content"][&answer]["m.read"]
            .get("@vine:vine.test")
            .is_some()
    };
    room.ann
        .notices(&room.id, "the answer was read", read)
        .await;
    room.place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_strangers_cannot_bring_us_into_rooms_and_nothing_answers_them_there() {
    let room = Room::new(Agent::Script("true")).await;
    let eve = room.synapse.person("eve").await;
    // Whoever declines by the SDK's own way leaves the predecessor too.
    let predecessor = json!({ "predecessor": { "room_id": room.id, "event_id": "$any" } });
    let trap = eve.create(&json!({ "preset": "private_chat", "invite": ["@vine:vine.test"], "creation_content": predecessor })).await;
    let declined = |event: &Value| {
        event["state_key"] == "@vine:vine.test" && event["content"]["membership"] == "leave"
    };
    eve.wait(&trap, "the invitation is declined", declined)
        .await;
    assert_eq!(
        room.ann.members(&room.id).await,
        ["@ann:vine.test", "@vine:vine.test"],
        "we are where we were"
    );
    room.ann.call_in(&eve, &room.id).await;
    let asked = eve.say(&room.id, "!vine status").await;
    let told = room.ann.wait(&room.id, "who may do what is said", |event| {
        event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked.as_str()
    });
    let told = told.await;
    assert!(
        told["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("Your id is `@eve:vine.test`")),
        "{told}"
    );
    assert_eq!(
        told["content"]["m.mentions"]["user_ids"],
        json!(["@eve:vine.test"]),
        "and told to nobody else"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_one_person_who_cannot_be_invited_keeps_nobody_out_and_is_named() {
    let mut room = Room::of(
        Agent::Script("true"),
        Limits::Off,
        &[("Ann", "operator"), ("Ben", "answerer")],
    )
    .await;
    let ben = room.synapse.log_in("ben").await;
    // People come in the order of the configuration.
    let gate = room.behind_a_gate().await;
    let limited =
        json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too many", "retry_after_ms": 60_000 });
    gate.refuse(Refusal {
        path: "/invite".into(),
        body: "@ann:vine.test".into(),
        times: 1000,
        status: 429,
        answer: limited,
    });
    room.place
        .say(&format!("repo add other {}", room.place.repo.display()))
        .await;
    ben.join("#vine-other:vine.test").await;
    let named = |room: &Value| {
        room["trouble"]
            .as_str()
            .is_some_and(|why| why.contains("inviting @ann:vine.test"))
    };
    wait_for_room(&room.place, "other", named).await;
    let tried = 1000 - gate.left();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(
        1000 - gate.left() - tried <= 1,
        "it is not tried each second"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_room_whose_history_cannot_be_read_stops_no_other_and_is_told() {
    let mut room = Room::new(Agent::Script("vine ask 'Go on?'")).await;
    room.place
        .say(&format!("repo add other {}", room.place.repo.display()))
        .await;
    let other = room.ann.join("#vine-other:vine.test").await;
    let (_, root) = room.task("One", "one").await;
    let question = room.ann.hears(&room.id, "Go on?").await;
    room.kill_daemon();
    for number in 0..60 {
        room.ann.say(&other, &format!("talk {number}")).await;
        room.ann
            .say_in(&room.id, &root, &format!("note {number}"))
            .await;
    }
    let gate = room.behind_a_gate().await;
    let broken = json!({ "errcode": "M_UNKNOWN", "error": "Internal server error" });
    gate.refuse(Refusal {
        path: format!("/{other}/messages"),
        body: String::new(),
        times: 1000,
        status: 500,
        answer: broken,
    });
    room.ann
        .hears(&other, "did not let AgentVine read every message")
        .await;
    let answered = |event: &Value| {
        event["content"]["m.relates_to"]["event_id"] == event_id(&question).as_str()
            && event["content"]["m.new_content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains("note 0"))
    };
    room.ann
        .wait(&room.id, "the first words answered", answered)
        .await;
}

/// Waits until `repo room` says this of the room in Matrix.
async fn wait_for_room(place: &Place, repo: &str, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let rooms = place.say(&format!("repo room {repo}")).await;
        let room = rooms
            .as_array()
            .expect("rooms")
            .iter()
            .find(|room| room["id"] == "matrix");
        if let Some(room) = room.filter(|room| is(room)) {
            return room.clone();
        }
        assert!(Instant::now() < end, "the room of {repo}: {rooms:#}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
