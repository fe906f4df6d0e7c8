//! Endings are told as what they are: success alone is no success.

use std::time::Duration;

use crate::harness::{Agent, PATIENCE, Place, until};

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_turn_that_ends_in_a_question_asks_people_and_goes_on_with_the_answer_in_the_same_run()
 {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let prompt =
        "Paint the door.\nMODEL: end Shall I paint the frame as well?\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    let (question, asked) = place.question(&task).await;
    assert_eq!(
        (&asked["kind"], &asked["headline"]),
        (
            &"clarify".into(),
            &"Shall I paint the frame as well?".into()
        )
    );
    place.answer(&task, &question, "Yes, in white").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(place.heard("admin answers: Yes, in white"), 1);
    assert_eq!(done["questions"][0]["state"], "delivered");
    assert_eq!(done["attempts"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_question_in_last_words_is_parked_like_any_other() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let prompt =
        "Paint the door.\nMODEL: end Shall I paint the frame as well?\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    let (question, _) = place.question(&task).await;
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    place.answer(&task, &question, "Yes, in white").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        place.heard("You asked: Shall I paint the frame as well?\nadmin answered: Yes, in white"),
        1
    );
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_was_denied_and_what_was_not_changed_is_said() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Clean",
            "MODEL: bash rm README.md\nMODEL: finish I could not.",
        )
        .await;
    let (question, _) = place.question(&task).await;
    place.answer(&task, &question, "no, keep it").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["report"]["denied"][0], "Bash: rm README.md");
    let thread = place.thread(&task).await;
    assert!(
        thread.contains(&format!("**{task} ended without changes.**")),
        "{thread}"
    );
    assert!(
        thread.contains("- not allowed: Bash: rm README.md"),
        "{thread}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_used_up_account_stops_its_worker_from_claiming_and_costs_no_attempt() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place
        .task(
            "Limit",
            "MODEL: fail 429 Claude AI usage limit reached|4102444800",
        )
        .await;
    place
        .wait_for(PATIENCE, &task, "it was tried", |shown| {
            shown["attempts"][0]["outcome"] == "failed"
        })
        .await;
    let next = place.task("Next", "MODEL: finish Next.").await;
    let state = async || place.say("worker show w-1").await;
    let mut shown = state().await;
    for _ in 0..100 {
        if shown["state"] == "ERROR" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        shown = state().await;
    }
    let trouble = shown["trouble"].as_str().expect("trouble");
    assert!(
        trouble.contains("usage limit") && trouble.contains("2100-01-01 00:00 UTC"),
        "{trouble}"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waiting = place.show(&next).await;
    assert_eq!(
        (&waiting["state"], &waiting["epoch"]),
        (&"queued".into(), &0.into()),
        "it did not run into the same limit"
    );
    assert_eq!(place.show(&task).await["failures"], 0);
    let why = place.say(&format!("task explain {next}")).await["explanation"]
        .as_str()
        .expect("words")
        .to_owned();
    assert!(
        why.contains(
            "no worker takes work now: w-1 is ERROR, the agent's account is at its usage limit"
        ),
        "{why}"
    );

    // It would run into its limit again, being the older one.
    place.say(&format!("task cancel {task}")).await;
    assert_eq!(worker.stop().await, Some(0));
    let _worker = place.worker("w-1", 1).await;
    place.wait(&next, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_failed_for_good_says_what_is_needed_to_see_it_again() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place.task("Refused", "MODEL: fail 404 no such model").await;
    let failed = place.wait(&task, "failed").await;
    let session = failed["session"].as_str().expect("a session").to_owned();
    let told = place.say(&format!("task explain {task}")).await["explanation"]
        .as_str()
        .expect("words")
        .to_owned();
    for part in [
        "attempt 1 on w-1",
        &session,
        "claude 2.1.332",
        &format!("branch {} from main of site", place.branch(&task).await),
    ] {
        assert!(told.contains(part), "{part} in: {told}");
    }
    until(PATIENCE, "its worktree is gone", || {
        (!place
            .folder
            .path()
            .join(format!("w-1/worktrees/site/{task}"))
            .exists())
        .then_some(())
    })
    .await;
}
