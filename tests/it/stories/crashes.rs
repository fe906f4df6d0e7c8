//! Processes die where it hurts most: no question and no answer is lost, none is delivered twice,
//! and the session goes on where one can survive.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, agents, git, gone, until};

const SCRIPT: &str = "Paint the door.\nMODEL: ask Which colour? | Red | Blue\nMODEL: bash echo \
 painted > door.txt\nMODEL: finish Painted.";
/// As the model reads an answer that came while the agent was alive.
const LIVE: &str = "\"Which colour?\"=\"Blue\"";
/// As it reads one that came while the agent was away.
const RETOLD: &str = "You asked: Which colour?";

fn session(shown: &Value) -> String {
    shown["session"].as_str().expect("a session").to_owned()
}

async fn finish(place: &Place, task: &str) -> Value {
    let (permission, _) = place.question(task).await;
    place.answer(task, &permission, "yes").await;
    place.wait(task, "done").await
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_daemon_is_killed_while_a_question_is_open() {
    let mut place = Place::new(Agent::Claude).await;
    let daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, _) = place.question(&task).await;
    let before = session(&place.show(&task).await);
    daemon.kill();

    let _daemon = place.daemon().await;
    let (again, _) = place.question(&task).await;
    assert_eq!(again, question, "the question is still the same one");
    place.answer(&task, &question, "Blue").await;
    let done = finish(&place, &task).await;
    assert_eq!(session(&done), before);
    assert_eq!(
        place.heard(LIVE),
        1,
        "delivered once, into the live session"
    );
    assert_eq!(
        done["attempts"].as_array().map(Vec::len),
        Some(1),
        "one attempt: {done:#}"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_daemon_is_killed_while_an_answer_is_being_delivered() {
    let mut place = Place::new(Agent::Claude).await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, _) = place.question(&task).await;
    let before = session(&place.show(&task).await);

    // The worker stands still, so the answer is stored and on its way when the daemon dies.
    worker.signal(Signal::STOP);
    place.answer(&task, &question, "Blue").await;
    let shown = place.say(&format!("question show {question}")).await;
    assert_eq!(
        shown["state"], "answered",
        "stored, not delivered: {shown:#}"
    );
    daemon.kill();
    worker.signal(Signal::CONT);

    let _daemon = place.daemon().await;
    let done = finish(&place, &task).await;
    assert_eq!(session(&done), before);
    assert_eq!(place.heard(LIVE) + place.heard(RETOLD), 1, "delivered once");
    let shown = place.say(&format!("question show {question}")).await;
    assert_eq!(shown["state"], "delivered");
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_worker_is_killed_while_it_waits_and_the_same_session_goes_on() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;
    let before = session(&place.show(&task).await);
    let running = agents(place.folder.path());
    assert!(!running.is_empty(), "the agent waits");
    worker.kill();
    for agent in running {
        gone(agent, PATIENCE).await;
    }
    // The closed connection tells that the worker is gone, long before its lease ends.
    let parked = place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    assert_eq!(parked["state"], "waiting");
    assert!(
        place
            .thread(&task)
            .await
            .contains("Open questions stay open")
    );

    place.answer(&task, &question, "Blue").await;
    let _worker = place.worker("w-1", 1).await;
    let done = finish(&place, &task).await;
    assert_eq!(session(&done), before, "the same Claude session");
    assert_eq!(place.heard(RETOLD), 1, "delivered once, in words");
    assert!(
        place.model.seen().iter().all(|seen| seen.session == before),
        "no other session was ever made"
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:door.txt", place.branch(&task).await)]
        ),
        "painted"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_permission_given_while_the_worker_was_dead_is_not_asked_for_again() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place
        .task(
            "Paint",
            "MODEL: bash echo painted > door.txt\nMODEL: finish Painted.",
        )
        .await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;
    worker.kill();
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    place.answer(&task, &question, "yes").await;
    let _worker = place.worker("w-1", 1).await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once: {done:#}"
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:door.txt", place.branch(&task).await)]
        ),
        "painted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_daemon_and_worker_both_die_and_the_answer_waits_for_them() {
    let mut place = Place::new(Agent::Claude).await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;
    let before = session(&place.show(&task).await);
    worker.kill();
    daemon.kill();

    let daemon = place.daemon().await;
    place.answer(&task, &question, "Blue").await;
    daemon.kill();
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let done = finish(&place, &task).await;
    assert_eq!((session(&done), place.heard(RETOLD)), (before, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_an_absence_of_the_daemon_longer_than_the_trust_in_a_lease_ends_the_agent_not_the_session()
 {
    let mut place = Place::new(Agent::Claude).await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;
    let before = session(&place.show(&task).await);
    daemon.kill();
    let place_of = place.folder.path().to_owned();
    until(Duration::from_secs(70), "the agent is stopped", || {
        agents(&place_of).is_empty().then_some(())
    })
    .await;
    assert!(
        worker
            .output()
            .contains("no contact with the daemon for too long"),
        "{}",
        worker.output()
    );

    let _daemon = place.daemon().await;
    place.answer(&task, &question, "Blue").await;
    let done = finish(&place, &task).await;
    assert_eq!((session(&done), place.heard(RETOLD)), (before, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_hands_waiting_tasks_back_at_once_and_ends_cleanly() {
    let mut place = Place::new(Agent::Script(
        "answer=$(vine ask 'Go on?' --option yes --option no); echo \"$answer\" > answer.txt; echo answered $answer",
    ))
    .await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Ask", "ask").await;
    let (question, _) = place.question(&task).await;
    assert_eq!(worker.stop().await, Some(0));
    let parked = place.show(&task).await;
    assert_eq!(
        (parked["state"].as_str(), parked["parked"].as_bool()),
        (Some("waiting"), Some(true))
    );
    assert!(agents(place.folder.path()).is_empty(), "no agent is left");
    place.answer(&task, &question, "no").await;
    let _worker = place.worker("w-1", 1).await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "the script's question was answered from what is known"
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:answer.txt", place.branch(&task).await)]
        ),
        "no"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_an_absence_of_the_daemon_and_reports_what_was_finished_meanwhile() {
    let script =
        "while [ ! -f \"$PLACE/gate\" ]; do sleep 0.1; done; echo done > work.txt; echo finished";
    let mut place = Place::new(Agent::Script(script)).await;
    let daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place.task("Work", "work").await;
    place.wait(&task, "running").await;
    until(PATIENCE, "the script runs", || {
        (!agents(place.folder.path()).is_empty()).then_some(())
    })
    .await;
    daemon.kill();
    std::fs::write(place.folder.path().join("gate"), "").expect("written");
    let folder = place.folder.path().to_owned();
    until(PATIENCE, "the script has ended", || {
        agents(&folder).is_empty().then_some(())
    })
    .await;
    let _daemon = place.daemon().await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["attempts"].as_array().map(Vec::len),
        Some(1),
        "one attempt:\n{}",
        place.log(&task).await
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:work.txt", place.branch(&task).await)]
        ),
        "done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_an_answer_that_the_agent_never_read_is_not_lost() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;

    // The agent stands still, so the worker's words stay in the pipe.
    let still = agents(place.folder.path());
    for agent in &still {
        crate::harness::signal(*agent, Signal::STOP);
    }
    place.answer(&task, &question, "Blue").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let state = place.say(&format!("question show {question}")).await["state"].clone();
    assert_eq!(state, "answered", "passed on is not received");
    worker.kill();
    for agent in still {
        gone(agent, PATIENCE).await;
    }
    let _worker = place.worker("w-1", 1).await;
    finish(&place, &task).await;
    assert_eq!(
        (place.heard(LIVE), place.heard(RETOLD)),
        (0, 1),
        "told once, after the restart"
    );
    assert_eq!(
        place.say(&format!("question show {question}")).await["state"],
        "delivered"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_an_agent_killed_while_it_waits_leaves_its_question_open() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, shown) = place.question(&task).await;
    place.recorded(&shown).await;
    let before = session(&place.show(&task).await);
    for agent in agents(place.folder.path()) {
        crate::harness::signal(agent, Signal::KILL);
    }
    let parked = place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    assert_eq!(parked["failures"], 0, "waiting costs no attempt");
    place.answer(&task, &question, "Blue").await;
    let done = finish(&place, &task).await;
    assert_eq!((session(&done), place.heard(RETOLD)), (before, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_worker_killed_after_it_took_up_a_parked_call_neither_asks_nor_tells_again() {
    let mut place = Place::with_worker(Agent::Claude, "hold_seconds = 1\n").await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place
        .task(
            "Paint",
            "Paint.\nMODEL: ask Which colour? | Red | Blue\nMODEL: slow 3\nMODEL: finish Painted.",
        )
        .await;
    let (question, _) = place.question(&task).await;
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    place.answer(&task, &question, "Blue").await;
    until(PATIENCE, "the call has its answer", || {
        (place.heard("\"Which colour?\"=\"Blue\"") > 0).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    worker.kill();
    let _worker = place.worker("w-1", 1).await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once"
    );
    let conversation = place
        .model
        .seen()
        .last()
        .expect("a request")
        .conversation
        .clone();
    assert_eq!(
        conversation.matches("\"Which colour?\"=\"Blue\"").count(),
        1,
        "{conversation}"
    );
    assert!(
        !conversation.contains("You asked:"),
        "what had arrived was not told again in words: {conversation}"
    );
}
