//! Five things that a person does in a day, in Slack, by buttons and words alone. `once/browser.rs` has the
//! same for the page.

use serde_json::{Value, json};
use vine_doubles::slack::world::BOT_USER;

use crate::harness::{Agent, channel::Channel};

const STEPS: &str = "MODEL: ask Which licence? | MIT | Apache
MODEL: bash rm README.md
MODEL: call AskUserQuestion {\"questions\":[{\"question\":\"Which database?\",\"header\":\"Database\",\"multiSelect\":false,\"options\":[\
    {\"label\":\"PostgreSQL\",\"description\":\"a server\"},{\"label\":\"SQLite\",\"description\":\"a file\"}]},\
    {\"question\":\"Which features?\",\"header\":\"Features\",\"multiSelect\":true,\"options\":[\
    {\"label\":\"Auth\",\"description\":\"log in\"},{\"label\":\"Themes\",\"description\":\"colours\"}]}]}
MODEL: call EnterPlanMode {}
MODEL: plan 1. Paint it red.
MODEL: call ExitPlanMode {}
MODEL: plan 1. Paint it blue.
MODEL: call ExitPlanMode {}
MODEL: finish Done.";

/// The message that asks a question, and its `ts`.
async fn asked(channel: &Channel, question: &str) -> (Value, String) {
    let message = channel.hears(&format!("({question})")).await;
    let ts = message["ts"].as_str().expect("a ts").to_owned();
    (message, ts)
}

async fn form(channel: &Channel, question: &str, values: Value) {
    let (_, ts) = asked(channel, question).await;
    channel.click("U0ANN", &ts, "vine_write").await;
    let view = channel.modal().await;
    let submit = json!({ "view": view["id"], "values": values });
    channel.act("submit", submit).await;
    let closed = |state: &Value| state["views"].as_array().is_none_or(Vec::is_empty);
    channel.wait("the modal closes", closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_slack_five_things_of_a_day_by_buttons_and_words_alone() {
    let channel = Channel::new(Agent::Claude).await;
    let words = format!("<@{BOT_USER}> new Set it up\nSet it up.\n{STEPS}");
    channel.say("U0ANN", &words, None).await;
    // Three questions: a choice by its button, a permission, and a form of two parts.
    let (choice, ts) = asked(&channel, "Q-1").await;
    let notified = choice["text"].as_str().expect("text");
    let begins = "<@U0ANN> *Claude asks:* “Choice: Which licence?” (Q-1)";
    assert!(notified.starts_with(begins), "{notified}");
    channel.click("U0ANN", &ts, "vine_pick_0").await;
    let (_, ts) = asked(&channel, "Q-2").await;
    channel.click("U0ANN", &ts, "vine_pick_0").await;
    let two = json!({ "pick:0": { "pick": "1" }, "pick:1": { "pick": "0,1" } });
    form(&channel, "Q-3", two).await;
    // A plan goes back, and the next one is approved.
    form(
        &channel,
        "Q-4",
        json!({ "words:0": { "words": "In blue, please" } }),
    )
    .await;
    let (_, ts) = asked(&channel, "Q-5").await;
    channel.click("U0ANN", &ts, "vine_pick_0").await;
    let done = channel.place.wait("T-1", "done").await;
    for (words, heard) in [
        ("\"Which licence?\"=\"MIT\"", 1),
        ("\"Which features?\"=\"Auth, Themes\"", 1),
        ("In blue, please", 1),
    ] {
        assert!(channel.place.heard(words) >= heard, "{words}: {done:#}");
    }
    // Yesterday's decision stands in the thread, with what was decided on.
    let decided = channel.hears("*MIT* — Ann").await;
    let text = decided["text"].as_str().expect("text");
    assert!(
        text.contains("Which licence?") && text.contains("<!date^"),
        "{text}"
    );
    // Why nothing runs.
    channel
        .say("U0ANN", &format!("<@{BOT_USER}> queue pause"), None)
        .await;
    channel.whispers("U0ANN", "Paused everywhere").await;
    let (task, root) = channel.task("Two").await;
    let why = format!("<@{BOT_USER}> task explain");
    channel.say("U0ANN", &why, Some(&root)).await;
    let explained = channel
        .hears(&format!("{task} is queued, and the queue is paused"))
        .await;
    assert_eq!(explained["thread_ts"], root.as_str());
}
