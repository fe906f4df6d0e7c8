//! A team outgrows its machine: from a file of SQLite to PostgreSQL and back, and copies while the
//! daemon goes on.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::harness::{Agent, Place, servers::Database};

const ASKS: &str = "printf 'a\\377' > data.bin; vine show data.bin; answer=$(vine ask 'Which?'); echo \"it is $answer\"";

/// The rows of an export by table, however either engine writes yes and no.
fn rows(text: &str) -> BTreeMap<String, Vec<Value>> {
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let Some(table) = line["table"].as_str().map(str::to_owned) else {
            continue;
        };
        for value in line["row"].as_object_mut().expect("a row").values_mut() {
            if let Some(is) = value.as_bool() {
                *value = u8::from(is).into();
            }
        }
        tables.entry(table).or_default().push(line["row"].take());
    }
    tables
        .values_mut()
        .for_each(|rows| rows.sort_by_key(ToString::to_string));
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_moves_a_team_to_postgresql_and_back_with_nothing_lost() {
    let (mut place, [worker, daemon]) = Place::new(Agent::Script(ASKS)).await.at_work().await;
    let first = place.task("Über “all”", "one\u{1F331}\n\ttwo").await;
    let (question, _) = place.question(&first).await;
    place
        .answer(&first, &question, "naïve: {\"json\": [1, true, null]}")
        .await;
    place.wait(&first, "done").await;
    let second = place.task("Two", "waits").await;
    let (question, _) = place.question(&second).await;
    let third = place.task("Three", "queued").await;
    assert_eq!(daemon.stop().await, Some(0));

    let (file, again, back) = ("sqlite.jsonl", "postgres.jsonl", "back.jsonl");
    let folder = place.folder.path().to_owned();
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("written");
    let said = place.shell(&["export", file]);
    assert_eq!(mode(&place, file), 0o600);
    assert!(said.contains("rows to sqlite.jsonl"), "{said}");

    // The same configuration with the address of an empty database: from here on everything is
    // there.
    let database = Database::new();
    place
        .env
        .push(("VINE_DATABASE__URL".into(), database.url()));
    assert!(place.shell(&["import", file]).contains("Imported "));
    assert!(
        place
            .try_shell(&["import", file])
            .expect_err("twice")
            .contains("import into an empty one")
    );
    place.shell(&["export", again]);
    assert_eq!(
        rows(&read(file)),
        rows(&read(again)),
        "nothing was lost and nothing changed"
    );
    assert!(
        rows(&read(file)).values().map(Vec::len).sum::<usize>() > 50,
        "and there was something to lose"
    );

    // The worker was there all the time, and its agent still waits for the answer.
    let daemon = place.daemon().await;
    place.answer(&second, &question, "Blue").await;
    let done = place.wait(&second, "done").await;
    assert_eq!(done["epoch"], 1, "it was never lost");
    let told = worker.output();
    for words in ["the daemon does not answer", "the daemon answers again"] {
        assert_eq!(told.matches(words).count(), 1, "{words}: {told}");
    }
    assert!(place.log(&second).await.contains("it is Blue"));
    let (question, _) = place.question(&third).await;
    assert_eq!(question, "Q-3", "numbers go on");
    assert_eq!(place.task("Four", "new").await, "T-4");
    drop(worker);
    assert_eq!(daemon.stop().await, Some(0));

    place.shell(&["export", back]);
    place.env.clear();
    fs::remove_file(folder.join("daemon/vine.db")).expect("there");
    place.shell(&["import", back]);
    place.shell(&["export", "last.jsonl"]);
    assert_eq!(rows(&read(back)), rows(&read("last.jsonl")));

    let cut = read(back).lines().take(30).collect::<Vec<_>>().join("\n");
    fs::write(folder.join("cut.jsonl"), cut).expect("written");
    fs::remove_file(folder.join("daemon/vine.db")).expect("there");
    let refused = place
        .try_shell(&["import", "cut.jsonl"])
        .expect_err("half a file");
    assert!(refused.contains("the file is incomplete"), "{refused}");
    place.shell(&["import", back]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_while_the_daemon_goes_on_and_what_it_holds_goes_on_too() {
    let (mut place, [worker, daemon]) = Place::new(Agent::Script(ASKS)).await.at_work().await;
    let task = place.task("One", "waits").await;
    place.question(&task).await;
    let said = place.shell(&["backup", "copy.db"]);
    assert_eq!(mode(&place, "copy.db"), 0o600);
    assert!(said.contains("copy.db is a complete copy"), "{said}");
    assert!(
        place
            .try_shell(&["backup", "copy.db"])
            .expect_err("again")
            .contains("exists already")
    );
    place.say(&format!("task cancel {task}")).await;
    assert_eq!(place.task("Lost", "x").await, "T-2");
    drop(worker);
    assert_eq!(daemon.stop().await, Some(0));

    // Back to the copy.
    let (state, copy) = (
        place.folder.path().join("daemon"),
        place.folder.path().join("copy.db"),
    );
    for file in ["vine.db", "vine.db-wal", "vine.db-shm"] {
        let _not_each_is_there = fs::remove_file(state.join(file));
    }
    fs::copy(copy, state.join("vine.db")).expect("copied");
    let _daemon = place.daemon().await;
    let shown = place.show(&task).await;
    assert_eq!(
        (
            shown["state"].as_str(),
            shown["questions"][0]["state"].as_str()
        ),
        (Some("waiting"), Some("open")),
        "as it was then"
    );
    let _worker = place.worker("w-1", 1).await;
    place.answer(&task, "Q-1", "Blue").await;
    place.wait(&task, "done").await;
    assert!(place.log(&task).await.contains("it is Blue"));
    assert_eq!(
        place.task("Another", "x").await,
        "T-1002",
        "T-2 stands in a branch, perhaps"
    );
    assert_eq!(place.question("T-1002").await.0, "Q-1002");
}

/// Who may read a file of the place.
fn mode(place: &Place, file: &str) -> u32 {
    let file = fs::metadata(place.folder.path().join(file)).expect("it is there");
    file.permissions().mode() & 0o777
}
