//! Nothing grows for ever: logs, lists, the database, the fleet. What was decided can be proved.

use std::{fs, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Agent, Place, Process, Sections, visitor::Browser};

/// What a process takes of memory at most since it was asked to forget, in megabytes.
fn peak_mb(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("alive");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.expect("a number") / 1024
}

/// From now on the peak is measured anew (proc(5), `clear_refs`).
fn forget_peak(process: &Process) {
    fs::write(format!("/proc/{}/clear_refs", process.pid()), "5").expect("written");
}

async fn with(script: &str, more: &str) -> (Place, Process) {
    let sections = Sections {
        more,
        ..Sections::default()
    };
    let mut place = Place::with_sections(Agent::Script(script), sections).await;
    let daemon = place.daemon().await;
    (place, daemon)
}

/// A fiftieth of the default sizes, and of 10,000 tasks.
const SCALED: &str = "[keep]\nsize_mb = 20\nattempt_log_lines = 400\nattempt_log_mb = 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn chatty_agents_stay_within_the_size_that_the_database_may_have() {
    const SIZE: u64 = 20 << 20;
    let script =
        "line=$(printf '%01900d' 7); for i in $(seq 1 450); do echo \"$i $line\"; done; echo done";
    let (place, _daemon) = with(script, SCALED).await;
    let _worker = place.worker("w-1", 4).await;
    let tasks: Vec<Value> = (0..200)
        .map(|number| json!({ "title": format!("Task {number}"), "prompt": "x".repeat(2_000), "repo": "site" }))
        .collect();
    let made: Value = place
        .client()
        .post("/tasks/bulk", &json!({ "tasks": tasks }))
        .await
        .expect("made");
    let ids = made["ids"].as_array().expect("ids").clone();
    let file = place.folder.path().join("daemon/vine.db");
    let size = || {
        let of = |end: &str| {
            let path = format!("{}{end}", file.display());
            fs::metadata(path).map_or(0, |found| found.len())
        };
        of("") + of("-wal")
    };
    let mut largest = 0;
    let last = ids.last().and_then(Value::as_str).expect("an id");
    let all = async {
        loop {
            largest = largest.max(size());
            let open: Value = place.client().get("/queue/status").await.expect("a status");
            let shown = place.show(last).await;
            if shown["state"] == "done" && !open.to_string().contains("\"running\":1") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(240), all)
        .await
        .expect("all are done in time");
    println!(
        "200 tasks with 0.8 MB of log each: {} MB at most",
        largest >> 20
    );
    assert!(largest < SIZE, "{largest}");
    // A log ends with a sentence, and what is kept is the latest.
    let log: Value = place
        .client()
        .get(&format!("/tasks/{last}/log?limit=1000"))
        .await
        .expect("a log");
    let log = log.to_string();
    assert!(
        log.contains("The log of this attempt ends here: 400 lines"),
        "{}",
        &log[..2000]
    );
    assert!(!log.contains("\"420 0"));
    // Every task is there, the first one without what belonged to it.
    let first = ids[0].as_str().expect("an id");
    assert_eq!(place.show(first).await["state"], "done");
    assert!(
        !place.log(first).await.contains("done"),
        "the oldest went first"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_line_of_the_audit_is_found() {
    let (place, _daemon) = with("vine ask 'Go?'", "").await;
    let _worker = place.worker("w-1", 1).await;
    let task = place.task("One", "x").await;
    let (question, _) = place.question(&task).await;
    place.answer(&task, &question, "Yes, go").await;
    place.wait(&task, "done").await;
    let said = place.shell(&["audit", "--json"]);
    let records: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("json"))
        .collect();
    let is = |kind: &str| records.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!(is("answer"), 1, "{said}");
    assert!(is("decision") > 3 && said.contains("Yes, go"), "{said}");
    let people = place.shell(&["audit"]);
    assert!(
        people.contains("answered Q-1 of T-1") && people.contains("allowed: admin"),
        "{people}"
    );
    let day = place.shell(&["audit", "--since", "2026-01-01", "--json"]);
    assert_eq!(
        day.lines().count(),
        records.len(),
        "looks are not among them"
    );
    assert_eq!(place.shell(&["audit", "--since", "2999-01-01"]), "");
    place
        .try_shell(&["audit", "--since", "yesterday"])
        .expect_err("no time");

    for (change, back) in [
        (
            "UPDATE answers SET decision = replace(decision, 'Yes', 'No')",
            "UPDATE answers SET decision = replace(decision, 'No', 'Yes')",
        ),
        (
            "UPDATE audit SET actor = 'Eve (api)' WHERE seq = 2",
            "UPDATE audit SET actor = 'admin (api)' WHERE seq = 2",
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE seq = 2",
            "UPDATE audit SET at = at - 1 WHERE seq = 2",
        ),
        ("UPDATE ledger SET chain = 'a' WHERE link = 3", ""),
    ] {
        place.base.sql(change);
        let found = place.try_shell(&["audit"]).expect_err(change);
        assert!(
            found.contains("the audit was changed: link"),
            "{change}: {found}"
        );
        if !back.is_empty() {
            place.base.sql(back);
            place.try_shell(&["audit"]).expect("as it was");
        }
    }
    place.base.sql("DELETE FROM ledger WHERE link = 3");
    let found = place.try_shell(&["audit"]).expect_err("one is missing");
    assert!(found.contains("link 3 is missing"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_goodbye_and_takes_no_more_than_it_is_let() {
    let (place, _daemon) = with("sleep 1; echo done", "").await;
    let (first, second) = (place.worker("w-1", 4).await, place.worker("w-2", 1).await);
    let workers = async || {
        let all = place.say("worker list").await;
        let all = all.as_array().expect("a list").clone();
        all.iter()
            .map(|one| (one["name"].to_string(), one["state"].to_string()))
            .collect::<Vec<_>>()
    };
    let is = |name: &str, state: &str| (format!("\"{name}\""), format!("\"{state}\""));
    let both = [is("w-1", "IDLE"), is("w-2", "IDLE")];
    for _ in 0..100 {
        if workers().await == both {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(workers().await, both);

    // One that stops says so; one that is killed shows it when its lease is over.
    assert_eq!(second.stop().await, Some(0));
    assert_eq!(workers().await, [is("w-1", "IDLE"), is("w-2", "OFFLINE")]);
    let status = place
        .client()
        .run(&["status".into()], "")
        .await
        .expect("said");
    assert!(
        status.text.contains("1 worker online, 1 offline"),
        "{}",
        status.text
    );
    let second = place.worker("w-2", 1).await;
    for _ in 0..100 {
        if workers().await[1].1 == "\"IDLE\"" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(workers().await[1], is("w-2", "IDLE"));
    second.kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(workers().await[1], is("w-2", "OFFLINE"));

    // An administrator says how much, and of what.
    let limited = place.say("worker limit w-1 --slots 1 --repo site").await;
    assert_eq!(
        (&limited["max_slots"], &limited["only_repos"]),
        (&json!(1), &json!(["site"]))
    );
    let other = place.folder.path().join("other");
    crate::harness::make_repository(&other);
    place
        .say(&format!("repo add other {} --base main", other.display()))
        .await;
    let strange = place.say("task new Elsewhere --repo other").await;
    let strange = strange["id"].as_str().expect("an id").to_owned();
    let tasks = [
        place.say("task new One --repo site").await,
        place.say("task new Two --repo site").await,
    ];
    let mut most = 0;
    for _ in 0..100 {
        let running = place.say("task list --state running").await;
        most = most.max(running.as_array().map_or(0, Vec::len));
        let over = place.say("task list --state done").await;
        if over.as_array().map_or(0, Vec::len) == tasks.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(most, 1, "one at once, though it has four slots");
    assert_eq!(
        place.show(&strange).await["state"],
        "queued",
        "it gets nothing of that"
    );
    let refused = place.try_say("worker limit w-1 --repo nowhere").await;
    assert!(
        refused
            .expect_err("no such place")
            .to_string()
            .contains("no repository nowhere")
    );
    place.say("worker limit w-1").await;
    place.wait(&strange, "done").await;

    // Many leave at once; a wrong number changes nothing.
    let told = place.say("worker remove --offline").await;
    assert_eq!(
        (&told["count"], &told["workers"]),
        (&json!(1), &json!(["w-2"]))
    );
    place.say("worker remove --offline --confirm 7").await;
    assert_eq!(workers().await.len(), 2);
    place.say("worker remove --offline --confirm 1").await;
    assert_eq!(workers().await, [is("w-1", "IDLE")]);
    let refused = place.try_say("worker remove w-1 w-9").await;
    assert!(
        refused
            .expect_err("w-9 is none")
            .to_string()
            .contains("w-9")
    );
    assert_eq!(workers().await.len(), 1, "nothing changed");

    // A secret that was copied is seen.
    let copy = place.folder.path().join("w-9");
    fs::create_dir_all(&copy).expect("a folder");
    let secret = place.folder.path().join("w-1/worker.json");
    fs::copy(secret, copy.join("worker.json")).expect("copied");
    let _thief = place.worker("w-9", 1).await;
    place.status("its token is used by two processes").await;
    assert_eq!(workers().await, [is("w-1", "ERROR")]);
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_removed_when_nothing_of_it_is_open() {
    let (place, _daemon) = with("echo done", "").await;
    let task = place.task("Open", "x").await;
    let refused = place.try_say("repo remove site").await;
    let refused = refused.expect_err("a task is open").to_string();
    assert!(refused.contains("site has 1 open task"), "{refused}");
    place.say(&format!("task cancel {task}")).await;
    place.say("repo remove site").await;
    assert_eq!(place.say("repo list").await, json!([]));
    assert_eq!(
        place.show(&task).await["state"],
        "cancelled",
        "what was done stays"
    );
    for line in [
        format!("task retry {task}"),
        "task new X --repo site".into(),
        "repo show site".into(),
    ] {
        let refused = place.try_say(&line).await.expect_err(&line).to_string();
        assert!(refused.contains("no repository site"), "{line}: {refused}");
    }
    let source = place.repo.display();
    place
        .say(&format!("repo add site {source} --base main"))
        .await;
    let _worker = place.worker("w-1", 1).await;
    place.say(&format!("task retry {task}")).await;
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_and_strangers_ask_for_takes_little_memory() {
    let people = "[[people]]\nname = \"Vic\"\nrole = \"viewer\"\nmatrix = \"@vic:x\"\n";
    let (place, daemon) = with("true", people).await;
    for batch in 0..100 {
        let tasks: Vec<Value> = (0..10)
            .map(|number| json!({ "title": format!("Task {batch} {number}"), "prompt": "x".repeat(60_000), "repo": "site" }))
            .collect();
        let body = json!({ "tasks": tasks });
        let made = place.client().post::<_, Value>("/tasks/bulk", &body);
        made.await.expect("made");
    }
    let said = place.shell(&["token", "user", "--for", "Vic"]);
    let (token, base) = (said.trim().to_owned(), place.client().base().to_owned());
    forget_peak(&daemon);
    println!("before: {} MB", peak_mb(&daemon));
    let lists = (0..6).map(|_| {
        let url = format!("{base}/api/v1/tasks?limit=1000");
        Browser::client().get(url).bearer_auth(&token).send()
    });
    for answer in futures(lists).await {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.expect("a list");
        assert!(text.matches("\"title\"").count() == 1000 && !text.contains("xxxx"));
    }
    let lists = peak_mb(&daemon);
    println!("six lists of 1,000 tasks with prompts of 60 kB at once: {lists} MB");
    assert!(lists < 100, "{lists} MB");

    forget_peak(&daemon);
    let logins = (0..80).map(|number| {
        let form = [
            ("name", format!("Nobody {number}")),
            ("password", "four unusual words do".into()),
        ];
        let request = Browser::client()
            .post(format!("{base}/login"))
            .header("sec-fetch-site", "same-origin");
        request.form(&form).send()
    });
    for answer in futures(logins).await {
        // Those that waited too long for their turn were let go.
        let _refused = answer.map(|answer| assert_ne!(answer.status(), StatusCode::SEE_OTHER));
    }
    let logins = peak_mb(&daemon);
    println!("80 strangers at the login at once: {logins} MB");
    assert!(logins < 150, "{logins} MB");
}

/// All at once.
async fn futures<F: Future<Output: Send + 'static> + Send + 'static>(
    all: impl Iterator<Item = F>,
) -> Vec<F::Output> {
    let tasks: Vec<_> = all.map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.expect("it ends"));
    }
    outputs
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_in_a_removed_repository_stops_nobody() {
    let sections = Sections {
        questions: "remind_after_seconds = 1\nexpire_after_seconds = 1\n",
        ..Sections::default()
    };
    let script = "[ \"$VINE_TASK\" != T-1 ] || vine ask 'Go?'; echo done";
    let mut place = Place::with_sections(Agent::Script(script), sections).await;
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place.task("Nobody answers", "x").await;
    place.wait(&task, "done").await;
    let other = place.folder.path().join("other");
    crate::harness::make_repository(&other);
    place
        .say(&format!("repo add other {} --base main", other.display()))
        .await;
    place.say("repo remove site").await;
    let late = place.try_say("question answer Q-1 Yes").await;
    let late = late.expect_err("it would begin the task again").to_string();
    assert!(late.contains("no repository site"), "{late}");
    let push = place.try_say(&format!("task push {task}")).await;
    assert!(push.is_err(), "nor is anything pushed there");
    let next = place.say("task new Elsewhere --repo other").await;
    place
        .wait(next["id"].as_str().expect("an id"), "done")
        .await;
}
