//! Questions that can wait a weekend: held for a while, then parked, then answered into the same
//! session.

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use crate::harness::{Agent, PATIENCE, Place, agents, claude, git, path, until, usual_or_long};

const SCRIPT: &str =
    "Paint the door.\nMODEL: ask Which colour? | Red | Blue\nMODEL: finish Painted.";

async fn parked(place: &Place, task: &str) {
    place
        .wait_for(PATIENCE, task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_parked_question_survives_everything_and_the_same_call_is_answered_without_a_model_call()
 {
    let mut place = Place::with_worker(Agent::Claude, "hold_seconds = 1\n").await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, asked) = place.question(&task).await;
    parked(&place, &task).await;
    assert!(
        agents(place.folder.path()).is_empty(),
        "a parked task costs no process"
    );
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(daemon.stop().await, Some(0));
    let before = place.model.seen().len();

    let _daemon = place.daemon().await;
    place.answer(&task, &question, "Blue").await;
    let _worker = place.worker("w-1", 1).await;
    let done = place.wait(&task, "done").await;
    let calls: Vec<_> = place.model.seen().into_iter().skip(before).collect();
    assert_eq!(
        calls.len(),
        1,
        "the first model call after the restart is the one that goes on"
    );
    assert!(
        calls[0].heard.contains("\"Which colour?\"=\"Blue\""),
        "with the answer to the very call: {}",
        calls[0].heard
    );
    assert!(
        calls[0]
            .results
            .contains(&asked["call"].as_str().expect("a call").to_owned()),
        "under the same tool_use id: {:?}",
        calls[0].results
    );
    assert_eq!(
        calls[0].session,
        asked["session"].as_str().expect("a session"),
        "in the same session"
    );
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_worker_that_is_stopped_parks_what_it_holds_and_the_same_call_is_answered() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Paint", SCRIPT).await;
    let (question, _) = place.question(&task).await;
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(place.show(&task).await["parked"], true);
    place.answer(&task, &question, "Blue").await;
    let _worker = place.worker("w-1", 1).await;
    place.wait(&task, "done").await;
    assert_eq!(
        place.heard("\"Which colour?\"=\"Blue\""),
        1,
        "as the result of the very call"
    );
    assert_eq!(place.heard("You asked:"), 0, "not in words");
}

/// On a busy machine the real one takes twenty seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn claude_that_starts_slowly_gets_its_answer_and_asks_nobody_twice() {
    let mut place = Place::with_worker(Agent::Claude, "hold_seconds = 1\n").await;
    let slow = place.folder.path().join("slow-claude");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--resume*) sleep 18 ;; esac\nexec {} \"$@\"\n",
        claude()
    );
    std::fs::write(&slow, script).expect("written");
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let text = std::fs::read_to_string(place.config()).expect("there");
    let text = text.replace(
        &format!("[\"{}\"]", claude()),
        &format!("[\"{}\"]", path(&slow)),
    );
    std::fs::write(place.config(), text).expect("written");
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place
        .task(
            "Paint",
            "MODEL: ask Which colour? | Red | Blue\nMODEL: finish Painted.",
        )
        .await;
    let (question, _) = place.question(&task).await;
    parked(&place, &task).await;
    place.answer(&task, &question, "Blue").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "{done:#}"
    );
    assert_eq!(
        place.heard("Which colour?\"=\"Blue"),
        1,
        "as the result of the very call"
    );
    assert_eq!(place.heard("You asked:"), 0, "not in words");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_parked_permission_passes_when_the_call_is_made_again() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let task = place
        .task(
            "Paint",
            "MODEL: bash echo painted > door.txt\nMODEL: finish Painted.",
        )
        .await;
    let (question, _) = place.question(&task).await;
    parked(&place, &task).await;
    place.answer(&task, &question, "yes").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once"
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
async fn claude_a_call_that_is_not_made_again_although_we_kept_it_as_deferred_is_told_in_words() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let task = place
        .task(
            "Paint",
            "MODEL: bash echo painted > door.txt\nMODEL: finish Painted.",
        )
        .await;
    let (question, asked) = place.question(&task).await;
    parked(&place, &task).await;
    // As a worker leaves it that is killed between keeping the call and hearing that it was put
    // off.
    let (session, call) = (
        asked["session"].as_str().expect("a session"),
        asked["call"].as_str().expect("a call"),
    );
    let kept = place.folder.path().join("w-1/deferred");
    std::fs::create_dir_all(&kept).expect("made");
    std::fs::write(kept.join(session), call).expect("written");
    place.answer(&task, &question, "yes").await;
    place.wait(&task, "done").await;
    assert!(!kept.join(session).exists());
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:door.txt", place.branch(&task).await)]
        ),
        "painted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_was_allowed_for_the_session_still_is_after_it_was_parked() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let prompt = "MODEL: bash touch a1\nMODEL: ask Go on? | Yes | No\nMODEL: bash touch a1\nMODEL: \
     bash rm a1\nMODEL: finish Touched.";
    let task = place.task("Touch", prompt).await;
    let (first, _) = place.question(&task).await;
    place.answer(&task, &first, "always").await;
    let asks = |kind: &'static str, count: usize| {
        move |shown: &serde_json::Value| {
            let all = shown["questions"].as_array().expect("questions");
            all.len() == count
                && all[count - 1]["kind"] == kind
                && all[count - 1]["state"] == "open"
        }
    };
    place
        .wait_for(
            PATIENCE,
            &task,
            "it asks whether to go on",
            asks("clarify", 2),
        )
        .await;
    parked(&place, &task).await;
    let (second, _) = place.question(&task).await;
    place.answer(&task, &second, "Yes").await;
    let shown = place
        .wait_for(
            PATIENCE,
            &task,
            "it asks for something else",
            asks("permission", 3),
        )
        .await;
    assert_eq!(
        shown["questions"][2]["ask"]["what"], "rm a1",
        "the same touch was not asked again, another command is: {shown:#}"
    );
    let (third, _) = place.question(&task).await;
    place.answer(&task, &third, "no").await;
    place.wait(&task, "done").await;
    assert!(
        place
            .log(&task)
            .await
            .contains("allowed for this session by the answer to Q-1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_held_agents_take_no_slot_and_an_answer_goes_ahead_of_new_work() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let asking = place.task("Ask", SCRIPT).await;
    let (question, _) = place.question(&asking).await;
    let other = place
        .task("Other", "MODEL: slow 6\nMODEL: finish Other.")
        .await;
    place.wait(&other, "running").await;
    let queued = place.task("Queued", "MODEL: finish Queued.").await;
    assert_eq!(
        place.show(&asking).await["state"],
        "waiting",
        "it is held while the other one has the slot"
    );
    place.answer(&asking, &question, "Red").await;
    place.wait(&asking, "done").await;
    assert_eq!(
        place.show(&other).await["state"],
        "running",
        "the answered one did not wait for other people's work"
    );
    let ended = |shown: &serde_json::Value| {
        shown["attempts"][0]["ended_at"]
            .as_str()
            .expect("ended")
            .to_owned()
    };
    let (asking, queued) = (place.show(&asking).await, place.wait(&queued, "done").await);
    assert!(
        ended(&asking) < ended(&queued),
        "the answered one was first"
    );
    assert_eq!(
        asking["attempts"].as_array().map(Vec::len),
        Some(1),
        "it was never parked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_many_tasks_wait_on_two_slots_cost_nothing_and_each_gets_its_own_answer() {
    let mut place = Place::with_worker(Agent::Claude, "hold_seconds = 1\nmax_held = 4\n").await;
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 2).await;
    // Measured: 72 s on two idle cores, 123 s with three busy loops beside it.
    let patience = Duration::from_secs(400);
    let mut tasks = Vec::new();
    let many = usual_or_long(20, 50);
    for number in 0..many {
        tasks.push((number, place.task(&format!("Ask {number}"), SCRIPT).await));
    }
    let mut questions = Vec::new();
    for (number, task) in &tasks {
        let shown = place
            .wait_for(patience, task, "it is parked", |shown| {
                shown["parked"] == true
            })
            .await;
        let question = shown["questions"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        questions.push((*number, task.clone(), question));
    }
    let folder = place.folder.path().to_owned();
    until(PATIENCE, "no process waits", || {
        agents(&folder).is_empty().then_some(())
    })
    .await;

    // Other work runs meanwhile.
    let other = place.task("Other", "MODEL: finish Other.").await;
    place.wait(&other, "done").await;

    // Answered in an order of their own.
    questions.sort_by_key(|(number, ..)| (number * 37) % many);
    let start = Instant::now();
    for (number, task, question) in &questions {
        place
            .answer(task, question, &format!("colour number {number}"))
            .await;
    }
    for (number, task) in &tasks {
        let done = place
            .wait_for(patience, task, "it is done", |shown| {
                shown["state"] == "done"
            })
            .await;
        let summary = done["report"]["summary"].as_str().expect("words");
        assert!(
            summary.contains(&format!("\"colour number {number}\"")),
            "{task} has its own answer: {summary}"
        );
        assert_eq!(done["questions"].as_array().map(Vec::len), Some(1));
    }
    eprintln!(
        "{many} answers to {many} parked sessions: all done in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    place.assert_clean().await;
}
