//! What people say to an agent at work that answers no question of it.

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, until};

fn notes(shown: &Value) -> Vec<(&str, &str)> {
    let all = shown["notes"].as_array().expect("notes").iter();
    all.map(|note| {
        (
            note["text"].as_str().expect("text"),
            note["state"]["state"].as_str().expect("a state"),
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_note_reaches_the_agent_at_work_once_and_is_acknowledged_when_kept_and_when_read()
{
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Paint",
            "Paint the door.\nMODEL: slow 3\nMODEL: finish Painted.",
        )
        .await;
    until(PATIENCE, "the model is at work", || {
        (!place.model.seen().is_empty()).then_some(())
    })
    .await;
    place.write(&task, "Use two coats.").await;
    assert!(
        place
            .thread(&task)
            .await
            .contains("reaches the agent at its next step")
    );
    let done = place.wait(&task, "done").await;
    assert_eq!(place.heard("Use two coats."), 1, "the agent read it once");
    assert_eq!(
        place.heard("sent you a message while you were working"),
        1,
        "and from whom"
    );
    assert_eq!(notes(&done), [("Use two coats.", "delivered")]);
    assert!(
        place
            .thread(&task)
            .await
            .contains("The agent has received the note from")
    );
    assert_eq!(
        done["attempts"].as_array().map(Vec::len),
        Some(1),
        "in the same run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_slash_clear_in_a_note_is_only_text() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Paint",
            "Paint the door.\nMODEL: slow 3\nMODEL: finish Painted.",
        )
        .await;
    until(PATIENCE, "the model is at work", || {
        (!place.model.seen().is_empty()).then_some(())
    })
    .await;
    place.write(&task, "/clear").await;
    place.wait(&task, "done").await;
    let seen = place.model.seen();
    let last = seen.last().expect("a request");
    assert!(
        last.heard.contains("/clear") && last.conversation.contains("Paint the door."),
        "nothing was cleared: {}",
        last.conversation
    );
    assert!(
        seen.iter().all(|one| one.session == last.session),
        "the session is the same"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_note_to_a_parked_agent_survives_the_death_of_everything_and_is_read_once_after_the_answer()
 {
    let mut place = Place::with_worker(Agent::Claude, "hold_seconds = 1\n").await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place
        .task(
            "Paint",
            "Paint.\nMODEL: ask Which colour? | Red | Blue\nMODEL: finish Painted.",
        )
        .await;
    let (question, asked) = place.question(&task).await;
    place.recorded(&asked).await;
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    worker.kill();
    place.answer(&task, &question, "Blue").await;
    let words = "And hurry.";
    let key = place.write(&task, words).await;
    daemon.kill();

    let _daemon = place.daemon().await;
    let again = serde_json::json!({ "task": task, "text": words, "key": key });
    place
        .client()
        .post::<_, Value>("/chat/messages", &again)
        .await
        .expect("the same event again is no error");
    let _worker = place.worker("w-1", 1).await;
    let done = place.wait(&task, "done").await;
    assert_eq!(notes(&done), [(words, "delivered")], "kept once");
    let conversation = place
        .model
        .seen()
        .last()
        .expect("a request")
        .conversation
        .clone();
    assert_eq!(
        conversation.matches("And hurry.").count(),
        1,
        "read once: {conversation}"
    );
    assert!(conversation.contains("Blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_agent_reads_is_said_to_be_so_and_a_task_that_is_over_takes_no_notes() {
    let (place, _processes) = Place::new(Agent::Script("sleep 2; echo fine"))
        .await
        .at_work()
        .await;
    let task = place.task("Fine", "fine").await;
    place.wait(&task, "running").await;
    place.write(&task, "Nobody will read this.").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(notes(&done), [("Nobody will read this.", "missed")]);
    assert!(
        place
            .thread(&task)
            .await
            .contains("no agent has read the note from")
    );
    let words = serde_json::json!({ "task": task, "text": "Too late." });
    let refused = place
        .client()
        .post::<_, Value>("/chat/messages", &words)
        .await
        .expect_err("nobody reads it");
    assert!(
        refused.to_string().contains("no agent will read this"),
        "{refused}"
    );
    assert!(
        place.thread(&task).await.contains("Too late."),
        "the words are kept in the thread"
    );
    let empty = serde_json::json!({ "task": task, "text": "  " });
    let refused = place
        .client()
        .post::<_, Value>("/chat/messages", &empty)
        .await
        .expect_err("empty");
    assert!(refused.to_string().contains("empty"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_an_edit_of_the_answer_that_was_used_becomes_a_correction_and_a_deletion_is_noted() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let prompt =
        "Paint.\nMODEL: ask Which colour? | Red | Blue\nMODEL: slow 4\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    place.question(&task).await;
    let key = place.write(&task, "Blue").await;
    until(PATIENCE, "the agent has the answer", || {
        (place.heard("\"Which colour?\"=\"Blue\"") > 0).then_some(())
    })
    .await;
    place.change(key, Some("Dark blue")).await.expect("edited");
    place.change(key, None).await.expect("deleted");
    let done = place.wait(&task, "done").await;
    let read = place
        .model
        .seen()
        .last()
        .expect("a request")
        .conversation
        .clone();
    assert!(
        read.contains("Correction of the answer to Q-1 (“Blue”): Dark blue"),
        "{read}"
    );
    assert_eq!(
        done["questions"][0]["answer"]["decision"]["labels"][0][0], "Blue",
        "the answer itself stands"
    );
    let thread = place.thread(&task).await;
    assert!(
        thread.contains("deleted the message with the answer to Q-1"),
        "{thread}"
    );
    let unknown = place
        .change(uuid::Uuid::nil(), Some("x"))
        .await
        .expect_err("nobody said that");
    assert!(unknown.to_string().contains("can be changed"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_command_runs_nothing_again_and_one_without_a_name_answers_nothing() {
    let (place, _processes) = Place::new(Agent::Script("vine ask 'Go on?'; echo on"))
        .await
        .at_work()
        .await;
    let task = place.task("On", "on").await;
    place.question(&task).await;
    let key = place.write(&task, "/vine task new Another").await;
    let refused = place
        .change(key, Some("/vine task new Another one"))
        .await
        .expect_err("it ran already");
    assert!(
        refused.to_string().contains("a command cannot be edited"),
        "{refused}"
    );
    assert_eq!(
        place.say("task list").await.as_array().map(Vec::len),
        Some(2)
    );
    let empty = uuid::Uuid::from_u128(5);
    let said = serde_json::json!({ "task": task, "text": " ", "key": empty });
    place
        .client()
        .post::<_, Value>("/chat/messages", &said)
        .await
        .expect_err("empty");
    let unclear = place
        .change(empty, Some("yes"))
        .await
        .expect_err("it may have been meant for another question");
    assert!(
        unclear.to_string().contains("What does “yes” refer to?"),
        "{unclear}"
    );
    place.change(empty, Some("Q-1 yes")).await.expect("named");
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_words_that_could_not_be_used_is_read_as_if_it_were_said_now() {
    let script = "vine ask 'Left?' > left.txt & vine ask 'Right?' > right.txt; wait; echo both";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Both", "both").await;
    place
        .wait_for(PATIENCE, &task, "two questions", |shown| {
            shown["questions"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
        })
        .await;
    let key = uuid::Uuid::from_u128(77);
    let plain = serde_json::json!({ "task": task, "text": "yes", "key": key });
    place
        .client()
        .post::<_, Value>("/chat/messages", &plain)
        .await
        .expect_err("it is not clear for which");
    let again = place
        .client()
        .post::<_, Value>("/chat/messages", &plain)
        .await
        .expect_err("saying it again does not make it an answer");
    assert!(again.to_string().contains("had no effect"), "{again}");
    place.change(key, Some("Q-1 yes")).await.expect("now it is");
    let shown = place.show(&task).await;
    assert_eq!(
        shown["questions"][0]["answer"]["decision"]["text"], "yes",
        "{shown:#}"
    );
    // The same person giving the same answer once more, as by a second click, is no error.
    place.write(&task, "Q-1 yes").await;
}
