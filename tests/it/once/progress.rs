//! What an agent is at stands on the card of its task, on each platform, without a new message.

use serde_json::Value;

use crate::harness::{Agent, channel::Channel, guild, guild::Guild, room::Room};

/// Two steps, of which one is done and one is being done, and time to look.
const STEPS: &str = "MODEL: call TaskCreate {\"subject\":\"Read the code\",\"description\":\"x\",\"activeForm\":\"Reading the code\"}\n\
    MODEL: call TaskCreate {\"subject\":\"Paint the door\",\"description\":\"x\",\"activeForm\":\"Painting the door\"}\n\
    MODEL: call TaskUpdate {\"taskId\":\"1\",\"status\":\"completed\"}\n\
    MODEL: call TaskUpdate {\"taskId\":\"2\",\"status\":\"in_progress\"}\n\
    MODEL: slow 12\nMODEL: finish Painted.";

/// Tells what it is at, and takes its time.
const SCRIPT: &str = "vine progress 'stroke 1 of 2'; sleep 10";

#[tokio::test(flavor = "multi_thread")]
async fn slack_claude_shows_its_steps_on_the_card_until_it_is_done() {
    let channel = Channel::new(Agent::Claude).await;
    let place = &channel.place;
    channel.place.task("Paint", STEPS).await;
    let card = channel.hears("*T-1* Paint").await;
    let shown = channel.hears("☑ Read the code").await;
    assert_eq!(shown["ts"], card["ts"], "the card itself");
    let text = shown["text"].as_str().expect("text");
    for words in [
        "Running",
        "▶ Paint the door",
        "→ Painting the door",
        "At work since",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let page = place.shell(&["login"]);
    let page =
        crate::harness::visitor::Browser::log_in(page.split_whitespace().next().expect("a link"))
            .await;
    let shown = page.page("/tasks/T-1").await;
    assert!(shown.contains("▶ Paint the door"), "{shown}");
    let done = place.wait("T-1", "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(0),
        "steps ask nobody"
    );
    let over = |state: &Value| {
        let all = state["channels"].to_string();
        all.contains("Done · requested by") && !all.contains("☑")
    };
    channel.wait("the card is that of a done task", over).await;
    // Where nobody wants it, nothing is shown.
    place.say("repo room site --progress off").await;
    let listed = place.say("repo room site").await;
    assert_eq!(listed[0]["progress"], false, "{listed:#}");
    place
        .task("Quiet", &STEPS.replace("slow 12", "slow 8"))
        .await;
    place.wait("T-2", "done").await;
    let state = channel.wait("it is looked at", |_| true).await;
    assert!(!state["channels"].to_string().contains("☑"));
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_card_shows_what_a_script_is_at() {
    let guild = Guild::new(Agent::Script(SCRIPT)).await;
    guild.task("Paint").await;
    let card = guild.hears("**T-1** Paint").await;
    let shown = guild.hears("→ stroke 1 of 2").await;
    assert_eq!(shown["id"], card["id"], "the card itself");
    guild.place.wait("T-1", "done").await;
    let over = |state: &Value| guild::said(state, "stroke 1").is_none();
    guild.wait("the card is that of a done task", over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_card_shows_what_a_script_is_at() {
    let room = Room::new(Agent::Script(SCRIPT)).await;
    room.task("Paint", "x").await;
    let shown = room.ann.hears(&room.id, "→ stroke 1 of 2").await;
    let relates = &shown["content"]["m.relates_to"];
    assert_eq!(relates["rel_type"], "m.replace", "{shown:#}");
    assert_eq!(
        shown["content"]["m.mentions"].get("user_ids"),
        None,
        "it calls nobody"
    );
    room.place.wait("T-1", "done").await;
}
