//! A repository whose room is end-to-end encrypted, with people whose clients are not ours.

use std::{fs, path::PathBuf, time::Duration};

use matrix_sdk::ruma::OwnedRoomId;
use serde_json::{Value, json};

use crate::harness::{
    Agent, PATIENCE,
    base::sql,
    nio_human::NioHuman,
    room::{Room, event_id},
    sdk_human::SdkHuman,
    synapse::Limits,
    until,
};

const ASKS: &str =
    "answer=$(vine ask 'Which colour?' --option Red --option Blue); echo heard $answer";

/// A repository `vault` with an encrypted room and Ann in it; Ben and Cid may answer.
struct Vault {
    room: Room,
    ann: SdkHuman,
    id: OwnedRoomId,
}

impl Vault {
    async fn new() -> Self {
        let people = [
            ("Ann", "operator"),
            ("Ben", "answerer"),
            ("Cid", "answerer"),
        ];
        let room = Room::of(Agent::Script(ASKS), Limits::Off, &people).await;
        room.place
            .say(&format!(
                "repo add vault {} --encrypted",
                room.place.repo.display()
            ))
            .await;
        let ann = SdkHuman::log_in(&room.synapse, "ann").await;
        let id = ann.join("#vine-vault:vine.test").await;
        Self { room, ann, id }
    }

    /// Creates a task by a command in the encrypted room.
    async fn task(&self, number: u32) -> (String, String) {
        self.ann
            .say(&self.id, &format!("!vine task new Task {number}"))
            .await;
        let card = self
            .ann
            .hears(&self.id, &format!("**T-{number}** Task {number}"))
            .await;
        (format!("T-{number}"), event_id(&card))
    }

    async fn asks(&self, number: u32) -> Value {
        self.ann.hears(&self.id, &format!("(Q-{number})")).await
    }

    async fn heard(&self, task: &str, words: &str) {
        self.room.place.wait(task, "done").await;
        let log = self.room.place.log(task).await;
        assert!(log.contains(&format!("heard {words}")), "{log}");
    }

    /// Runs statements on the database of the homeserver.
    fn at_homeserver(&self, statements: &[&str]) {
        for statement in statements {
            sql(&self.room.synapse.database(), statement);
        }
    }

    /// A file in the daemon's state folder.
    fn file(&self, name: &str) -> PathBuf {
        self.room.place.folder.path().join("daemon").join(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_encrypted_words_reactions_and_files_of_two_other_clients_reach_the_agent() {
    let mut vault = Vault::new().await;
    let (first, root) = vault.task(1).await;
    let question = vault.asks(1).await;
    assert_eq!(
        question["content"]["m.relates_to"]["event_id"],
        root.as_str()
    );
    vault
        .ann
        .say_in(&vault.id, &root, "a colour of the sky")
        .await;
    vault.heard(&first, "a colour of the sky").await;

    let mut ben = NioHuman::log_in(
        &vault.room.synapse,
        "ben",
        &vault.room.place.folder.path().join("nio"),
    );
    let nio_room = ben.join("#vine-vault:vine.test");
    let (second, root) = vault.task(2).await;
    let heard = ben.hears("(Q-2)");
    assert_eq!(heard["thread"], root.as_str());
    ben.say_in(&nio_room, &root, "Blue");
    vault.heard(&second, "Blue").await;

    vault.room.processes.pop().expect("the daemon").stop().await;
    vault.room.start_daemon().await;
    let (third, _) = vault.task(3).await;
    let question = vault.asks(3).await;
    vault.ann.react(&vault.id, &event_id(&question), "1️⃣").await;
    vault.heard(&third, "Red").await;

    let (fourth, root) = vault.task(4).await;
    vault.asks(4).await;
    vault
        .ann
        .send_file(&vault.id, &root, "colours.txt", "green and grey")
        .await;
    vault
        .heard(&fourth, "File colours.txt: green and grey")
        .await;

    let events = vault.room.ann.events(vault.id.as_str()).await;
    let readable = events
        .iter()
        .filter(|event| event.to_string().contains("colour"))
        .count();
    assert_eq!(readable, 0, "the homeserver has read nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_repository_that_asks_for_encryption_is_never_talked_about_in_a_plain_room() {
    let room = Room::of(Agent::Script(ASKS), Limits::Off, &[("Ann", "operator")]).await;
    let plain = room
        .ann
        .create(&json!({ "preset": "private_chat", "invite": ["@vine:vine.test"] }))
        .await;
    room.ann
        .wait(&plain, "we come", |event| {
            event["state_key"] == "@vine:vine.test" && event["content"]["membership"] == "join"
        })
        .await;
    room.place
        .say(&format!(
            "repo add vault {} --encrypted",
            room.place.repo.display()
        ))
        .await;
    let refused = room
        .place
        .try_say(&format!("repo room vault --room {plain}"))
        .await
        .expect_err("it is plain");
    assert!(
        refused.to_string().contains("not end-to-end encrypted"),
        "{refused}"
    );
    // Asked for afterwards, with a room that is there.
    room.place
        .say(&format!(
            "repo add site {} --base main --encrypted",
            room.place.repo.display()
        ))
        .await;
    let words = ["task", "new", "Hush", "--prompt", "ask", "--repo", "site"].map(str::to_owned);
    room.place.client().run(&words, "").await.expect("created");
    room.place.question("T-1").await;
    for attempt in 0.. {
        let rooms = room.place.say("repo room site").await.to_string();
        if rooms.contains("not end-to-end encrypted") {
            break;
        }
        assert!(attempt < 300, "{rooms}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = room
        .ann
        .events(&room.id)
        .await
        .iter()
        .filter(|event| event.to_string().contains("Hush"))
        .count();
    assert_eq!(said, 0, "nothing of it was said");
}

/// Takes the keys that wait for us at the homeserver away.
const TAKE: [&str; 2] = [
    "CREATE TABLE kept AS SELECT * FROM device_inbox WHERE user_id = '@vine:vine.test'",
    "DELETE FROM device_inbox WHERE user_id = '@vine:vine.test'",
];
/// Brings them back, as news.
const BRING: [&str; 2] = [
    "INSERT INTO device_inbox (user_id, device_id, stream_id, message_json, instance_name)
         SELECT user_id, device_id, stream_id + 1000, message_json, instance_name FROM kept",
    "UPDATE stream_positions SET stream_id = (SELECT max(stream_id) FROM device_inbox) WHERE \
     stream_name = 'to_device'",
];

#[tokio::test(flavor = "multi_thread")]
async fn matrix_keys_that_come_late_are_waited_for_and_words_without_keys_are_asked_for_again() {
    let mut vault = Vault::new().await;
    let (ben, cid) = (
        SdkHuman::log_in(&vault.room.synapse, "ben").await,
        SdkHuman::log_in(&vault.room.synapse, "cid").await,
    );
    ben.join("#vine-vault:vine.test").await;
    cid.join("#vine-vault:vine.test").await;
    let (first, root) = vault.task(1).await;
    vault.asks(1).await;

    vault.room.kill_daemon();
    let answer = ben.say_in(&vault.id, &root, "Blue").await;
    vault.room.synapse.stop();
    vault.at_homeserver(&TAKE);
    vault.room.synapse.go_on().await;
    vault.room.start_daemon().await;
    let awaited =
        format!("SELECT 1 FROM inbox WHERE event = '{answer}' AND read IS NULL AND awaited");
    until(PATIENCE, "the answer came without its keys", || {
        vault.room.place.base.sql(&awaited).pop()
    })
    .await;
    vault.room.synapse.stop();
    vault.at_homeserver(&BRING);
    vault.room.synapse.go_on().await;
    vault.heard(&first, "Blue").await;

    let (second, root) = vault.task(2).await;
    vault.asks(2).await;
    vault.room.kill_daemon();
    cid.say_in(&vault.id, &root, "Red").await;
    vault.room.synapse.stop();
    vault.at_homeserver(&TAKE[1..]);
    vault.room.synapse.go_on().await;
    vault.room.start_daemon().await;
    let told = vault
        .ann
        .hears_within(PATIENCE * 2, &vault.id, "could not be decrypted")
        .await;
    assert_eq!(
        told["content"]["m.mentions"]["user_ids"][0],
        "@cid:vine.test"
    );
    assert_eq!(
        told["content"]["m.relates_to"]["event_id"],
        root.as_str(),
        "in the thread"
    );
    vault.ann.say_in(&vault.id, &root, "Red").await;
    vault.heard(&second, "Red").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_with_the_recovery_key_a_new_device_reads_what_the_lost_one_would_have_read() {
    let mut vault = Vault::new().await;
    let (first, root) = vault.task(1).await;
    vault.asks(1).await;
    let backed_up = || {
        (sql(
            &vault.room.synapse.database(),
            "SELECT count(*) FROM e2e_room_keys",
        )
        .pop()?
            != "0")
            .then_some(())
    };
    until(
        PATIENCE,
        "the keys of the room are in the backup",
        backed_up,
    )
    .await;
    vault.room.kill_daemon();
    vault.ann.say_in(&vault.id, &root, "Blue").await;

    fs::remove_dir_all(vault.file("matrix")).expect("removed");
    vault.room.start_daemon().await;
    vault.heard(&first, "Blue").await;
    let (second, root) = vault.task(2).await;
    vault.asks(2).await;
    vault.ann.say_in(&vault.id, &root, "Red").await;
    vault.heard(&second, "Red").await;

    vault.room.kill_daemon();
    fs::remove_dir_all(vault.file("matrix")).expect("removed");
    fs::remove_file(vault.file("matrix-recovery.key")).expect("it was made at the first start");
    vault.room.start_daemon().await;
    vault
        .room
        .place
        .say(&format!(
            "repo add third {} --encrypted",
            vault.room.place.repo.display()
        ))
        .await;
    let unsigned = "the bot's device is not signed by its account";
    for attempt in 0.. {
        let rooms = vault.room.place.say("repo room third").await.to_string();
        if rooms.contains(unsigned) {
            break;
        }
        assert!(attempt < 300, "{rooms}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
