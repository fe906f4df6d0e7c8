//! A task continues after its end: on its branch, in its session, with what people pushed.

use serde_json::Value;
use vine_doubles::slack::world::BOT_USER;

use crate::harness::{
    Agent, PATIENCE, Place, channel::Channel, commit_all, git, path, visitor::Browser,
};

const FIRST: &str = "Paint the door.\nMODEL: write door.txt | red\nMODEL: finish It is red.";
const GREEN: &str = "Now in green.\nMODEL: write door.txt | green\nMODEL: finish It is green.";

/// The conversation of the first request that held these words as news.
fn told(place: &Place, words: &str) -> String {
    let seen = place.model.seen().into_iter();
    let mut of_words = seen.filter(|seen| seen.heard.contains(words));
    of_words.next().expect("the model heard it").conversation
}

/// Allows what the agent asks, until the task is done.
async fn allowed(place: &Place, task: &str) -> Value {
    let (question, _) = place.question(task).await;
    place.answer(task, &question, "always").await;
    place.wait(task, "done").await
}

async fn first_round(place: &Place) -> Value {
    place.task("Paint", FIRST).await;
    allowed(place, "T-1").await
}

async fn goes_on(place: &Place, words: &str) {
    let order = serde_json::json!({ "words": ["task", "continue", "T-1", words] });
    let went = place.client().post::<_, Value>("/commands", &order).await;
    went.expect("it continues");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_task_goes_on_the_next_morning_in_its_own_session_and_on_its_branch() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let first = first_round(&place).await;
    let before = place
        .model
        .seen()
        .last()
        .expect("a request")
        .conversation
        .clone();
    let night = 15 * 3600 * 1000;
    place
        .base
        .sql(&format!("UPDATE tasks SET updated = updated - {night}"));
    place.base.sql(&format!("UPDATE sessions SET started = started - {night}, active = active - {night}, ended = ended - {night}"));
    // Somebody committed to the branch meanwhile.
    let branch = first["branch"].as_str().expect("a name");
    git(&place.repo, &["checkout", "--quiet", branch]);
    std::fs::write(place.repo.join("handle.txt"), "brass").expect("written");
    commit_all(&place.repo, "Add a handle");
    git(&place.repo, &["checkout", "--quiet", "main"]);

    goes_on(&place, GREEN).await;
    // What was allowed for the first round is asked again.
    let second = allowed(&place, "T-1").await;
    assert_eq!(
        (&second["round"], &second["session"]),
        (&2.into(), &first["session"])
    );
    assert_eq!(second["attempts"][1]["round"], 2);
    let heard = told(&place, "Now in green.");
    assert!(
        heard.starts_with(&before),
        "it begins with the first round:\n{before}\n---\n{heard}"
    );
    assert!(heard.contains("admin continues this task"), "{heard}");
    assert!(
        heard.contains("Add a handle"),
        "it is told of others' work: {heard}"
    );
    for (file, holds) in [("door.txt", "green"), ("handle.txt", "brass")] {
        let shown = git(&place.repo, &["show", &format!("{branch}:{file}")]);
        assert_eq!(shown, holds, "{file}");
    }
    let thread = place.thread("T-1").await;
    assert!(
        thread.contains("**T-1 continues** (round 2) for admin"),
        "{thread}"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_without_its_session_a_round_begins_with_what_the_record_knows_and_says_so() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let first = first_round(&place).await;
    worker.kill();
    place.say("worker remove w-1").await;
    let _other = place.worker("w-2", 1).await;
    goes_on(&place, GREEN).await;
    // What was allowed for the first round is asked again.
    let second = allowed(&place, "T-1").await;
    assert_ne!(second["session"], first["session"]);
    let heard = told(&place, "Now in green.");
    for words in [
        "Paint the door.",
        "Round 1 ended with:",
        "It is red.",
        "Then admin wrote:",
    ] {
        assert!(heard.contains(words), "{words}: {heard}");
    }
    let thread = place.thread("T-1").await;
    assert!(
        thread.contains("The session of the last round is not available"),
        "{thread}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_no_word_of_the_task_that_started_in_a_copy_is_in_the_next_round() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let slowly =
        "Paint the door.\nMODEL: write door.txt | red\nMODEL: slow 2\nMODEL: finish It is red.";
    place.task("Paint", slowly).await;
    let (question, _) = place.question("T-1").await;
    place.answer("T-1", &question, "always").await;
    let hedge = "Plant a hedge.\nMODEL: finish It is planted.";
    place.task("Plant", hedge).await;
    let first = place.wait("T-1", "done").await;
    let second = place.wait("T-2", "done").await;
    let copied = told(&place, "Plant a hedge.");
    assert!(
        copied.contains("Paint the door."),
        "it started in a copy: {copied}"
    );
    assert_ne!(first["session"], second["session"]);
    goes_on(&place, GREEN).await;
    let third = allowed(&place, "T-1").await;
    assert_eq!(third["session"], first["session"]);
    let heard = told(&place, "Now in green.");
    assert!(
        heard.contains("Paint the door.") && !heard.contains("hedge"),
        "{heard}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_branch_is_left_to_people() {
    let script = "echo \"$VINE_ROUND\" >> rounds.txt; git add . && git commit -qm \"Round\"";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    place.task("Paint", "x").await;
    let first = place.wait("T-1", "done").await;
    let branch = first["branch"].as_str().expect("a name");
    git(&place.repo, &["branch", "--force", branch, "main"]);
    let file = place.repo.join("other.txt");
    git(&place.repo, &["checkout", "--quiet", branch]);
    std::fs::write(file, "other").expect("written");
    commit_all(&place.repo, "Begin anew");
    git(&place.repo, &["checkout", "--quiet", "main"]);
    place.say("task continue T-1 Go on").await;
    let failed = place.wait("T-1", "failed").await;
    let why = failed["failure"]["message"].to_string();
    assert!(
        why.contains("does not hold the work of T-1 any more"),
        "{why}"
    );
    assert!(git(&place.repo, &["show", &format!("{branch}:other.txt")]).contains("other"));
}

/// Why a command is refused.
async fn refused(place: &Place, line: &str) -> String {
    let refused = place.try_say(line).await;
    refused.expect_err("it is refused").to_string()
}

/// Until the task has gone through so many rounds.
async fn has_gone(place: &Place, task: &str, rounds: u32) -> Value {
    let over = |shown: &Value| shown["round"] == rounds && shown["state"] == "done";
    let what = format!("round {rounds} is done");
    place.wait_for(PATIENCE, task, &what, over).await
}

/// As if the task had ended a minute ago.
fn a_minute_later(place: &Place) {
    place.base.sql("UPDATE tasks SET updated = updated - 60000");
}

/// Writes each round's number into a file, and each round's words into another.
const ROUNDS: &str = "echo \"$VINE_ROUND\" >> rounds.txt; cat > \"round-$VINE_ROUND.txt\"";

#[tokio::test(flavor = "multi_thread")]
async fn each_round_starts_from_the_branch_and_shows_what_it_changed() {
    let (place, _processes) = Place::new(Agent::Script(ROUNDS)).await.at_work().await;
    let task = place.task("Count", "One").await;
    let branch = place.wait(&task, "done").await["branch"].clone();
    let branch = branch.as_str().expect("a name");
    place.say("task continue T-1 Two").await;
    let second = has_gone(&place, &task, 2).await;
    let stat = second["report"]["diffstat"].to_string();
    assert!(
        stat.contains("round-2.txt") && !stat.contains("round-1.txt"),
        "{stat}"
    );
    let diffs = |round: &str| {
        let line = format!("task diff T-1{round}");
        let place = &place;
        async move { place.say(&line).await["patch"].to_string() }
    };
    assert!(diffs("").await.contains("+Two"));
    let first = diffs(" --round 1").await;
    assert!(first.contains("+One") && !first.contains("Two"), "{first}");
    // Merged, and its branch deleted: the next round starts from what it was merged into.
    git(&place.repo, &["merge", "--quiet", "--ff-only", branch]);
    std::fs::write(place.repo.join("later.txt"), "later").expect("written");
    commit_all(&place.repo, "Later");
    git(&place.repo, &["branch", "--delete", "--force", branch]);
    place.say("task continue T-1 Three").await;
    has_gone(&place, &task, 3).await;
    for (file, holds) in [
        ("rounds.txt", "1\n2\n3"),
        ("later.txt", "later"),
        ("round-3.txt", "Three"),
    ] {
        let shown = git(&place.repo, &["show", &format!("{branch}:{file}")]);
        assert_eq!(shown, holds, "{file}");
    }
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_begins_one_round_and_a_running_task_begins_none() {
    let script = "if [ \"$VINE_ROUND\" = 2 ]; then vine ask 'Go on?' > answer.txt; fi";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Paint", "x").await;
    place.wait(&task, "done").await;
    let http = Browser::client();
    let rounds = format!("{}/api/v1/tasks/T-1/rounds", place.client().base());
    let token = place.secret("user").await;
    let continued = || {
        let request = http.post(&rounds).bearer_auth(&token);
        let request = request
            .header("Idempotency-Key", "one")
            .json(&serde_json::json!({ "text": "Again" }));
        async move {
            request
                .send()
                .await
                .expect("sent")
                .json::<Value>()
                .await
                .expect("JSON")
        }
    };
    for _ in 0..3 {
        let shown = continued().await;
        assert_eq!(shown["round"], 2, "{shown:#}");
    }
    let (question, _) = place.question(&task).await;
    let why = refused(&place, "task continue T-1 And more").await;
    assert!(why.contains("T-1 is waiting"), "{why}");
    place.answer(&task, &question, "yes").await;
    has_gone(&place, &task, 2).await;
    let shown = continued().await;
    assert_eq!(
        (&shown["round"], &shown["state"]),
        (&2.into(), &"done".into())
    );
    for line in [
        "task continue",
        "task continue T-1",
        "task continue T-9 More",
    ] {
        refused(&place, line).await;
    }
    assert_eq!(place.show(&task).await["round"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_after_another_starts_from_its_branch_once_it_is_done() {
    let script = "if [ \"$VINE_TASK\" = T-1 ]; then vine ask 'Go on?' > one.txt; else cat one.txt > two.txt; fi";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    place.task("One", "x").await;
    let (question, _) = place.question("T-1").await;
    let made = place.say("task new Two --after T-1").await;
    assert_eq!(
        (&made["state"], &made["waits_for"]),
        (&"queued".into(), &"T-1".into()),
        "{made:#}"
    );
    let why = place.say("task explain T-2").await["explanation"].to_string();
    assert!(
        why.contains("T-2 starts from the branch of T-1 once T-1 is done"),
        "{why}"
    );
    place.say("task priority high T-2").await;
    let why = refused(&place, "task retry T-2").await;
    assert!(why.contains("T-2 is queued and cannot be retried"), "{why}");
    place.answer("T-1", &question, "forward").await;
    let second = place.wait("T-2", "done").await;
    assert_eq!(second["waits_for"], Value::Null);
    let branch = second["branch"].as_str().expect("a name");
    assert_eq!(second["base"], place.show("T-1").await["branch"]);
    assert_eq!(
        git(&place.repo, &["show", &format!("{branch}:two.txt")]),
        "forward"
    );
    // One that is done already is not waited for; one of another repository is not taken.
    let third = place.say("task new Three --after T-2").await;
    assert_eq!(third["base"], second["branch"]);
    place.wait("T-3", "done").await;
    place
        .say(&format!("repo add other {}", path(&place.repo)))
        .await;
    let why = refused(&place, "task new Four --repo other --after T-1").await;
    assert!(why.contains("T-1 belongs to another repository"), "{why}");
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_thread_goes_on_when_it_is_asked_to_and_never_for_thanks() {
    let channel = Channel::new(Agent::Script(ROUNDS)).await;
    let place = &channel.place;
    let (task, root) = channel.task("Paint").await;
    place.wait(&task, "done").await;
    let card = root.as_str();
    let root = Some(card);
    let mention = |words: &str| format!("<@{BOT_USER}> {words}");
    // Written before the end was seen: it is asked about.
    channel
        .say("U0ANN", &mention("Use brass for the handle"), root)
        .await;
    channel
        .whispers("U0ANN", "nobody works on “Use brass for the handle” yet")
        .await;
    a_minute_later(place);
    for words in [
        "Thanks!",
        "great work, thank you",
        "👍",
        "<@U0BEN> please have a look",
    ] {
        channel.say("U0ANN", words, root).await;
        channel.say("U0ANN", &mention(words), root).await;
    }
    channel
        .say("U0BEN", &mention("Now paint the roof, too"), root)
        .await;
    channel.whispers("U0BEN", "`[[people]]`").await;
    assert_eq!(place.show(&task).await["round"], 1);
    channel
        .say("U0ANN", &mention("Now paint the roof, too"), root)
        .await;
    channel.whispers("U0ANN", "continues: round 2").await;
    has_gone(place, &task, 2).await;
    channel.hears("continues* (round 2) for Ann").await;
    // The card's button.
    channel.hears("Done · round 2").await;
    channel.click("U0ANN", card, "vine_write").await;
    let view = channel.modal().await;
    assert_eq!(view["title"]["text"], "What to do next");
    channel.submit(&view, &[("words:0", "And the fence")]).await;
    let third = has_gone(place, &task, 3).await;
    let branch = third["branch"].as_str().expect("a name");
    let told = git(&place.repo, &["show", &format!("{branch}:round-3.txt")]);
    assert_eq!(told, "And the fence");
    // On the page too.
    let login = place.shell(&["login"]);
    let page = Browser::log_in(login.split_whitespace().next().expect("a link")).await;
    let shown = page.page(&format!("/tasks/{task}")).await;
    assert!(shown.contains("Diff of round 3"), "{shown}");
    let form = [("text", "And the gate")];
    let path = format!("/tasks/{task}/continue");
    assert_eq!(page.send(&path, &form, "same-origin").await, 303);
    has_gone(place, &task, 4).await;
    // Where any words do, no mention is needed; thanks still begin nothing.
    let administer = place.client();
    let order = serde_json::json!({ "words": ["repo", "set", "site", "--followups", "words"] });
    administer
        .post::<_, Value>("/commands", &order)
        .await
        .expect("set");
    a_minute_later(place);
    channel.say("U0ANN", "Thank you so much", root).await;
    channel.say("U0ANN", "Oil the hinges as well", root).await;
    let fifth = has_gone(place, &task, 5).await;
    assert_eq!(fifth["attempts"].as_array().map(Vec::len), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_an_answer_that_comes_late_is_asked_about_if_it_may_be_a_round() {
    let script = "if [ \"$VINE_ROUND\" = 1 ]; then vine ask 'Which colour?' > answer.txt; fi; echo \"$VINE_ROUND\" >> rounds.txt";
    let questions = "expire_after_seconds = 1\n";
    let channel = Channel::with_questions(Agent::Script(script), questions).await;
    let place = &channel.place;
    let (task, root) = channel.task("Paint").await;
    place.wait(&task, "done").await;
    a_minute_later(place);
    let words = format!("<@{BOT_USER}> Use the blue that we have in the cellar");
    channel.say("U0ANN", &words, Some(&root)).await;
    channel.whispers("U0ANN", "*Q-1* Which colour?").await;
    assert_eq!(place.show(&task).await["round"], 1);
    // Without a mention they can only be the answer.
    channel.say("U0ANN", "a dark blue", Some(&root)).await;
    place
        .wait_for(PATIENCE, &task, "the answer counts", |shown| {
            shown["questions"][0]["state"] != "expired" && shown["state"] == "done"
        })
        .await;
    assert_eq!(place.show(&task).await["round"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_round_that_nobody_has_begun_is_taken_back() {
    let channel = Channel::new(Agent::Script(ROUNDS)).await;
    let place = &channel.place;
    let (task, root) = channel.task("Paint").await;
    let before = place.wait(&task, "done").await;
    a_minute_later(place);
    place.say("queue pause").await;
    let mention = |words: &str| format!("<@{BOT_USER}> {words}");
    channel
        .say("U0ANN", &mention("Paint the roof, too"), Some(&root))
        .await;
    channel.whispers("U0ANN", "continues: round 2").await;
    let state = channel.wait("it is told", |_| true).await;
    let told = state["ephemerals"].as_array().and_then(|all| all.last());
    let told = told.expect("just seen")["ts"]
        .as_str()
        .expect("a place")
        .to_owned();
    channel.click("U0ANN", &told, "vine_pick_0").await;
    let after = place.wait(&task, "done").await;
    assert_eq!(after["report"], before["report"], "it is as it was");
    channel
        .hears("took back round 2. T-1 is done, as before")
        .await;
    place.say("queue resume").await;
    // An old button does nothing to a later round.
    place.say("task continue T-1 And the fence").await;
    has_gone(place, &task, 3).await;
    channel.click("U0ANN", &told, "vine_pick_0").await;
    channel.whispers("U0ANN", "T-1 is in round 3").await;
    let over = place.show(&task).await;
    assert_eq!(
        (&over["state"], &over["round"]),
        (&"done".into(), &3.into())
    );
    // Somebody corrects what the round was begun with.
    place.say("queue pause").await;
    a_minute_later(place);
    let ts = channel
        .say("U0ANN", &mention("Now paint the gate in blue"), Some(&root))
        .await;
    channel.whispers("U0ANN", "continues: round 4").await;
    let edit = serde_json::json!({ "user": "U0ANN", "channel": channel.id, "ts": ts, "text": mention("Now paint the gate in red") });
    channel.act("edit", edit).await;
    place
        .wait_for(PATIENCE, &task, "the correction is a note", |shown| {
            shown["notes"]
                .to_string()
                .contains("Correction of the request of round 4: Now paint the gate in red")
        })
        .await;
    place.say("queue resume").await;
    has_gone(place, &task, 4).await;
}
