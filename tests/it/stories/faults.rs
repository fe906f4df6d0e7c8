//! A fault has an owner: what is wrong with a place costs no task, is seen, and ends by itself.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, make_repository, path, usual_or_long};

impl Place {
    /// Waits until the worker is in that state; how it is then.
    async fn worker_in(&self, name: &str, state: &str) -> Value {
        for _ in 0..300 {
            let fleet = self.say("worker list").await;
            let shown = fleet.as_array().expect("a list").iter();
            if let Some(shown) = shown
                .clone()
                .find(|one| one["name"] == name && one["state"] == state)
            {
                return shown.clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{name} is not {state}")
    }

    /// How many agents were started for these tasks.
    async fn attempts(&self, tasks: &[String]) -> u64 {
        let mut attempts = 0;
        for task in tasks {
            attempts += self.show(task).await["epoch"].as_u64().expect("a number");
        }
        attempts
    }
}

fn words(value: &Value) -> &str {
    value.as_str().expect("words")
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_worker_with_a_wrong_key_beside_a_good_one_costs_no_task() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let wrong = ("\"dummy\"", "\"wrong-key\"");
    let _bad = place.worker_with("w-bad", 1, wrong).await;
    let count = usual_or_long(12, 100);
    let mut tasks = Vec::new();
    for number in 0..count {
        tasks.push(
            place
                .task(&format!("Task {number}"), "MODEL: finish Done.")
                .await,
        );
    }
    let bad = place.worker_in("w-bad", "ERROR").await;
    assert!(
        words(&bad["trouble"]).contains("rejected the agent's credentials"),
        "{bad:#}"
    );
    let _good = place.worker("w-good", 4).await;
    for task in &tasks {
        let done = place.wait(task, "done").await;
        let last = done["attempts"].as_array().expect("a list").last().cloned();
        assert_eq!(last.expect("one")["worker_name"], "w-good", "{done:#}");
        assert_eq!(done["failures"], 0);
    }
    assert_eq!(place.say("queue dead").await, serde_json::json!([]));
    let attempts = place.attempts(&tasks).await;
    assert!(
        attempts <= count as u64 + 1,
        "the bad one met one task, then looked without any: {attempts} attempts"
    );
    let hit = place.thread(&tasks[0]).await;
    assert_eq!(
        hit.matches("nothing is wrong with the task").count(),
        1,
        "{hit}"
    );
    let status = place.shell(&["status"]);
    assert!(
        status.contains("w-bad is unhealthy: The model service rejected"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_while_the_models_service_is_away_no_task_dies_and_no_agent_runs_for_nothing() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    place.model.set_away(Some(529));
    let mut tasks = Vec::new();
    for number in 0..4 {
        tasks.push(
            place
                .task(&format!("Task {number}"), "MODEL: finish Done.")
                .await,
        );
    }
    let ill = place.worker_in("w-1", "ERROR").await;
    assert!(words(&ill["trouble"]).contains("no capacity"), "{ill:#}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        place.attempts(&tasks).await,
        1,
        "one met it, the others wait"
    );
    let why = place.say(&format!("task explain {}", tasks[3])).await;
    assert!(
        words(&why["explanation"]).contains("w-1 is ERROR"),
        "{why:#}"
    );
    place.model.set_away(None);
    for task in &tasks {
        let done = place.wait(task, "done").await;
        assert_eq!(done["failures"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_stops_no_other_and_its_tasks_wait_for_it() {
    let (place, _processes) = Place::new(Agent::Script("echo fine")).await.at_work().await;
    let other = place.folder.path().join("shop");
    make_repository(&other);
    place
        .say(&format!("repo add shop {} --base main", path(&other)))
        .await;
    let away = place.folder.path().join("elsewhere");
    fs::rename(&place.repo, &away).expect("moved");
    let mut lost = Vec::new();
    for title in ["One", "Two"] {
        let made = place.say(&format!("task new {title} --repo site")).await;
        lost.push(words(&made["id"]).to_owned());
    }
    let made = place.say("task new Three --repo shop").await;
    place.wait(words(&made["id"]), "done").await;
    let worker = place.say("worker show w-1").await;
    assert_eq!(worker["state"], "IDLE", "{worker:#}");
    assert_eq!(worker["paused_repos"][0]["repo"], "site", "{worker:#}");
    assert!(
        words(&worker["paused_repos"][0]["why"]).contains("no such folder"),
        "{worker:#}"
    );
    assert_eq!(
        place.attempts(&lost).await,
        1,
        "one met it, the other waits"
    );
    let status = place.shell(&["status"]);
    assert!(
        status.contains("w-1 is unhealthy: takes no tasks of `site`"),
        "{status}"
    );
    fs::rename(&away, &place.repo).expect("moved back");
    for task in &lost {
        let done = place.wait(task, "done").await;
        assert_eq!(done["failures"], 0);
    }
    assert_eq!(place.say("queue dead").await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_missing_is_an_error_of_its_worker_and_is_found_when_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("claude");
    let command = format!("command = [\"{}\"]\n", path(&program));
    let (place, _processes) = Place::with_config(Agent::Claude, &command)
        .await
        .at_work()
        .await;
    let task = place.task("Wait", "MODEL: finish Done.").await;
    let ill = place.worker_in("w-1", "ERROR").await;
    assert!(
        words(&ill["trouble"]).contains("npm install -g @anthropic-ai/claude-code"),
        "{ill:#}"
    );
    assert_eq!(place.show(&task).await["epoch"], 0, "nothing was tried");
    std::os::unix::fs::symlink(crate::harness::claude(), &program).expect("installed");
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fills_the_disk_makes_two_workers_ill_at_most() {
    let script = "case \"$VINE_TITLE\" in Fill) sleep 1; head -c 100M /dev/zero > big; exit 1;; esac; echo fine";
    let mut place = Place::with_worker(Agent::Script(script), "min_free_mb = 20\n").await;
    let _daemon = place.daemon().await;
    let mut workers = Vec::new();
    for number in 1..=5 {
        workers.push(place.worker_on_small_disk(&format!("w-{number}"), 64).await);
    }
    let fill = place.task("Fill", "fill").await;
    place.wait(&fill, "running").await;
    let mut others = Vec::new();
    for number in 0..20 {
        others.push(place.task(&format!("Task {number}"), "small").await);
    }
    let dead = place.wait(&fill, "failed").await;
    assert_eq!(dead["failure"]["kind"], "makes_ill", "{dead:#}");
    assert!(
        words(&dead["failure"]["message"]).contains("This worker's disk is full"),
        "{dead:#}"
    );
    assert_eq!(
        dead["attempts"].as_array().map(Vec::len),
        Some(2),
        "{dead:#}"
    );
    for task in &others {
        place.wait(task, "done").await;
    }
    let mut ill = 0;
    for _ in 0..50 {
        let fleet = place.say("worker list").await;
        let all = fleet.as_array().expect("a list").iter();
        ill = all.filter(|one| one["state"] == "ERROR").count();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ill, 2, "after five seconds, in which each has beaten");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_dead_tasks_are_counted_before_they_are_replayed_or_discarded() {
    let (place, _processes) = Place::new(Agent::Script("echo fine")).await.at_work().await;
    let mut dead = Vec::new();
    for number in 0..12 {
        let made = place
            .say(&format!("task new Task-{number} --base nowhere"))
            .await;
        dead.push(words(&made["id"]).to_owned());
    }
    for task in &dead {
        place.wait(task, "failed").await;
    }
    let told = place.shell(&["queue", "replay", "--kind", "base_missing"]);
    assert!(
        told.contains("12 dead letters: T-12, T-11") && told.contains("and 2 more"),
        "{told}"
    );
    assert!(
        told.contains("run `vine queue replay --kind base_missing --confirm 12` to do it"),
        "{told}"
    );
    let wrong = place.say("queue replay --all --confirm 11").await;
    assert_eq!(
        wrong["count"], 12,
        "nothing that was not counted is decided"
    );
    let other = place.try_shell(&["queue", "discard", "--kind", "git", "--confirm", "1"]);
    assert!(
        other.expect_err("refused").contains("base_missing"),
        "what there is"
    );
    assert!(
        place
            .try_shell(&["queue", "replay", "--confirm", "12"])
            .is_err(),
        "which?"
    );
    let listed = async || place.say("queue dead").await.as_array().map(Vec::len);
    assert_eq!(listed().await, Some(12), "nothing has changed yet");
    crate::harness::git(&place.repo, &["branch", "nowhere"]);
    let told = place.shell(&[
        "queue",
        "replay",
        "--kind",
        "base_missing",
        "--confirm",
        "12",
    ]);
    assert!(told.contains("12 tasks queued again"), "{told}");
    assert_eq!(listed().await, Some(0));
    for task in &dead {
        place.wait(task, "done").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_an_attempt_cost_is_known_however_it_ended() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 5\n")
        .await
        .at_work()
        .await;
    let paid = |shown: &Value| {
        let usage = &shown["attempts"][0]["usage"];
        usage["input_tokens"].as_u64().unwrap_or(0) > 0
    };
    let cancelled = place.task("Cancelled", "MODEL: ask Which? | a | b").await;
    place.question(&cancelled).await;
    place.say(&format!("task cancel {cancelled}")).await;
    let shown = place
        .wait_for(PATIENCE, &cancelled, "its cost is known", paid)
        .await;
    assert_eq!(shown["attempts"][0]["outcome"], "cancelled");
    let parked = place.task("Parked", "MODEL: ask Which? | a | b").await;
    let shown = place
        .wait_for(
            PATIENCE,
            &parked,
            "it is parked and its cost is known",
            |shown| shown["attempts"][0]["outcome"] == "parked" && paid(shown),
        )
        .await;
    assert_eq!(shown["state"], "waiting");
    let mut told = 0.0;
    for _ in 0..150 {
        let url = format!("{}/metrics", place.client().base());
        let page = crate::harness::visitor::Browser::client()
            .get(url)
            .send()
            .await;
        let text = page.expect("sent").text().await.expect("text");
        let tokens = text
            .lines()
            .find_map(|line| line.strip_prefix("vine_spent_tokens "));
        told = tokens
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0);
        if told > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(told > 0.0, "it is read again every ten seconds");
}
