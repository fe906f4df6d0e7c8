//! The page in a real browser: a person's day, as `browser/day.mjs` lives it. Pictures of every
//! screen are kept in `target/screenshots`, for people to look at.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Agent, Place, path, visitor::up};

/// Asks with options, and then without.
const AGENT: &str =
    "plant=$(vine ask 'Which plant should it be of?' --option Hornbeam --option Beech)
name=$(vine ask 'What should it be called?')
echo \"$name, of $plant\" > hedge.md";

async fn day(look: &str) {
    let environment = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set; `tests/run` installs a browser and sets it")
        })
    };
    let driver = environment("VINE_TEST_BROWSER");
    let place = Place::new(Agent::Script(AGENT)).await;
    let (_process, link, _) = up(&place, &[]).await;
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    fs::create_dir_all(&pictures).expect("a folder");
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/browser/day.mjs"))
        .args([&link, path(&pictures), look]);
    command
        .env("VINE_TEST_BROWSER", driver)
        .env("VINE_TEST_CHROMIUM", environment("VINE_TEST_CHROMIUM"))
        .kill_on_drop(true);
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
