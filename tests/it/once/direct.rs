//! Direct messages: a sentence there is a task, once its author has chosen the repository. The thread stands in the
//! repository's room, and the reply leads there.

use serde_json::{Value, json};
use vine_doubles::discord::world::{ANN, BEN};

use crate::harness::{
    Agent,
    channel::Channel,
    guild::Guild,
    room::{Room, event_id},
    workspace,
};

const SENTENCE: &str = "Paint the door of the shed";
const ASKS: &str = "echo heard $(vine ask 'Which?')";

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_sentence_to_us_alone_asks_for_the_repository_and_leads_to_the_thread() {
    let channel = Channel::new(Agent::Script(ASKS)).await;
    let direct = channel.act("direct", json!({ "user": "U0ANN" })).await;
    let direct = direct["channel"].as_str().expect("a channel");
    channel.slack.say("U0ANN", direct, SENTENCE, None).await;
    let asked = channel.hears("is not a task yet").await;
    assert!(
        asked["text"]
            .to_string()
            .contains("1. Make it a task in `site`"),
        "{asked:#}"
    );
    let press =
        json!({ "user": "U0ANN", "channel": direct, "ts": asked["ts"], "action": "vine_pick_0" });
    channel.act("click", press).await;
    let card = channel.hears("*T-1* Paint the door of the shed").await;
    let told = channel.hears("T-1 is queued").await;
    let inside = |state: &Value, ts: &Value| {
        let all = state["channels"].as_array().expect("channels");
        let of = all.iter().find(|one| {
            one["messages"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["ts"] == *ts))
        });
        of.expect("it is somewhere")["id"].clone()
    };
    let state = channel.wait("both are there", |_| true).await;
    assert_eq!(inside(&state, &told["ts"]), direct);
    assert_eq!(inside(&state, &card["ts"]), channel.id.as_str());
    let link = told["text"].as_str().expect("text");
    let stamp = card["ts"].as_str().expect("a ts").replace('.', "");
    assert!(
        link.contains(&channel.id) && link.contains(&stamp),
        "{link}"
    );

    // A question can be answered there, and a command given.
    channel.hears("(Q-1)").await;
    channel.slack.say("U0ANN", direct, "Q-1 blue", None).await;
    channel.place.wait("T-1", "done").await;
    channel
        .slack
        .say("U0ANN", direct, "/vine task list", None)
        .await;
    channel.slack.say("U0ANN", direct, "task list", None).await;
    let lists = |state: &Value| {
        workspace::of_bot(state)
            .filter(|one| one["text"].to_string().contains("T-1 ") && one["thread_ts"].is_null())
            .count()
            >= 2
    };
    channel.wait("both commands are answered", lists).await;

    // Strangers get nothing.
    let other = channel.act("direct", json!({ "user": "U0BEN" })).await;
    channel
        .slack
        .say(
            "U0BEN",
            other["channel"].as_str().expect("a channel"),
            SENTENCE,
            None,
        )
        .await;
    channel.hears("`[[people]]`").await;
    let tasks = channel.place.say("task list").await;
    assert_eq!(tasks.as_array().map(Vec::len), Some(1), "{tasks:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_a_sentence_to_us_alone_asks_for_the_repository_and_leads_to_the_thread() {
    let guild = Guild::new(Agent::Script("true")).await;
    let direct = guild.act("direct", json!({ "user": ANN })).await;
    let direct = direct["channel"].as_str().expect("a channel");
    guild
        .act(
            "say",
            json!({ "user": ANN, "channel": direct, "content": SENTENCE }),
        )
        .await;
    let asked = guild.hears("is not a task yet").await;
    assert_eq!(asked["channel_id"], direct);
    guild.press(ANN, &asked, "v1:pick:0").await;
    let card = guild.hears("**T-1** Paint the door of the shed").await;
    assert_eq!(card["channel_id"], guild.id.as_str());
    guild.whispers(ANN, "T-1 is queued").await;
    guild
        .whispers(ANN, card["id"].as_str().expect("an id"))
        .await;
    guild.place.wait("T-1", "done").await;
    let other = guild.act("direct", json!({ "user": BEN })).await;
    guild
        .act(
            "say",
            json!({ "user": BEN, "channel": other["channel"], "content": SENTENCE }),
        )
        .await;
    guild.hears("`[[people]]`").await;
    let tasks = guild.place.say("task list").await;
    assert_eq!(tasks.as_array().map(Vec::len), Some(1), "{tasks:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_a_sentence_to_us_alone_asks_for_the_repository_and_leads_to_the_thread() {
    let room = Room::new(Agent::Script("true")).await;
    let wish = json!({ "is_direct": true, "preset": "trusted_private_chat", "invite": ["@vine:vine.test"] });
    let direct = room.ann.create(&wish).await;
    let joined = |event: &Value| {
        event["state_key"] == "@vine:vine.test" && event["content"]["membership"] == "join"
    };
    room.ann.wait(&direct, "we come", joined).await;
    room.ann.say(&direct, SENTENCE).await;
    let asked = room.ann.hears(&direct, "is not a task yet").await;
    room.ann.react(&direct, &event_id(&asked), "1️⃣").await;
    let card = room.ann.hears(&room.id, "Paint the door of the shed").await;
    let told = room.ann.hears(&direct, "T-1 is queued").await;
    let text = told["content"]["body"].as_str().expect("text");
    assert!(
        text.contains(&event_id(&card)) || text.contains(&event_id(&card).replace('$', "%24")),
        "{text}"
    );
    room.place.wait("T-1", "done").await;
}
