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

use vine_api::{AppendLog, Claim, Client, PostQuestion, PostedQuestion};
use vine_domain::{
    Ask,
    attempt::Attempt,
    clock::{Ids as _, System},
    question::Item,
};

use crate::harness::{Agent, Place, api::enrolled, path, visitor::up};

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

/// A worker that only the test moves.
struct HandWorker {
    client: Client,
    attempt: Attempt,
}

impl HandWorker {
    async fn claims(place: &Place) -> Self {
        let client = enrolled(place, 1).await;
        let claim = Claim {
            slots: 1,
            wait: 10.0,
            except_repos: Vec::new(),
        };
        let claimed = client.claim(&claim).await.expect("claimed");
        let attempt = claimed.assignments[0].attempt;
        Self { client, attempt }
    }

    async fn asks(&self, ask: Ask) {
        let asked = PostQuestion {
            attempt: self.attempt,
            key: System.uuid(),
            session: None,
            call: "call".into(),
            ask,
            context: "Here is what I want to write.".into(),
        };
        let posted = self
            .client
            .post::<_, PostedQuestion>("/questions", &asked)
            .await;
        posted.expect("asked");
    }
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
    let item = Item {
        question: "Which of the two?".into(),
        header: String::new(),
        options: Vec::new(),
        multi: false,
    };
    Ask::Clarify { items: vec![item] }
}

/// One more message of the agent in the thread, and once another question.
async fn change(worker: &HandWorker, number: usize) {
    let said = AppendLog {
        attempt: worker.attempt,
        lines: vec![format!("Note number {number}")],
        tell: true,
        of_agent: false,
    };
    let told = worker.client.post::<_, Value>("/queue/log", &said).await;
    told.expect("told");
    if number == 1 {
        worker.asks(which()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_nothing_that_somebody_reads_or_types_is_touched_whatever_happens() {
    let mut place = Place::new(Agent::Script("true")).await;
    let mut daemon = Some(place.daemon().await);
    let task = place.task("Paint it", "Paint it.").await;
    let worker = HandWorker::claims(&place).await;
    worker.asks(write_lines()).await;
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
