//! Matrix, on a real homeserver: nothing that people send vanishes, rooms are followed where they go,
//! and "ok" means that people can be asked.

use serde_json::{Value, json};

use crate::harness::{
    Agent, asking,
    room::{Room, event_id},
};

const VINE: &str = "@vine:vine.test";

#[tokio::test(flavor = "multi_thread")]
async fn matrix_words_come_as_they_were_typed_and_nothing_else_vanishes() {
    let room = Room::new(Agent::Script(&asking(&[
        "'Which file?' --option app.rs --option lib.rs",
        "'Which?' --option Red --option Blue",
        "'Which place?' --option One --option Two",
        "'Last?'",
    ])))
    .await;
    let (task, root) = room.task("Read me", "read").await;
    let thread = |more: Value| {
        let mut content = more;
        content["m.relates_to"] = json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": { "event_id": root } });
        content
    };
    let ann = &room.ann;
    let first = ann.hears(&room.id, "Which file?").await;
    let quoted = json!({ "msgtype": "m.text", "body": "> <@vine:vine.test> Which file?\n> 1. app.rs\napp.rs", "m.relates_to": { "m.in_reply_to": { "event_id": event_id(&first) } } });
    ann.send(&room.id, "m.room.message", quoted).await;
    ann.hears(&room.id, "Which?").await;
    let picture = json!({ "msgtype": "m.video", "body": "Blue", "filename": "film.mp4", "url": "mxc://vine.test/x", "info": { "mimetype": "video/mp4", "size": 20_000_000 } });
    ann.send(&room.id, "m.room.message", thread(picture)).await;
    ann.hears(&room.id, "`film.mp4` was left out").await;
    let third = ann.hears(&room.id, "Which place?").await;
    ann.react(&room.id, &event_id(&third), "👍").await;
    ann.hears(&room.id, "is not an answer to Q-3").await;
    for (what, kind, content) in [
        (
            "A sticker was left out",
            "m.sticker",
            json!({ "body": "wave", "url": "mxc://vine.test/y", "info": {} }),
        ),
        (
            "A poll was left out",
            "org.matrix.msc3381.poll.start",
            json!({ "org.matrix.msc1767.text": "Lunch?" }),
        ),
        (
            "A location was left out",
            "m.room.message",
            json!({ "msgtype": "m.location", "body": "here", "geo_uri": "geo:1,2" }),
        ),
        (
            "A voice message was left out",
            "m.room.message",
            json!({ "msgtype": "m.audio", "body": "voice.ogg", "org.matrix.msc3245.voice": {}, "url": "mxc://vine.test/z" }),
        ),
        (
            "A message of this kind was left out",
            "m.room.message",
            json!({ "msgtype": "m.hologram", "body": "?" }),
        ),
        (
            "The message is empty",
            "m.room.message",
            json!({ "msgtype": "m.text", "body": " " }),
        ),
    ] {
        ann.send(&room.id, kind, thread(content)).await;
        ann.hears(&room.id, what).await;
    }
    ann.send(&room.id, "m.call.hangup", thread(json!({ "call_id": "1" })))
        .await;
    ann.say_in(&room.id, &root, "Q-3 Two").await;
    ann.hears(&room.id, "Last?").await;
    ann.say_in(&room.id, &root, "Q-4 > a quote by hand\nand words")
        .await;
    room.place.wait(&task, "done").await;
    let log = room.place.log(&task).await;
    for heard in [
        "heard <app.rs>",
        "heard <Blue>",
        "heard <Two>",
        "heard <> a quote by hand and words>",
    ] {
        assert!(log.contains(heard), "{heard} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_an_upgraded_room_is_followed_with_its_open_questions_and_ok_means_that_people_can_be_asked()
 {
    let room = Room::new(Agent::Script(&asking(&["'Go on?'"]))).await;
    let own = room.ann.create(&json!({ "preset": "private_chat" })).await;
    room.ann.invite(VINE, &own).await;
    room.ann
        .wait(&own, "the bot comes", |event| {
            event["state_key"] == VINE && event["content"]["membership"] == "join"
        })
        .await;
    room.ann
        .say(&room.id, &format!("!vine repo room site --room {own}"))
        .await;
    room.ann.hears(&room.id, "site now uses").await;
    let task = room.place.task("Asks in our room", "one").await;
    room.ann.hears(&own, "Go on?").await;
    room.place.platform(None).await;

    let next = room.ann.upgrade(&own, "12").await;
    room.place.platform(Some("was upgraded to")).await;
    room.ann.invite(VINE, &next).await;
    let question = room.ann.hears(&next, "Go on?").await;
    room.place.platform(None).await;

    room.ann.mute(&next, true).await;
    room.place.platform(Some("not allowed to post")).await;
    let doctor = room.doctor();
    assert!(doctor.contains("not allowed to post"), "{doctor}");
    room.ann.mute(&next, false).await;
    room.place.platform(None).await;
    room.ann.put_out(VINE, &next).await;
    room.place.platform(Some("is not in the room")).await;
    room.ann.invite(VINE, &next).await;
    room.place.platform(None).await;

    let doctor = room.doctor();
    assert!(
        doctor.contains("connected as @vine:vine.test, checked 20"),
        "{doctor}"
    );
    room.ann.reply(&next, &event_id(&question), "yes").await;
    room.place.wait(&task, "done").await;
}
