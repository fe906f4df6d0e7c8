//! Two questions a tenth of a second apart, and somebody who answers the first at once: in real time,
//! through each adapter and on the page. The second one is never answered by what was meant for the
//! first.

use std::time::{Duration, Instant};

use serde_json::Value;
use vine_doubles::discord::world::ANN;

use crate::harness::{
    Agent, PATIENCE, Place, channel::Channel, guild::Guild, room::Room, visitor::Browser,
};

const ROUNDS: u64 = 10;
const ASKS: &str = "vine ask 'First?' --option Yes --option No &
sleep 0.1
vine ask 'Second?' --option Yes --option No
wait";

/// After somebody said `Yes` to the first question: it has that answer, or both are open and its
/// author was asked.
async fn judge(place: &Place, task: &str) {
    let end = Instant::now() + Duration::from_millis(1_500);
    loop {
        let shown = place.show(task).await;
        let questions = shown["questions"].as_array().cloned().unwrap_or_default();
        let state = |at: usize| {
            questions
                .get(at)
                .map_or("", |one| one["state"].as_str().unwrap_or_default())
                .to_owned()
        };
        assert!(
            matches!(state(1).as_str(), "" | "open"),
            "not meant: {shown:#}"
        );
        let answered = matches!(state(0).as_str(), "answered" | "delivered");
        if answered || (Instant::now() > end && state(1) == "open") {
            let notes = shown["notes"].as_array().map(Vec::len);
            assert_eq!(notes, Some(0), "it was an answer: {shown:#}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whatever is open gets an answer by its name.
async fn finish(place: &Place, task: &str) {
    let both = |shown: &Value| {
        shown["questions"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    };
    let shown = place.wait_for(PATIENCE, task, "both are asked", both).await;
    for question in shown["questions"].as_array().expect("questions") {
        if question["state"] == "open" {
            let id = question["id"].as_str().expect("an id");
            place.answer(task, id, "No").await;
        }
    }
    place.wait(task, "done").await;
}

/// How long somebody takes to say `Yes`: from at once to after the second question.
fn reaction(round: u64) -> Duration {
    Duration::from_millis(round * 30)
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_the_second_question_is_not_answered_by_what_was_meant_for_the_first() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    for round in 0..ROUNDS {
        let (task, root) = channel.task(&format!("Round {round}.")).await;
        channel.hears(&format!("(Q-{})", 2 * round + 1)).await;
        tokio::time::sleep(reaction(round)).await;
        channel.say("U0ANN", "Yes", Some(&root)).await;
        judge(&channel.place, &task).await;
        finish(&channel.place, &task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_the_second_question_is_not_answered_by_what_was_meant_for_the_first() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    for round in 0..ROUNDS {
        let (task, thread) = guild.task(&format!("Round {round}.")).await;
        guild.hears(&format!("(Q-{})", 2 * round + 1)).await;
        tokio::time::sleep(reaction(round)).await;
        guild.say(ANN, "Yes", Some(&thread)).await;
        judge(&guild.place, &task).await;
        finish(&guild.place, &task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_the_second_question_is_not_answered_by_what_was_meant_for_the_first() {
    let room = Room::new(Agent::Script(ASKS)).await;
    for round in 0..ROUNDS {
        let (task, root) = room.task(&format!("Round {round}."), "ask").await;
        let first = format!("(Q-{})", 2 * round + 1);
        room.ann.hears(&room.id, &first).await;
        tokio::time::sleep(reaction(round)).await;
        room.ann.say_in(&room.id, &root, "Yes").await;
        judge(&room.place, &task).await;
        finish(&room.place, &task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_answered_for_what_stood_on_it() {
    let (place, _processes) = Place::new(Agent::Script(ASKS)).await.at_work().await;
    let said = place.shell(&["login"]);
    let link = said
        .split_whitespace()
        .find(|word| word.contains("/login?code="))
        .expect("a link");
    let browser = Browser::log_in(link).await;
    for round in 0..ROUNDS {
        let task = place.task(&format!("Round {round}."), "ask").await;
        let (_first, _) = place.question(&task).await;
        let page = browser.page(&format!("/tasks/{task}")).await;
        let seen = page
            .split_once("name=\"seen\" value=\"")
            .and_then(|(_, rest)| rest.split('"').next())
            .expect("since when the page is of")
            .to_owned();
        tokio::time::sleep(reaction(round)).await;
        let form = [("text", "Yes"), ("seen", seen.as_str())];
        browser
            .send(&format!("/tasks/{task}/say"), &form, "same-origin")
            .await;
        judge(&place, &task).await;
        finish(&place, &task).await;
    }
}
