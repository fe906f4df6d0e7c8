//! The script agent in the hands of people who write scripts, and what workers do with odd
//! repositories.

use std::time::Duration;

use crate::harness::{Agent, PATIENCE, Place, git, path, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_asked_twice_are_two_questions() {
    let script = "a=$(vine ask 'Again?' --option yes --option no); b=$(vine ask 'Again?' --option \
     yes --option no); echo $a-$b > both.txt";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Twice", "twice").await;
    for answer in ["yes", "no"] {
        let (question, _) = place.question(&task).await;
        place.answer(&task, &question, answer).await;
    }
    place.wait(&task, "done").await;
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:both.txt", place.branch(&task).await)]
        ),
        "yes-no"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_questions_open_at_once_are_told_apart_and_a_plain_reply_is_not_guessed() {
    let script = "vine ask 'Left?' > left.txt & vine ask 'Right?' > right.txt; wait; echo both";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Both", "both").await;
    let two = |shown: &serde_json::Value| {
        shown["questions"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    };
    let shown = place.wait_for(PATIENCE, &task, "two questions", two).await;
    let id = |words: &str| {
        let all = shown["questions"].as_array().expect("questions");
        all.iter()
            .find(|one| one["headline"] == words)
            .expect(words)["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let plain = serde_json::json!({ "task": task, "text": "yes" });
    let refused = place
        .client()
        .post::<_, serde_json::Value>("/chat/messages", &plain)
        .await
        .expect_err("not guessed");
    assert!(
        refused.to_string().contains("What does “yes” refer to?"),
        "{refused}"
    );
    let named =
        serde_json::json!({ "task": task, "text": format!("{} to the right", id("Right?")) });
    place
        .client()
        .post::<_, serde_json::Value>("/chat/messages", &named)
        .await
        .expect("taken");
    let only = serde_json::json!({ "task": task, "text": "to the left" });
    place
        .client()
        .post::<_, serde_json::Value>("/chat/messages", &only)
        .await
        .expect("one is left, so a plain reply will do");
    place.wait(&task, "done").await;
    for side in ["left", "right"] {
        assert_eq!(
            git(
                &place.repo,
                &["show", &format!("{}:{side}.txt", place.branch(&task).await)]
            ),
            format!("to the {side}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_output_leftover_programs_and_long_paths_do_no_harm() {
    let script = "printf 'caf\\351 \\000 \\n'; head -c 300000 /dev/zero | tr '\\0' x; echo; (sleep \
     300 &) ; vine ask 'Fine?' > /dev/null; echo the end";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let name = "a-worker-with-a-name-so-long-that-the-paths-below-are-long";
    let _worker = place.worker(name, 1).await;
    let task = place.task("Odd", "odd").await;
    let (question, _) = place.question(&task).await;
    place.answer(&task, &question, "fine").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["report"]["summary"], "the end");
    assert!(place.log(&task).await.contains("caf"));
    assert!(
        crate::harness::agents(place.folder.path()).is_empty(),
        "the leftover program is gone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_a_remote_repository_is_pushed_to_it() {
    let mut place = Place::new(Agent::Script("echo far > far.txt; echo pushed")).await;
    let bare = place.folder.path().join("far.git");
    git(
        place.folder.path(),
        &["clone", "--quiet", "--bare", path(&place.repo), path(&bare)],
    );
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 2).await;
    place
        .say(&format!("repo add far file://{}", bare.display()))
        .await;
    let mut tasks = Vec::new();
    for number in 1..=2 {
        tasks.push(
            place
                .say(&format!("task new Far {number} --repo far"))
                .await["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    for task in tasks {
        place.wait(&task, "done").await;
        assert_eq!(
            git(
                &bare,
                &["show", &format!("{}:far.txt", place.branch(&task).await)]
            ),
            "far"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_gets_nothing_new_and_a_resumed_one_does_at_once() {
    let (place, _processes) = Place::new(Agent::Script("echo done")).await.at_work().await;
    let first = place.task("First", "first").await;
    place.wait(&first, "done").await;
    // By now the worker waits for its next order; draining must reach it there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    place.say("worker drain w-1").await;
    let second = place.task("Second", "second").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(place.show(&second).await["state"], "queued");
    place.say("worker resume w-1").await;
    place
        .wait_for(
            Duration::from_secs(5),
            &second,
            "it runs at once",
            |shown| shown["state"] == "done",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worker_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let (place, _processes) = Place::new(Agent::Script("vine ask 'Go on?'; echo went on"))
        .await
        .at_work()
        .await;
    let task = place.task("Ask", "ask").await;
    let (question, _) = place.question(&task).await;
    let second = place.worker("w-1", 1).await;
    until(PATIENCE, "the second one says why", || {
        second
            .output()
            .contains("another worker already uses")
            .then_some(())
    })
    .await;
    place.answer(&task, &question, "yes").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["attempts"].as_array().map(Vec::len),
        Some(1),
        "{done:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_the_script_is_on_record_as_delivered() {
    let (place, _processes) = Place::new(Agent::Script("vine ask 'Go on?'"))
        .await
        .at_work()
        .await;
    for number in 0..5 {
        let task = place.task(&format!("Ask {number}"), "ask").await;
        let (question, _) = place.question(&task).await;
        place.answer(&task, &question, "yes").await;
        let done = place.wait(&task, "done").await;
        assert_eq!(done["questions"][0]["state"], "delivered", "{done:#}");
    }
}
