//! A team's day in a Discord channel. The server is our double, which clients that we did not write
//! have judged (`double_discord.rs`).

use serde_json::{Value, json};
use vine_doubles::discord::world::{ANN, BEN, BOT};

use crate::harness::{
    Agent, PATIENCE,
    guild::{Guild, reacted, said, text},
};

const ASKS: &str = "answer=$(vine ask 'Go on?' --option Yes --option No); echo heard $answer";

#[tokio::test(flavor = "multi_thread")]
async fn claude_discord_the_whole_way_of_a_question_through_a_thread() {
    let guild = Guild::new(Agent::Claude).await;
    let wish = format!(
        "<@{BOT}> task new Paint\nPaint the door.\nMODEL: ask Which colour? | Red | Blue\nMODEL: \
         finish Painted."
    );
    guild.say(ANN, &wish, None).await;
    let card = guild.hears("Paint").await;
    let question = guild.hears("Which colour?").await;
    assert_eq!(
        question["channel_id"], card["id"],
        "in the thread of the card"
    );
    assert!(
        text(&question, "content").starts_with(&format!("<@{ANN}>")),
        "it calls who asked for the task"
    );
    let answer = guild.say(ANN, "2", Some(text(&card, "id"))).await;
    let done = guild.place.wait("T-1", "done").await;
    assert_eq!(done["questions"][0]["answer"]["name"], "Ann");
    assert!(guild.place.heard("Blue") >= 1, "the same session got it");
    guild
        .wait("the answer is marked as taken", |state| {
            reacted(state, &answer, "✅")
        })
        .await;
    let settled = guild.hears("— Ann, ").await;
    assert_eq!(
        (&settled["id"], &settled["components"]),
        (&question["id"], &json!([])),
        "the card has no buttons any more"
    );
    guild.hears("ended without changes").await;
    let number: i64 = text(&question, "id").parse().expect("a snowflake");
    let moment = (number >> 22) + 1_420_070_400_000;
    assert_eq!(
        guild.place.base.asked_since("discord"),
        [moment.to_string()],
        "it stands there since then by Discord's clock"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_buttons_modals_menus_and_strangers() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let (first, thread) = guild.task("One").await;
    let question = guild.hears("(Q-1)").await;
    guild.press(BEN, &question, "v1:pick:0").await;
    guild.whispers(BEN, "under `[[people]]`").await;
    guild.say(BEN, "Yes", Some(&thread)).await;
    guild
        .say(BEN, "!vine question answer Q-1 Yes", Some(&thread))
        .await;
    guild.press(BEN, &question, "v1:write").await;
    guild
        .wait("the modal opens", |state| state["modals"][0].is_object())
        .await;
    guild
        .act("submit", json!({ "values": { "words:0": "Yes" } }))
        .await;
    let told = |state: &Value| {
        state["ephemerals"]
            .as_array()
            .is_some_and(|all| all.iter().filter(|one| one["user"] == BEN).count() >= 2)
    };
    guild.wait("Ben's modal is taken", told).await;
    assert_eq!(
        guild.place.show(&first).await["questions"][0]["state"],
        "open",
        "neither words nor modals of strangers answer"
    );
    guild
        .act("press", json!({ "user": ANN, "channel": thread, "message": question["id"], "custom_id": "v1:pick:7", "forged": true }))
        .await;
    guild
        .act("press", json!({ "user": ANN, "channel": thread, "message": question["id"], "custom_id": "v1:say:rm", "forged": true }))
        .await;
    guild.press(ANN, &question, "v1:pick:1").await;
    guild.place.wait(&first, "done").await;
    assert!(guild.place.log(&first).await.contains("heard No"));

    let (second, thread) = guild.task("Two").await;
    let question = guild.hears("(Q-2)").await;
    guild.press(ANN, &question, "v1:write").await;
    guild
        .wait("the modal opens", |state| state["modals"][0].is_object())
        .await;
    guild
        .command(
            ANN,
            &thread,
            &["task", "priority"],
            json!({ "lane": "high" }),
        )
        .await;
    let in_thread = |state: &Value| {
        said(state, "high").is_some_and(|reply| reply["channel_id"] == thread.as_str())
    };
    guild
        .wait("a command in a thread is about its task", in_thread)
        .await;
    guild.whispers(ANN, "Received.").await;
    guild
        .act(
            "submit",
            json!({ "values": { "words:0": "only on Mondays" } }),
        )
        .await;
    guild.place.wait(&second, "done").await;
    assert!(
        guild
            .place
            .log(&second)
            .await
            .contains("heard only on Mondays")
    );

    guild
        .command(ANN, &guild.id, &["task", "list"], json!({}))
        .await;
    guild.whispers(ANN, "T-2").await;
    guild
        .command(BEN, &guild.id, &["task", "new"], json!({ "title": "Mine" }))
        .await;
    guild
        .whispers(BEN, "is not allowed to do this here; `operate` requires")
        .await;
    assert_eq!(
        guild.place.say("task list").await.as_array().map(Vec::len),
        Some(2),
        "a stranger creates nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_discord_a_dangerous_choice_is_asked_about_once_more() {
    let guild = Guild::new(Agent::Claude).await;
    guild
        .say(
            ANN,
            &format!("<@{BOT}> task new Look\nMODEL: bash touch here.txt\nMODEL: finish Done."),
            None,
        )
        .await;
    let question = guild.hears("(Q-1)").await;
    let careful = question["components"].to_string().contains("v1:careful:1");
    assert!(
        careful,
        "to allow it for the whole session is dangerous: {question}"
    );
    guild.press(ANN, &question, "v1:careful:1").await;
    guild.whispers(ANN, "Allow until this task is over: ").await;
    assert_eq!(
        guild.place.show("T-1").await["questions"][0]["state"],
        "open"
    );
    let sure = format!("v1:sure:1:{}", text(&question, "id"));
    let offered = guild.server.state().await["ephemerals"].to_string();
    assert!(offered.contains(&sure), "{offered}");
    guild
        .act(
            "press",
            json!({ "user": ANN, "channel": question["channel_id"], "message": question["id"], "custom_id": sure, "forged": true }),
        )
        .await;
    guild.place.wait("T-1", "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_shows_that_an_agent_works_and_refuses_what_has_to_be_encrypted() {
    let guild = Guild::new(Agent::Script("sleep 6")).await;
    guild.task("One").await;
    let typing = |state: &Value| {
        state["calls"].as_array().is_some_and(|calls| {
            calls
                .iter()
                .any(|call| text(call, "path").ends_with("/typing"))
        })
    };
    guild.wait("somebody is at work", typing).await;
    guild
        .place
        .say(&format!(
            "repo add vault {} --encrypted",
            guild.place.repo.display()
        ))
        .await;
    guild.place.room("vault", "no end-to-end encryption").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_offers_what_fits_and_to_those_alone_who_may_see_it() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    guild.task("Paint the door").await;
    let ask = |user: &str, typed: &str| json!({ "user": user, "channel": guild.id, "words": ["task", "show"], "options": { "task": typed }, "focused": "task" });
    guild.act("complete", ask(BEN, "t")).await;
    guild
        .wait("a stranger is offered nothing", |state| {
            state["offered"] == json!([])
        })
        .await;
    guild.act("complete", ask(ANN, "door")).await;
    guild
        .wait("Ann is offered the task", |state| {
            state["offered"][0]["value"] == "T-1"
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_edits_files_replies_and_the_menu_of_messages() {
    let guild = Guild::new(Agent::Script(
        "answer=$(vine ask \"Which? $(seq 1 6000)\"); echo heard $answer; vine ask 'And now?'; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done",
    ))
    .await;
    let (task, thread) = guild.task("One").await;
    let question = guild.hears("the whole text is in").await;
    let whole = |state: &Value| {
        state["files"]
            .as_array()
            .expect("files")
            .iter()
            .any(|file| {
                text(file, "text").contains("Which?") && text(file, "text").contains("\n> 6000\n")
            })
    };
    guild.wait("the whole text is a file", whole).await;
    let file = |name: &str, kind: &str, text: &str| json!({ "user": ANN, "channel": thread, "content": if kind == "video/mp4" { "" } else { "see here" }, "reply_to": question["id"], "file": { "name": name, "kind": kind, "text": text, "size": if kind == "video/mp4" { 20_000_000 } else { text.len() } } });
    guild.act("say", file("film.mp4", "video/mp4", "…")).await;
    guild.hears("film.mp4").await;
    guild
        .act("say", file("choice.txt", "text/plain", "number 17"))
        .await;
    let asked = guild.hears("And now?").await;
    let said = guild
        .act(
            "say",
            json!({ "user": ANN, "channel": thread, "content": "red", "reply_to": asked["id"] }),
        )
        .await;
    let words = |content: &str| json!({ "user": ANN, "channel": thread, "message": said["id"], "content": content });
    guild.hears("**red** — Ann, ").await;
    guild.act("edit", words("blue")).await;
    let corrected = |shown: &Value| {
        shown["notes"]
            .as_array()
            .is_some_and(|notes| notes.iter().any(|note| text(note, "text").contains("blue")))
    };
    guild
        .place
        .wait_for(PATIENCE, &task, "the correction is kept", corrected)
        .await;
    guild.act("delete", words("")).await;
    guild.hears("was deleted. The answer still counts").await;
    std::fs::write(guild.place.folder.path().join("go"), "").expect("written");
    guild.place.wait(&task, "done").await;
    assert!(
        guild
            .place
            .log(&task)
            .await
            .contains("heard see here File choice.txt: number 17")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_without_the_words_of_messages_people_answer_all_the_same() {
    let guild = Guild::of(
        crate::harness::guild::Server::open().await,
        Agent::Script(ASKS),
        "message_content = false\n",
    )
    .await;
    let (first, thread) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    let words = guild.say(ANN, "No", Some(&thread)).await;
    guild.hears("AgentVine cannot read messages here").await;
    guild.say(ANN, "hello?", Some(&thread)).await;
    guild
        .act(
            "use",
            json!({ "user": ANN, "channel": thread, "message": words, "name": "Use as answer" }),
        )
        .await;
    guild.place.wait(&first, "done").await;
    assert!(guild.place.log(&first).await.contains("heard No"));
    let state = guild.server.state().await;
    assert_eq!(
        crate::harness::guild::of_bot(&state)
            .filter(|one| text(one, "content").contains("AgentVine cannot read"))
            .count(),
        1,
        "said once"
    );
    let (second, thread) = guild.task("Two").await;
    guild.hears("(Q-2)").await;
    let order = guild.say(BEN, "!vine task cancel", Some(&thread)).await;
    guild
        .act(
            "use",
            json!({ "user": ANN, "channel": thread, "message": order, "name": "Use as answer" }),
        )
        .await;
    guild.whispers(ANN, "is a command, not an answer").await;
    guild
        .say(
            ANN,
            &format!("<@{BOT}> question answer Q-2 Yes"),
            Some(&thread),
        )
        .await;
    guild.place.wait(&second, "done").await;
}
