//! Cards of tasks and of questions: their buttons, and what stands there afterwards.

use serde_json::{Value, json};
use vine_doubles::discord::world::ANN;

use crate::harness::{
    Agent,
    channel::{Channel, said},
    guild::{Guild, text},
    workspace::of_bot,
};

const ASKS: &str = "vine ask 'Go on?' --option Yes --option No";

fn card<'a>(state: &'a Value, ts: &str) -> &'a Value {
    let found = of_bot(state).find(|message| message["ts"] == ts);
    found.expect("the card")
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_task_is_managed_by_the_buttons_of_its_card() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let (task, root) = channel.task("One").await;
    channel.hears("(Q-1)").await;
    let shows = |words: &'static str| {
        let root = root.clone();
        move |state: &Value| {
            let shown = card(state, &root).to_string();
            shown.contains(words)
        }
    };
    let state = channel
        .wait("it waits", shows("✋ Waiting for an answer"))
        .await;
    let confirm = card(&state, &root).to_string();
    assert!(
        confirm.contains(&format!("Cancel {task}, One?")),
        "{confirm}"
    );
    channel.click("U0BEN", &root, "vine_pick_0").await;
    channel.whispers("U0BEN", "under `[[people]]`").await;
    assert_ne!(channel.place.show(&task).await["state"], "cancelled");
    // The log is shown where the button is.
    channel.click("U0ANN", &root, "vine_pick_2").await;
    let log = channel.hears("claimed").await;
    assert_eq!(log["thread_ts"], root.as_str());
    assert!(
        log["text"]
            .as_str()
            .is_some_and(|text| text.contains("```")),
        "{log}"
    );

    channel.click("U0ANN", &root, "vine_pick_0").await;
    channel.place.wait(&task, "cancelled").await;
    let state = channel
        .wait("it says so", shows("⚪ Cancelled by Ann"))
        .await;
    let buttons = card(&state, &root)["blocks"].to_string();
    assert!(
        buttons.contains("Retry") && !buttons.contains("Cancel T-1"),
        "{buttons}"
    );
    channel.click("U0ANN", &root, "vine_pick_1").await;
    channel.hears("(Q-2)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_task_is_managed_by_the_buttons_of_its_card() {
    let guild = Guild::new(Agent::Script(ASKS)).await;
    let (task, _) = guild.task("One").await;
    guild.hears("(Q-1)").await;
    let card = guild.hears("One").await;
    guild.press(ANN, &card, "v1:careful:0").await;
    guild.whispers(ANN, &format!("Cancel {task}, One?")).await;
    assert_ne!(guild.place.show(&task).await["state"], "cancelled");
    let sure = format!("v1:sure:0:{}", text(&card, "id"));
    let press = json!({ "user": ANN, "channel": card["channel_id"], "message": card["id"], "custom_id": sure, "forged": true });
    guild.act("press", press.clone()).await;
    guild.place.wait(&task, "cancelled").await;
    let cancelled = guild.hears("⚪ Cancelled by Ann").await;
    assert_eq!(cancelled["id"], card["id"]);
    let buttons = cancelled["components"].to_string();
    assert!(
        buttons.contains("v1:pick:1") && !buttons.contains("careful"),
        "{buttons}"
    );
    // A press that was on its way still means what was shown then, and does nothing else.
    guild.act("press", press).await;
    let replies = |state: &Value| {
        let lines = crate::harness::guild::of_bot(state);
        let is_reply = |message: &&Value| text(message, "content").contains("cancelled  default");
        lines.filter(is_reply).count()
    };
    guild
        .wait("it is told again", |state| replies(state) == 2)
        .await;
    assert_eq!(guild.place.show(&task).await["state"], "cancelled");
    guild.press(ANN, &cancelled, "v1:pick:1").await;
    guild.hears("(Q-2)").await;
}

/// A question of so many lines, which is longer than one message.
fn long(lines: usize) -> String {
    format!(
        "vine ask \"$(yes 'a long explanation of what is meant' | head -n {lines}) Which?\" --option Red --option Blue"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_the_buttons_of_a_long_question_stand_where_its_reader_ends() {
    let channel = Channel::new(Agent::Script(&long(350))).await;
    let (task, root) = channel.task("One").await;
    let of_question = |state: &Value| -> Vec<Value> {
        let asked = of_bot(state).filter(|message| {
            message["thread_ts"] == root.as_str() && message["ts"] != root.as_str()
        });
        asked.cloned().collect()
    };
    let has_buttons = |message: &Value| message["blocks"].to_string().contains("vine_pick_1");
    let state = channel
        .wait("it has buttons", |state| {
            of_question(state).iter().any(has_buttons)
        })
        .await;
    let parts = of_question(&state);
    let armed: Vec<bool> = parts.iter().map(has_buttons).collect();
    assert!(parts.len() > 1, "one message: {parts:#?}");
    assert_eq!(armed.iter().position(|armed| *armed), Some(parts.len() - 1));
    let last = parts.last().expect("a part")["ts"].as_str().expect("a ts");
    channel.click("U0ANN", last, "vine_pick_1").await;
    channel.place.wait(&task, "done").await;
    let state = channel
        .wait("no button is left", |state| {
            !of_question(state).iter().any(has_buttons)
        })
        .await;
    let first = &of_question(&state)[0]["text"];
    assert!(
        first
            .as_str()
            .is_some_and(|text| text.contains("*Blue* — Ann")),
        "{first}"
    );
    let kept = said(&state, "a long explanation").expect("what was asked");
    assert!(kept["text"].to_string().len() > 1_000, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_the_buttons_of_a_long_question_stand_where_its_reader_ends() {
    let guild = Guild::new(Agent::Script(&long(100))).await;
    let (task, thread) = guild.task("One").await;
    let parts = |state: &Value| -> Vec<Value> {
        let all = crate::harness::guild::of_bot(state);
        let asked = all.filter(|message| message["channel_id"] == thread.as_str());
        asked.cloned().collect()
    };
    let has_buttons = |message: &Value| message["components"].to_string().contains("v1:pick:1");
    let state = guild
        .wait("it has buttons", |state| {
            parts(state).iter().any(has_buttons)
        })
        .await;
    let asked = parts(&state);
    let armed: Vec<bool> = asked.iter().map(has_buttons).collect();
    assert!(asked.len() > 1, "one message: {asked:#?}");
    assert_eq!(armed.iter().position(|armed| *armed), Some(asked.len() - 1));
    guild
        .press(ANN, asked.last().expect("a part"), "v1:pick:1")
        .await;
    guild.place.wait(&task, "done").await;
    guild
        .wait("no button is left", |state| {
            !parts(state).iter().any(has_buttons)
        })
        .await;
    guild.hears("**Blue** — Ann").await;
}
