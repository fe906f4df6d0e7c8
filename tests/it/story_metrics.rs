//! Numbers that only real processes make: who was refused at the door, what a worker's disk holds, and that `/metrics` is what
//! Prometheus reads.

use crate::harness::{
    Agent, Place,
    numbers::Numbers,
    visitor::{Browser, up},
};

async fn read(base: &str) -> Numbers {
    let answer = reqwest::Client::builder().no_proxy().build().expect("a client").get(format!("{base}/metrics")).send().await.expect("sent");
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Numbers::read(&answer.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_is_counted_by_the_reason() {
    let place = Place::new(Agent::Script("true")).await;
    let (_process, link, _) = up(&place, &[]).await;
    let base = link.split("/login").next().expect("an address");
    let before = read(base).await;
    let why = |why: &str| format!("vine_auth_denied_total{{why=\"{why}\"}}");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let get = |path: &str| http.get(format!("{base}{path}"));
    assert_eq!(get("/api/v1/tasks").send().await.expect("sent").status(), 401);
    assert_eq!(get("/api/v1/tasks").bearer_auth(format!("avu_{}", "0".repeat(64))).send().await.expect("sent").status(), 401);
    assert_eq!(get("/login?code=avl_wrong").send().await.expect("sent").status(), 401);
    assert_eq!(get("/login").header("host", "evil.example").send().await.expect("sent").status(), 403);
    let browser = Browser::log_in(&link).await;
    assert_eq!(browser.send("/command", &[("line", "status")], "cross-site").await, 403);
    let after = read(base).await;
    for (reason, times) in [("token", 2.0), ("login", 1.0), ("host", 1.0), ("cross_site", 1.0), ("role", 0.0)] {
        assert_eq!(after.since(&before, &why(reason)), times, "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_worktrees_take_is_told_by_their_worker() {
    let mut place = Place::new(Agent::Script("head -c 3000000 /dev/zero > large.bin; vine ask 'Keep it?'")).await;
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
    panic!("nothing was told: {}", read(&base).await.of("vine_worktree_bytes"));
}
