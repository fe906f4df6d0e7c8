//! Pictures and files, both ways, on each platform: what people send is in the model's next request, and what the
//! agent shows stands in the thread once.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use vine_domain::chat::file::FileHash;
use vine_doubles::{discord::world::ANN, slack::world::BOT_USER};

use crate::harness::{
    Agent, PATIENCE, Place, Sections,
    channel::Channel,
    commit_all,
    guild::{Guild, of_bot},
    path,
    room::Room,
    until,
    visitor::Browser,
};

/// A blue pixel, and a red one.
const BLUE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQDZqr1cAAAAAElFTkSuQmCC";
const RED: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// Asks, and shows a file of the repository.
const STEPS: &str = "MODEL: ask Which colour? | Red | Blue\n\
    MODEL: call mcp__vine__show {\"file\":\"chart.png\"}\nMODEL: finish Painted.";
/// Shows twice what it was told to show, and waits for `go`.
const SHOWS: &str = "vine show chart.png; vine show ./chart.png; touch \"$PLACE/shown-$VINE_ATTEMPT\"; \
    until [ -e \"$PLACE/go\" ]; do sleep 0.1; done; echo done";

fn bytes(picture: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(picture).expect("a picture")
}

fn hash(picture: &str) -> FileHash {
    FileHash::of(&bytes(picture))
}

/// The repository gets a chart.
fn draw(place: &Place) {
    fs::write(place.repo.join("chart.png"), bytes(RED)).expect("written");
    commit_all(&place.repo, "Draw");
}

/// The pictures in the request that brought the answer to the question.
fn after_answer(place: &Place) -> Vec<FileHash> {
    let seen = place.model.seen();
    let answered = seen.iter().find(|one| !one.results.is_empty());
    answered.expect("the answer").pictures.clone()
}

fn count(all: &Value, is: impl Fn(&Value) -> bool) -> usize {
    all.as_array()
        .expect("a list")
        .iter()
        .filter(|one| is(one))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_claude_sees_pictures_and_shows_one() {
    let channel = Channel::new(Agent::Claude).await;
    let place = &channel.place;
    draw(place);
    let with = |text: &str, root: Option<&str>, name: &str, content: &str| {
        let file = json!({ "name": name, "mimetype": "image/png", "base64": content });
        json!({ "user": "U0ANN", "channel": channel.id, "text": text, "thread_ts": root, "file": file })
    };
    // A sentence with a picture begins the task.
    let words = format!("<@{BOT_USER}> Paint the door of the shed\n{STEPS}");
    channel
        .act("say", with(&words, None, "door.png", RED))
        .await;
    let asked = channel.hears("(Q-1)").await;
    let first = &place.model.seen()[0];
    assert_eq!(first.pictures, [hash(RED)], "{}", first.heard);
    assert!(
        first
            .heard
            .contains("File door.png (picture, 70 bytes, attached; also at /"),
        "{}",
        first.heard
    );
    assert!(
        first.tools.iter().any(|tool| tool == "mcp__vine__show"),
        "{:?}",
        first.tools
    );

    // A picture answers, and comes with the answer.
    let root = asked["thread_ts"].as_str().expect("in a thread");
    channel
        .act("say", with("Like this", Some(root), "shot.png", BLUE))
        .await;
    let done = place.wait("T-1", "done").await;
    assert_eq!(after_answer(place), [hash(RED), hash(BLUE)]);
    let said = done["questions"][0]["answer"].to_string();
    assert!(
        said.contains("Like this") && said.contains("shot.png"),
        "{said}"
    );

    // What the agent shows stands in the thread, once, and was not asked about.
    channel
        .hears("The agent shows `chart.png` (picture, 70 bytes).")
        .await;
    let state = channel
        .wait("the file is shared", |state| shared(state, root) == 1)
        .await;
    let whole =
        |file: &Value| file["hash"] == hash(RED).as_str() && file["file"]["title"] == "chart.png";
    assert_eq!(count(&state["files"], whole), 1, "{:#}", state["files"]);
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "{done:#}"
    );
    let settled = channel.hears("Like this").await.to_string();
    assert!(
        settled.contains("`shot.png` (picture, 69 bytes)") && !settled.contains("sha256"),
        "{settled}"
    );

    // The page shows all three, to those who are logged in.
    let page = Browser::of(place).await;
    let shown = page.page("/tasks/T-1").await;
    for picture in [RED, BLUE] {
        assert!(
            shown.contains(&format!("<img src=\"/files/{}\"", hash(picture))),
            "{shown}"
        );
    }
    let file = format!("{}/files/{}", place.client().base(), hash(BLUE));
    let stranger = Browser::client().get(&file).send().await;
    let status = stranger.expect("an answer").status();
    assert!(!status.is_success(), "{status}");
}

/// Messages of ours in the thread with a file of the chart's name.
fn shared(state: &Value, root: &str) -> usize {
    let of = |message: &Value| {
        message["thread_ts"] == root
            && message["files"][0]["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("chart-"))
    };
    state["channels"]
        .as_array()
        .expect("channels")
        .iter()
        .map(|channel| count(&channel["messages"], of))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_what_is_shown_stands_there_once_whatever_dies() {
    let mut channel = Channel::new(Agent::Script(SHOWS)).await;
    draw(&channel.place);
    channel
        .act(
            "fault",
            json!({ "method": "files.completeUploadExternal", "how": "cut_after" }),
        )
        .await;
    let (task, root) = channel.task("One").await;
    channel.hears("The agent shows `chart.png`").await;
    channel.kill_daemon();
    channel.processes.remove(0).kill();
    channel.start_daemon().await;
    let worker = channel.place.worker("w-1", 1).await;
    channel.processes.insert(0, worker);
    let folder = channel.place.folder.path().to_owned();
    let again = folder.join("shown-2");
    until(PATIENCE, "it is shown again", || {
        again.exists().then_some(())
    })
    .await;
    fs::write(folder.join("go"), "").expect("written");
    channel.place.wait(&task, "done").await;
    channel.hears("Done").await;
    let state = channel
        .wait("the file is shared", |state| shared(state, &root) > 0)
        .await;
    assert_eq!(shared(&state, &root), 1);
    let said = |message: &Value| {
        message["text"]
            .as_str()
            .is_some_and(|text| text.contains("The agent shows"))
    };
    let all = state["channels"].as_array().expect("channels");
    assert_eq!(
        all.iter()
            .map(|one| count(&one["messages"], said))
            .sum::<usize>(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_claude_sees_a_picture_and_shows_one_once() {
    let mut guild = Guild::new(Agent::Claude).await;
    draw(&guild.place);
    guild.place.task("Paint", STEPS).await;
    let asked = guild.hears("(Q-1)").await;
    let thread = asked["channel_id"].as_str().expect("a thread").to_owned();
    for how in [json!("cut_after"), json!({ "status_after": 502 })] {
        guild
            .act(
                "fault",
                json!({ "method": "POST", "path": "/messages", "how": how, "times": 2 }),
            )
            .await;
    }
    let file = json!({ "name": "shot.png", "kind": "image/png", "base64": BLUE });
    let said = json!({ "user": ANN, "channel": thread, "content": "", "reply_to": asked["id"], "file": file });
    guild.act("say", said).await;
    guild.place.wait("T-1", "done").await;
    guild.kill_daemon();
    guild.start_daemon().await;
    assert_eq!(after_answer(&guild.place), [hash(BLUE)]);
    let charts = |state: &Value| {
        let named = |one: &&Value| {
            one["attachments"][0]["filename"]
                .as_str()
                .is_some_and(|name| name.starts_with("chart-"))
        };
        of_bot(state).filter(named).count()
    };
    let state = guild
        .wait("the file is posted", |state| charts(state) > 0)
        .await;
    assert!(count(&state["files"], |file| file["hash"] == hash(RED).as_str()) >= 1);
    guild.hears("T-1 ended").await;
    let state = guild.wait("all is posted", |_| true).await;
    assert_eq!(charts(&state), 1, "{:#}", state["channels"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_claude_sees_a_picture_and_shows_one_once() {
    let mut room = Room::new(Agent::Claude).await;
    draw(&room.place);
    room.place.task("Paint", STEPS).await;
    let asked = room.ann.hears(&room.id, "(Q-1)").await;
    let root = asked["content"]["m.relates_to"]["event_id"]
        .as_str()
        .expect("a thread")
        .to_owned();
    room.ann
        .send_file(&room.id, &root, "m.image", "shot.png", &bytes(BLUE))
        .await;
    room.place.wait("T-1", "done").await;
    assert_eq!(after_answer(&room.place), [hash(BLUE)]);
    room.kill_daemon();
    room.start_daemon().await;
    let picture = |event: &Value| {
        event["sender"] == "@vine:vine.test" && event["content"]["msgtype"] == "m.image"
    };
    let shown = room.ann.wait(&room.id, "the picture", picture).await;
    assert_eq!(shown["content"]["body"], "chart.png");
    assert_eq!(shown["content"]["m.relates_to"]["event_id"], root.as_str());
    let address = shown["content"]["url"].as_str().expect("an address");
    assert_eq!(room.ann.download_bytes(address).await, bytes(RED));
    room.all_is_posted().await;
    let all = room.ann.events(&room.id).await;
    assert_eq!(all.iter().filter(|event| picture(event)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_lies_beside_the_folder_and_nothing_secret_or_runnable_is_shown() {
    let script = "cat > \"$PLACE/prompt\"; file=$(sed -n 's/.* is at //p' \"$PLACE/prompt\"); cp \"$file\" \"$PLACE/got\"; \
        (echo more >> \"$file\") 2>&1; touch \"$(dirname \"$file\")/own\" 2>&1; \
        head -c 100000 /dev/zero | tr '\\0' x > long.txt; printf '\\nAKIAIOSFODNN7EXAMPLA\\n' >> long.txt; vine show long.txt 2>&1; \
        printf '\\177ELF\\377' > tool; vine show tool 2>&1; head -c 9000000 /dev/zero > big; vine show big 2>&1; \
        printf 'a\\377' > data.bin; vine show data.bin; echo done";
    let channel = Channel::new(Agent::Script(script)).await;
    let content = b"\0\x01table";
    let file = json!({ "name": "data set.bin", "mimetype": "application/x-data", "base64": BASE64_STANDARD.encode(content) });
    let words = format!("<@{BOT_USER}> Count the rows of this");
    let said = json!({ "user": "U0ANN", "channel": channel.id, "text": words, "file": file });
    channel.act("say", said).await;
    channel.hears("Count the rows").await;
    channel.place.wait("T-1", "done").await;
    let folder = channel.place.folder.path();
    assert_eq!(fs::read(folder.join("got")).expect("it was there"), content);
    let prompt = fs::read_to_string(folder.join("prompt")).expect("a prompt");
    assert!(
        prompt.contains("File data set.bin (file, 7 bytes) is at "),
        "{prompt}"
    );
    let kept = prompt.split(" is at ").nth(1).expect("a path").trim();
    assert!(
        !kept.contains(' ') && kept.starts_with(path(folder)),
        "{kept}"
    );
    let log = channel.place.log("T-1").await;
    for words in [
        "looks like a secret",
        "it is a program",
        "is larger than 8192 kB",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    channel
        .hears("The agent shows `data.bin` (file, 2 bytes).")
        .await;
    let thread = channel.place.thread("T-1").await;
    assert!(!thread.contains("shows `long.txt`"), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_picture_that_answers_a_parked_agent_goes_on_with_it_and_what_slack_refuses_blocks_nothing()
 {
    let sections = Sections {
        worker: "hold_seconds = 1\n",
        ..Sections::default()
    };
    let channel = Channel::with(Agent::Claude, sections).await;
    let place = &channel.place;
    draw(place);
    let refused = json!({ "method": "files.completeUploadExternal", "how": { "refused": "restricted_action" }, "times": 9 });
    channel.act("fault", refused).await;
    place.task("Paint", STEPS).await;
    let asked = channel.hears("(Q-1)").await;
    let parked = |shown: &Value| shown["parked"] == true;
    place
        .wait_for(PATIENCE, "T-1", "it is parked", parked)
        .await;
    let root = asked["thread_ts"].as_str().expect("in a thread");
    let file = json!({ "name": "before.png", "mimetype": "image/png", "base64": RED });
    let said = json!({ "user": "U0ANN", "channel": channel.id, "thread_ts": root, "text": "", "file": file });
    channel.act("say", said).await;
    channel.hears("`before.png` (picture, 70 bytes)").await;
    place.wait("T-1", "done").await;
    let last = place.model.seen().pop().expect("a request");
    assert_eq!(last.pictures, [hash(RED)], "{}", last.conversation);
    assert!(
        !last.conversation.contains("sha256"),
        "{}",
        last.conversation
    );
    // The file was refused, its words say so, and what follows is posted all the same.
    channel
        .hears("It could not be posted here; the page shows it.")
        .await;
    channel.hears("T-1 ended").await;
    let state = channel.wait("it is looked at", |_| true).await;
    assert_eq!(shared(&state, root), 0);
}
