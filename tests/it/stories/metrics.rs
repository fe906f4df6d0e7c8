//! Numbers that only real processes make: who was refused at the door, what a worker's disk holds,
//! and that `/metrics` is what Prometheus reads.

use std::{collections::BTreeSet, fs, path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::harness::{
    Agent, Place,
    numbers::Numbers,
    path,
    visitor::{Browser, up},
};

async fn read(base: &str) -> Numbers {
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(format!("{base}/metrics"))
        .send()
        .await
        .expect("sent");
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    Numbers::read(&answer.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_is_counted_by_the_reason() {
    let place = Place::new(Agent::Script("true")).await;
    let (_process, link, _) = up(&place, &[]).await;
    let base = link.split("/login").next().expect("an address");
    let before = read(base).await;
    let why = |why: &str| format!("vine_auth_denied_total{{why=\"{why}\"}}");
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let get = |path: &str| http.get(format!("{base}{path}"));
    assert_eq!(
        get("/api/v1/tasks").send().await.expect("sent").status(),
        401
    );
    assert_eq!(
        get("/api/v1/tasks")
            .bearer_auth(format!("avu_{}", "0".repeat(64)))
            .send()
            .await
            .expect("sent")
            .status(),
        401
    );
    assert_eq!(
        get("/login?code=avl_wrong")
            .send()
            .await
            .expect("sent")
            .status(),
        401
    );
    assert_eq!(
        get("/login")
            .header("host", "evil.example")
            .send()
            .await
            .expect("sent")
            .status(),
        403
    );
    // What needs no token is nobody's either who was led here under another name.
    let open = [
        "/metrics",
        "/livez",
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/docs/",
    ];
    for path in open {
        let named = get(path).header("host", "evil.example:80").send().await;
        assert_eq!(named.expect("sent").status(), 403, "{path}");
        assert_eq!(
            get(path).send().await.expect("sent").status(),
            200,
            "{path}"
        );
    }
    let browser = Browser::log_in(&link).await;
    assert_eq!(
        browser
            .send("/command", &[("line", "status")], "cross-site")
            .await,
        403
    );
    let after = read(base).await;
    for (reason, times) in [
        ("token", 2.0),
        ("login", 1.0),
        ("host", 6.0),
        ("cross_site", 1.0),
        ("role", 0.0),
    ] {
        assert_eq!(after.since(&before, &why(reason)), times, "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_worktrees_take_is_told_by_their_worker() {
    let mut place = Place::new(Agent::Script(
        "head -c 3000000 /dev/zero > large.bin; vine ask 'Keep it?'",
    ))
    .await;
    let _daemon = place.daemon().await;
    let base = place.client().base().to_owned();
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Large", "large").await;
    place.question(&task).await;
    drop(worker);
    // It measures when it starts, and tells it with one of its first beats.
    let _again = place.worker("w-1", 1).await;
    for _ in 0..300 {
        if read(&base).await.of("vine_worktree_bytes") >= 3_000_000.0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!(
        "nothing was told: {}",
        read(&base).await.of("vine_worktree_bytes")
    );
}

/// Names of metrics in a text: of ours, without what the text format adds to histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("vine_"));
    let bare = |word: &str| {
        ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word)
            .to_owned()
    };
    words.map(bare).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_what_there_is_and_the_dashboard_shows_all_of_it() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let text = http
        .get(format!("{}/metrics", place.client().base()))
        .send()
        .await
        .expect("sent")
        .text()
        .await
        .expect("text");
    let typed = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect::<Vec<_>>()
        .join("\n");
    let mut known = names(&typed);
    // Those of platforms are there as soon as a platform is.
    known.extend(
        ["posted", "indoubt", "duplicate_posts"].map(|what| format!("vine_questions_{what}_total")),
    );
    known.extend(
        [
            "connected",
            "last_inbound_age_seconds",
            "canary_rtt_seconds",
        ]
        .map(|what| format!("vine_adapter_{what}")),
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring");
    let dashboard = fs::read_to_string(folder.join("grafana.json")).expect("read");
    let alerts = fs::read_to_string(folder.join("alerts.yaml")).expect("read");
    let asked: BTreeSet<String> = names(&dashboard).union(&names(&alerts)).cloned().collect();
    assert_eq!(
        asked.difference(&known).collect::<Vec<_>>(),
        [""; 0],
        "nobody makes these"
    );
    assert_eq!(
        known.difference(&names(&dashboard)).collect::<Vec<_>>(),
        [""; 0],
        "the dashboard does not show these"
    );
    serde_json::from_str::<Value>(&dashboard).expect("the dashboard is JSON");
}

/// What promtool has to say against a text; empty when nothing.
async fn judged(arguments: &[&str], text: &str) -> String {
    let promtool = std::env::var("VINE_TEST_PROMTOOL")
        .expect("VINE_TEST_PROMTOOL is not set; `tests/run` installs it and sets it");
    let mut command = tokio::process::Command::new(promtool);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("it runs");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes())
        .await
        .expect("written");
    let done = child.wait_with_output().await.expect("it ends");
    if done.status.success() {
        String::new()
    } else {
        format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_against_metrics_alerts_and_dashboard() {
    let (place, _processes) = Place::new(Agent::Script("vine ask 'Which?'"))
        .await
        .at_work()
        .await;
    let task = place.task("Ask", "ask").await;
    place.question(&task).await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let text = http
        .get(format!("{}/metrics", place.client().base()))
        .send()
        .await
        .expect("sent")
        .text()
        .await
        .expect("text");
    assert_eq!(judged(&["check", "metrics"], &text).await, "");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring");
    assert_eq!(
        judged(&["check", "rules", path(&folder.join("alerts.yaml"))], "").await,
        ""
    );
    // What the dashboard asks, as rules that promtool reads.
    let dashboard: Value =
        serde_json::from_slice(&fs::read(folder.join("grafana.json")).expect("read"))
            .expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let asked = panels.flat_map(|panel| {
        panel["targets"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|target| target["expr"].clone())
    });
    let rules: Vec<Value> = asked
        .enumerate()
        .map(|(number, expr)| json!({ "record": format!("q:{number}"), "expr": expr }))
        .collect();
    assert!(rules.len() > 40, "{}", rules.len());
    let file = place.folder.path().join("dashboard.yaml");
    fs::write(
        &file,
        json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string(),
    )
    .expect("written");
    assert_eq!(judged(&["check", "rules", path(&file)], "").await, "");
}
