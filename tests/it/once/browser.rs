//! The page in a real browser: a person's day, as `browser/day.mjs` lives it. Pictures of every
//! screen are kept in `target/screenshots`, for people to look at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use vine_domain::Ask;

use crate::harness::{
    Agent, Place,
    hand_worker::{HandWorker, bash, item},
    path,
    visitor::up,
};

/// Asks with options, and then without.
const AGENT: &str =
    "plant=$(vine ask 'Which plant should it be of?' --option Hornbeam --option Beech)
name=$(vine ask 'What should it be called?')
echo \"$name, of $plant\" > hedge.md";

/// Where pictures are kept.
fn pictures() -> PathBuf {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    fs::create_dir_all(&pictures).expect("a folder");
    pictures
}

/// A script that drives the browser.
fn browser(script: &str) -> Command {
    let environment = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set; `tests/run` installs a browser and sets it")
        })
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/browser");
    let mut command = Command::new("node");
    command.arg(scripts.join(script));
    command
        .env("VINE_TEST_BROWSER", environment("VINE_TEST_BROWSER"))
        .env("VINE_TEST_CHROMIUM", environment("VINE_TEST_CHROMIUM"))
        .kill_on_drop(true);
    command
}

async fn day(look: &str) {
    let place = Place::new(Agent::Script(AGENT)).await;
    let (_process, link, _) = up(&place, &[]).await;
    let mut command = browser("day.mjs");
    command.args([&link, path(&pictures()), look]);
    let lived = tokio::time::timeout(Duration::from_secs(150), command.output())
        .await
        .expect("a day ends")
        .expect("node runs");
    assert!(
        lived.status.success(),
        "{}",
        String::from_utf8_lossy(&lived.stderr)
    );
    let found: Value = serde_json::from_slice(&lived.stdout).expect("JSON");
    assert_eq!(
        found,
        json!({ "errors": [], "foreign": [], "violations": [], "wide": [] }),
        "{found:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_day_in_the_light() {
    day("light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_day_in_the_dark() {
    day("dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_day_on_a_phone() {
    day("phone").await;
}

/// A file of 2,000 lines.
fn write_lines() -> Ask {
    let lines: Vec<String> = (1..=2_000).map(|line| format!("+ line {line}")).collect();
    Ask::Permission {
        tool: "Write".into(),
        what: lines.join("\n"),
        why: "It is needed.".into(),
        rules: Vec::new(),
    }
}

fn which() -> Ask {
    Ask::Clarify {
        items: vec![item("Which of the two?", &[], false)],
    }
}

/// One more message of the agent in the thread, and once another question.
async fn change(worker: &HandWorker, number: usize) {
    worker.says(0, &format!("Note number {number}")).await;
    if number == 1 {
        worker.asks(0, which()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_nothing_that_somebody_reads_or_types_is_touched_whatever_happens() {
    let mut place = Place::new(Agent::Script("true")).await;
    let mut daemon = Some(place.daemon().await);
    let task = place.task("Paint it", "Paint it.").await;
    let worker = HandWorker::claims(&place, 1).await;
    worker.asks(0, write_lines()).await;
    let login = |place: &Place| {
        let said = place.shell(&["login"]);
        said.split_whitespace().next().expect("a link").to_owned()
    };
    let mut command = browser("still.mjs");
    command.args([&login(&place), &task, path(&pictures())]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("node runs");
    let mut stdin = running.stdin.take().expect("piped");
    let mut lines = BufReader::new(running.stdout.take().expect("piped")).lines();
    let mut changes = 0;
    let lived = async {
        while let Some(line) = lines.next_line().await.expect("read") {
            let reply = match line.strip_prefix("please ") {
                None => return line,
                Some("change") => {
                    changes += 1;
                    change(&worker, changes).await;
                    String::new()
                }
                Some("kill") => {
                    daemon.take().expect("a daemon").kill();
                    String::new()
                }
                Some("start") => {
                    daemon = Some(place.daemon().await);
                    String::new()
                }
                Some(_) => login(&place),
            };
            let reply = format!("{reply}\n");
            stdin.write_all(reply.as_bytes()).await.expect("written");
        }
        "it said nothing".to_owned()
    };
    let found = tokio::time::timeout(Duration::from_secs(170), lived).await;
    assert_eq!(
        found.expect("a day ends"),
        json!({ "lost": [] }).to_string()
    );
    place.told(&task, "But only if Ann agrees").await;
}

/// A day's questions: T-1's was decided yesterday, T-2 to T-7 ask now, T-7 the same as T-3, and T-8 is
/// queued while the queue is paused.
async fn five(how: &str) {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    for title in [
        "Licence",
        "Paint",
        "Clean",
        "Stack",
        "Dark mode",
        "Light mode",
        "Clean too",
    ] {
        place.task(title, "Do it.").await;
    }
    let worker = HandWorker::claims(&place, 7).await;
    let plan = |steps: &str| Ask::Plan {
        plan: format!("# A plan\n{steps}"),
    };
    let stack = vec![
        item("Which database?", &["PostgreSQL", "SQLite"], false),
        item("Which features?", &["Auth", "Export", "Themes"], true),
    ];
    let one = |question: &str, options: &[&str]| Ask::Clarify {
        items: vec![item(question, options, false)],
    };
    let asks = [
        one("Which licence?", &["MIT", "Apache"]),
        one("Which colour?", &["Red", "Blue"]),
        bash("rm -rf build"),
        Ask::Clarify { items: stack },
        plan("1. Add a switch\n2. Store the choice"),
        plan("1. Take the switch out again"),
        bash("rm -rf build"),
    ];
    for (which, ask) in asks.into_iter().enumerate() {
        worker.asks(which, ask).await;
    }
    place.answer("T-1", "Q-1", "MIT").await;
    let day = 24 * 3600 * 1000;
    place.base.sql(&format!(
        "UPDATE questions SET asked_at = asked_at - {day} WHERE id = 1"
    ));
    place.base.sql(&format!(
        "UPDATE answers SET at = at - {day} WHERE question = 1"
    ));
    place.say("queue pause").await;
    place.task("Why", "Do it.").await;
    let login = place.shell(&["login"]);
    let link = login.split_whitespace().next().expect("a link");
    let mut command = browser("five.mjs");
    command.args([link, path(&pictures()), how]);
    let lived = tokio::time::timeout(Duration::from_secs(150), command.output())
        .await
        .expect("a day ends")
        .expect("node runs");
    assert!(
        lived.status.success(),
        "{}",
        String::from_utf8_lossy(&lived.stderr)
    );
    let found: Value = serde_json::from_slice(&lived.stdout).expect("JSON");
    assert_eq!(found, json!({ "wrong": [] }), "{found:#}");
    let mut decisions = Vec::new();
    for task in 2..=7 {
        let shown = place.show(&format!("T-{task}")).await;
        decisions.push(shown["questions"][0]["answer"]["decision"].clone());
    }
    assert_eq!(decisions[0]["labels"], json!([["Blue"]]));
    assert_eq!(
        decisions[1],
        json!({ "decision": "allow", "session": false })
    );
    assert_eq!(
        decisions[2]["labels"],
        json!([["SQLite"], ["Auth", "Themes"]])
    );
    assert_eq!(decisions[3]["decision"], "approve");
    assert_eq!(decisions[4]["decision"], "send_back");
    assert_eq!(decisions[5], decisions[1], "one press for both");
    let back = decisions[4]["words"].to_string();
    let quoted = "> line 2: 1. Take the switch out again\\nNot in this version.";
    match how {
        "phone" => assert!(back.contains(quoted), "{back}"),
        _ => assert!(back.contains("Without step 2."), "{back}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_five_things_of_a_day_by_keyboard_alone() {
    five("keyboard").await;
    // The pictures in the README: `VINE_PICTURES=write` makes them anew.
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    for name in ["overview", "overview-dark"] {
        let made = pictures().join(format!("five-keyboard-{name}.png"));
        let shown = readme.join(format!("{name}.png"));
        if std::env::var("VINE_PICTURES").is_ok_and(|wish| wish == "write") {
            fs::create_dir_all(&readme).expect("a folder");
            fs::copy(&made, &shown).expect("copied");
        }
        // The eight bytes that each PNG begins with, and its size.
        let head = |file: &Path| fs::read(file).map(|bytes| bytes[..24].to_vec());
        let (made, shown) = (
            head(&made).expect("made"),
            head(&shown).expect("in docs/pictures"),
        );
        assert_eq!(
            made, shown,
            "{name}: write it anew with VINE_PICTURES=write"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_five_things_of_a_day_on_a_phone() {
    five("phone").await;
}
