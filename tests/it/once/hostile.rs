//! Whatever people and agents write is shown as words. Every field that they can write holds
//! something that would like to run; a real browser looks at all of it.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Agent, PATIENCE, Place, Sections};

/// What has worked somewhere: tags, attributes, broken-out titles and scripts, links of other
/// schemes, Markdown that makes them.
const CORPUS: [&str; 12] = [
    "<script>pwned()</script>",
    "\"><img src=x onerror=pwned()>",
    "'><svg/onload=pwned()>",
    "</title></textarea></pre></script><script>pwned()</script>",
    "[click](javascript:pwned())",
    "[click](JaVaScRiPt:pwned() \"x\" onmouseover=\"pwned()\")",
    "![x](x\" onerror=\"pwned())",
    "<javascript:pwned()>",
    "[click](data:text/html,<script>pwned()</script>)",
    "`</code><img src=x onerror=pwned()>`",
    "&lt;img src=x onerror=pwned()&gt; &#60;script&#62;pwned()",
    "{{constructor.constructor('pwned()')()}} ${pwned()}",
];

/// Says, writes and asks all of it.
const AGENT: &str = r#"cat corpus.txt
cp corpus.txt 'a<img src=x onerror=pwned()>.txt'
git add -A >/dev/null 2>&1
vine ask "$(cat corpus.txt)" --option "<img src=x onerror=pwned()>" --option "\"><script>pwned()</script>"
cat corpus.txt"#;

fn corpus() -> String {
    CORPUS.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_shows_hostile_words_in_every_field_as_words() {
    let environment = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set; `tests/run` installs a browser and sets it")
        })
    };
    let (driver, chromium) = (
        environment("VINE_TEST_BROWSER"),
        environment("VINE_TEST_CHROMIUM"),
    );
    let people = "[[people]]\nname = \"<img src=x onerror=pwned()>\"\nrole = \"operator\"\nmatrix = \"@a:x\"\n";
    let mut place = Place::with_sections(
        Agent::Script(AGENT),
        Sections {
            more: people,
            ..Sections::default()
        },
    )
    .await;
    std::fs::write(place.repo.join("corpus.txt"), corpus()).expect("written");
    crate::harness::git(&place.repo, &["add", "--all"]);
    crate::harness::git(
        &place.repo,
        &["commit", "--quiet", "--message", "<script>pwned()</script>"],
    );
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 2).await;

    let mut tasks = Vec::new();
    for (number, words) in CORPUS.iter().enumerate() {
        let new = json!({
            "title": format!("{words} {number}"), "prompt": corpus(), "branch": format!("b{number}<img/src=x/onerror=pwned()>"),
        });
        let task: Value = place.client().post("/tasks", &new).await.expect("created");
        tasks.push(task["id"].as_str().expect("an id").to_owned());
    }
    // Some have come to their end, with answers in own words; some are open; one failed, on a base
    // of that kind.
    let (done, noted) = (tasks[0].clone(), tasks[1].clone());
    let (question, _) = place.question(&done).await;
    place.answer(&done, &question, &corpus()).await;
    place.wait(&done, "done").await;
    place.question(&noted).await;
    let _refused = place
        .try_say(&format!("task show {}", CORPUS[1].replace(' ', "_")))
        .await;
    let failing = json!({ "title": "fails", "prompt": "x", "base": "no<script>pwned()</script>" });
    let failed: Value = place
        .client()
        .post("/tasks", &failing)
        .await
        .expect("created");
    tasks.push(failed["id"].as_str().expect("an id").to_owned());
    place
        .wait_for(PATIENCE, tasks.last().expect("one"), "it failed", |task| {
            task["state"] == "failed"
        })
        .await;

    let login = place.shell(&["login"]);
    let link = login.split_whitespace().next().expect("a link");
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/browser/hostile.mjs"))
        .arg(link)
        .args(&tasks);
    command
        .env("VINE_TEST_BROWSER", driver)
        .env("VINE_TEST_CHROMIUM", chromium)
        .kill_on_drop(true);
    let looked = tokio::time::timeout(Duration::from_secs(180), command.output())
        .await
        .expect("it ends")
        .expect("node runs");
    assert!(
        looked.status.success(),
        "{}",
        String::from_utf8_lossy(&looked.stderr)
    );
    let found: Value = serde_json::from_slice(&looked.stdout).expect("JSON");
    for kind in ["executed", "dangerous", "errors", "foreign"] {
        assert_eq!(found[kind], json!([]), "{kind}: {found:#}");
    }
    // The words did stand there: a page that shows nothing is safe and no proof.
    let seen = found["seen"].as_array().expect("a list");
    for screen in ["/", "/tasks", "/questions", "/queues", "/settings", "reply"] {
        assert!(
            seen.iter().any(|one| one == screen),
            "{screen} shows none of it: {found:#}"
        );
    }
    assert!(
        seen.iter()
            .filter(|one| one.as_str().is_some_and(|one| one.starts_with("/tasks/")))
            .count()
            == tasks.len(),
        "{found:#}"
    );
}
