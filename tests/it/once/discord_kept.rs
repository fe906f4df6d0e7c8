//! Discord: nothing that people send vanishes, posts that are refused go out plainer, and "ok" means
//! that people can be asked.

use serde_json::{Value, json};
use vine_doubles::discord::world::{ANN, BEN};

use crate::harness::{
    Agent, asking,
    guild::{Guild, Server, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn discord_words_come_as_they_were_typed_and_nothing_else_vanishes() {
    let guild = Guild::new(Agent::Script(&asking(&[
        "'Which file?' --option main.rs --option lib.rs",
        "'Which?' --option Red --option Blue",
        "'And now?'",
        "'Which place?' --option One --option Two",
        "'Last?'",
    ])))
    .await;
    let (task, thread) = guild.task("Read me").await;
    let sends = |content: &str, more: Value| json!({ "user": ANN, "channel": thread, "content": content, "more": more });
    guild.hears("(Q-1)").await;
    let forward = json!({ "message_reference": { "type": 1, "message_id": "5" }, "message_snapshots": [{ "message": { "content": "use <:rust:55> here" } }] });
    guild.act("say", sends("", forward)).await;
    guild.hears("(Q-2)").await;
    let picture = json!({ "attachments": [{ "id": "7", "filename": "film.mp4", "content_type": "video/mp4", "size": 20_000_000, "url": "http://127.0.0.1:1/x" }] });
    guild.act("say", sends("Blue", picture)).await;
    guild.hears("`film.mp4` was left out").await;
    guild.hears("(Q-3)").await;
    for (what, more) in [
        (
            "A sticker was left out",
            json!({ "sticker_items": [{ "id": "1", "name": "wave", "format_type": 1 }] }),
        ),
        (
            "A poll was left out",
            json!({ "poll": { "question": { "text": "Lunch?" } } }),
        ),
        (
            "A voice message was left out",
            json!({ "flags": 8192, "attachments": [{ "id": "8", "filename": "voice.ogg", "content_type": "audio/ogg", "size": 9 }] }),
        ),
        ("A message of this kind was left out", json!({ "type": 77 })),
        ("The message is empty", json!({})),
    ] {
        guild.act("say", sends("", more)).await;
        guild.hears(what).await;
    }
    guild.act("say", sends("", json!({ "type": 6 }))).await;
    guild
        .act(
            "say",
            sends(
                "ask <@12> of <:rust:55>",
                json!({ "mentions": [{ "id": "12", "username": "cat" }] }),
            ),
        )
        .await;
    let fourth = guild.hears("(Q-4)").await;
    let react = |sign: &str| json!({ "user": ANN, "channel": thread, "message": fourth["id"], "sign": sign });
    guild.act("react", react("👍")).await;
    guild.hears("is not an answer to Q-4").await;
    guild.act("react", react("🎉")).await;
    guild.say(ANN, "Two", Some(&thread)).await;
    guild.hears("(Q-5)").await;
    guild.say(ANN, "Q-5 the end", Some(&thread)).await;
    guild.place.wait(&task, "done").await;
    let log = guild.place.log(&task).await;
    for heard in [
        "heard <Forwarded: use :rust: here>",
        "heard <Blue>",
        "heard <ask @cat of :rust:>",
        "heard <Two>",
        "heard <the end>",
    ] {
        assert!(log.contains(heard), "{heard} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_what_is_refused_goes_out_plainer_and_a_deleted_thread_begins_anew() {
    let guild = Guild::new(Agent::Script(&asking(&[
        "'First?' --option Go",
        "'Second?' --option Go",
        "'Third?' --option Go",
    ])))
    .await;
    let (task, thread) = guild.task("Say it").await;
    guild.hears("(Q-1)").await;
    let fault = |code: u32, times: u32| json!({ "method": "POST", "path": "messages", "how": { "refused": [400, code] }, "times": times });
    guild.act("fault", fault(50035, 2)).await;
    guild.say(ANN, "Go", Some(&thread)).await;
    guild.hears("This message could not be shown here").await;
    let whole = |state: &Value| {
        let files = state["files"].as_array().expect("files");
        files
            .iter()
            .any(|file| text(file, "text").contains("Second?"))
    };
    guild.wait("the whole question is a file", whole).await;
    let rooms = guild.place.say("repo room site").await;
    let refused = rooms[0]["refused"].as_str().unwrap_or_default();
    assert!(
        refused.contains("Q-2 was posted in a plainer form"),
        "{rooms}"
    );
    guild.place.platform(None).await;

    guild.act("vanish", json!({ "channel": thread })).await;
    guild.place.answer(&task, "Q-2", "Go").await;
    let third = guild.hears("(Q-3)").await;
    let anew = text(&third, "channel_id").to_owned();
    assert_ne!(anew, thread);
    guild.press(ANN, &third, "v1:pick:0").await;
    guild.place.wait(&task, "done").await;
    guild.place.platform(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_ok_means_that_people_can_be_asked() {
    let guild = Guild::new(Agent::Script("vine ask 'Go?'")).await;
    guild.place.platform(None).await;
    let bits = vine_doubles::discord::world::may::SEND_IN_THREADS;
    guild
        .act("deny", json!({ "channel": guild.id, "bits": bits }))
        .await;
    let (_, thread) = guild.task("Ask").await;
    guild.place.platform(Some("permission")).await;
    guild
        .act("deny", json!({ "channel": guild.id, "bits": 0 }))
        .await;
    guild.hears("(Q-1)").await;
    guild.place.platform(None).await;

    guild.act("expel", json!({})).await;
    guild
        .place
        .platform(Some("invite it with https://discord.com/oauth2/authorize"))
        .await;
    guild.act("expel", json!({ "expelled": false })).await;
    guild.place.platform(None).await;
    guild.say(ANN, "yes", Some(&thread)).await;
    guild.hears("— Ann, ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_without_slash_commands_everything_else_works() {
    let server = Server::open().await;
    let fault = json!({ "path": "/commands", "how": { "refused": [403, 50001] }, "times": 100 });
    server.act("fault", fault).await;
    let guild = Guild::of(server, Agent::Script("vine ask 'Go?'"), "").await;
    let status = guild.place.platform(None).await;
    let remark = text(&status, "remark");
    assert!(
        remark.contains("https://discord.com/oauth2/authorize?client_id="),
        "{remark}"
    );
    guild
        .say(
            ANN,
            &format!("<@{}> task new By words", vine_doubles::discord::world::BOT),
            None,
        )
        .await;
    let card = guild.hears("By words").await;
    guild.hears("(Q-1)").await;
    guild.say(ANN, "yes", Some(text(&card, "id"))).await;
    guild.hears("— Ann, ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_what_is_said_while_nobody_listens_is_found_and_each_press_is_answered() {
    let mut guild = Guild::new(Agent::Script("vine ask 'Go?' --option Yes")).await;
    // The worker is known: it would not come back without.
    guild.place.status("w-1").await;
    guild.kill_daemon();
    guild
        .say(
            ANN,
            &format!(
                "<@{}> task new First of all",
                vine_doubles::discord::world::BOT
            ),
            None,
        )
        .await;
    guild.act("forget", json!({})).await;
    guild.start_daemon().await;
    guild.hears("First of all").await;
    let question = guild.hears("(Q-1)").await;
    for _ in 0..3 {
        guild.press(BEN, &question, "v1:pick:0").await;
    }
    let told = |state: &Value| {
        let all = state["ephemerals"].as_array().expect("ephemerals");
        all.iter()
            .filter(|one| {
                one["user"] == BEN
                    && text(one, "content").contains("is not allowed to do this here; `answer`")
            })
            .count()
            == 3
    };
    guild.wait("each press is answered", told).await;
}
