//! "Allow for this session", with the real Claude Code: never wider than what was shown, never longer
//! than the task.

use std::fs;

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, git};

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_is_allowed_for_the_session_ends_at_the_worktree() {
    let place = Place::new(Agent::Claude).await;
    let out = place.folder.path().join("outside");
    fs::create_dir_all(&out).expect("a folder");
    fs::write(out.join("keep"), "kept").expect("written");
    std::os::unix::fs::symlink(&out, place.repo.join("link")).expect("linked");
    git(&place.repo, &["add", "."]);
    let author = ["-c", "user.name=T", "-c", "user.email=t@localhost"];
    git(
        &place.repo,
        &[&author[..], &["commit", "--quiet", "-m", "Link"]].concat(),
    );
    let (place, _processes) = place.at_work().await;

    let out = out.display();
    let outside = [
        format!("write {out}/a | a"),
        "write link/b | b".into(),
        "write ../../../../outside/c | c".into(),
        format!("bash touch a1 {out}/d"),
        format!("bash echo e > {out}/e"),
        format!("bash cp one.md {out}/f"),
        format!("bash mv one.md {out}/g"),
        format!("bash mkdir {out}/h"),
        format!("bash ln -s {out} door && touch door/i"),
        format!("bash tee {out}/j < one.md"),
        format!("bash rm {out}/keep"),
        "bash touch a1 link/l".into(),
    ];
    let inside = ["write one.md | one", "bash touch a1"];
    let again = ["write two.md | two", "bash touch a1 a2"];
    let steps: Vec<String> = inside
        .iter()
        .chain(&again)
        .map(|step| (*step).to_owned())
        .chain(outside.clone())
        .map(|step| format!("MODEL: {step}"))
        .collect();
    let prompt = format!("Write.\n{}\nMODEL: finish Written.", steps.join("\n"));
    let task = place.task("Write", &prompt).await;
    for step in inside {
        let (question, shown) = place.question(&task).await;
        assert!(
            !shown["ask"]["rules"].as_array().expect("rules").is_empty(),
            "{step}: {shown:#}"
        );
        place.answer(&task, &question, "always").await;
    }
    let mut reached = 0;
    while reached < outside.len() {
        let (question, shown) = place.question(&task).await;
        let what = shown["ask"]["what"].as_str().expect("a call");
        assert!(
            !what.contains("two.md") && !what.ends_with("a1 a2"),
            "asked again: {what}"
        );
        // Of a link Claude Code sees no more than its name: it offers these very commands, and
        // nobody takes that.
        if !what.contains("ln -s") {
            let none = serde_json::json!([]);
            assert_eq!(
                shown["ask"]["rules"], none,
                "nothing more is offered: {what}"
            );
            let refused = place.answered(&task, &question, "always").await;
            assert!(refused.is_err(), "{what}");
        }
        place.answer(&task, &question, "no").await;
        reached += 1;
    }
    let done = place.wait(&task, "done").await;
    let asked = done["questions"].as_array().map(Vec::len);
    assert_eq!(asked, Some(inside.len() + outside.len()), "{done:#}");
    let left: Vec<_> = fs::read_dir(place.folder.path().join("outside"))
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["keep"], "nothing was written outside");
    let written = git(
        &place.repo,
        &[
            "show",
            "--name-only",
            "--format=",
            &place.branch(&task).await,
        ],
    );
    assert_eq!(written, "a1\na2\none.md\ntwo.md");
    let session = done["session"].as_str().expect("a session");
    let granted = place.say(&format!("session show {session}")).await;
    assert_eq!(
        granted["granted"],
        serde_json::json!([]),
        "the task is over: {granted:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_grant_outlives_parking() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let prompt = "Write.\nMODEL: write one.md | one\nMODEL: ask Which colour? | Red | Blue\n\
                  MODEL: write two.md | two\nMODEL: finish Written.";
    let task = place.task("Write", prompt).await;
    let (question, shown) = place.question(&task).await;
    place.answer(&task, &question, "always").await;
    let (colour, _) = place.question(&task).await;
    let session = shown["session"].as_str().expect("a session");
    let granted = place.say(&format!("session show {session}")).await;
    let grant = serde_json::json!([{ "question": "Q-1", "by": "admin", "task": task, "rules": ["Edit(./**)"] }]);
    assert_eq!(granted["granted"], grant, "{granted:#}");
    let parked = |shown: &Value| shown["parked"] == true;
    place
        .wait_for(PATIENCE, &task, "it is parked", parked)
        .await;
    place.answer(&task, &colour, "Red").await;
    let done = place.wait(&task, "done").await;
    let asked = done["questions"].as_array().map(Vec::len);
    assert_eq!(asked, Some(2), "{done:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_task_that_reuses_the_session_is_asked_again() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let prompt = "Write.\nMODEL: bash touch a1\nMODEL: slow 2\nMODEL: finish Written.";
    let first = place.task("Write", prompt).await;
    let (question, shown) = place.question(&first).await;
    place.answer(&first, &question, "always").await;
    let prompt = "More.\nMODEL: bash touch a1\nMODEL: finish More.";
    let second = place.task("Write more", prompt).await;
    place.wait(&first, "done").await;
    let (question, asked) = place.question(&second).await;
    assert_ne!(asked["session"], shown["session"], "a copy of the session");
    assert_eq!(asked["kind"], "permission", "and it is asked again");
    place.answer(&second, &question, "yes").await;
    place.wait(&second, "done").await;
}
