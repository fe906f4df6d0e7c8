//! Everything that goes wrong ends in the right state, with words that say what happened and what
//! to do next: in the log, in the API and in the task's thread.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, git, path};

/// What one kind of trouble must lead to.
struct Expected {
    state: &'static str,
    kind: &'static str,
    says: &'static str,
    advice: &'static str,
}

/// A task set aside as failed: state, failure, log and thread tell the same.
async fn assert_failed(place: &Place, task: &str, expected: &Expected) {
    // A worker that became unhealthy is probed before each of three attempts.
    let shown = place.wait_for(2 * PATIENCE, task, expected.state, |shown| {
        shown["state"] == expected.state
    });
    let shown = shown.await;
    let failure = &shown["failure"];
    assert_eq!(failure["kind"], expected.kind, "{shown:#}");
    assert!(
        failure["message"]
            .as_str()
            .expect("words")
            .contains(expected.says),
        "{failure:#}"
    );
    assert!(
        failure["hint"]
            .as_str()
            .expect("words")
            .contains(expected.advice),
        "{failure:#}"
    );
    let (log, thread) = (place.log(task).await, place.thread(task).await);
    assert!(log.contains(expected.says), "the log says it:\n{log}");
    assert!(
        thread.contains(expected.says) && thread.contains(expected.advice),
        "the thread says it:\n{thread}"
    );
    let dead = place.say("queue dead").await;
    assert!(
        dead.as_array()
            .expect("a list")
            .iter()
            .any(|one| one["id"] == task),
        "listed as dead"
    );
}

/// A task that is tried again by itself: queued for later, with the reason in log and thread.
async fn assert_tried_again(place: &Place, task: &str, says: &str) -> Value {
    let queued = |shown: &Value| shown["state"] == "queued" && shown["epoch"] == 1;
    let shown = place
        .wait_for(PATIENCE, task, "it is queued again", queued)
        .await;
    let (log, thread) = (place.log(task).await, place.thread(task).await);
    assert!(log.contains(says), "the log says it:\n{log}");
    assert!(
        thread.contains(says) && thread.contains("Retrying in"),
        "the thread says it:\n{thread}"
    );
    let explained = place.say(&format!("task explain {task}")).await;
    assert!(
        explained["explanation"]
            .as_str()
            .expect("words")
            .contains("at the earliest"),
        "{explained:#}"
    );
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_crashes() {
    let (place, _processes) = Place::new(Agent::Script(
        "echo I begin; echo out of cheese >&2; kill -SEGV $$",
    ))
    .await
    .at_work()
    .await;
    let task = place.task("Crash", "crash").await;
    let shown = assert_tried_again(&place, &task, "out of cheese").await;
    assert_eq!(shown["failures"], 1);
    // A person who has mended the cause need not wait.
    place.say(&format!("task retry {task}")).await;
    place
        .wait_for(PATIENCE, &task, "the second attempt failed", |shown| {
            shown["epoch"] == 2 && shown["state"] == "queued"
        })
        .await;
}

/// A task that goes back uncounted, since its place is ill: the thread says so once.
async fn assert_handed_back(place: &Place, task: &str, says: &str) -> Value {
    let back = |shown: &Value| shown["state"] == "queued" && shown["epoch"] == 1;
    let shown = place
        .wait_for(PATIENCE, task, "it was handed back", back)
        .await;
    assert_eq!(shown["failures"], 0, "it costs no attempt");
    let (log, thread) = (place.log(task).await, place.thread(task).await);
    assert!(log.contains(says), "the log says it:\n{log}");
    assert!(
        thread.contains(says) && thread.contains("nothing is wrong with the task"),
        "the thread says it:\n{thread}"
    );
    shown
}

/// A probe would find all well, since only this task meets it.
const NO_PROBE: &str = "probe_seconds = 600\n";

async fn without_probe(agent: Agent<'_>) -> (Place, [crate::harness::Process; 2]) {
    Place::with_worker(agent, NO_PROBE).await.at_work().await
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_model_service_is_overloaded() {
    let (place, _processes) = without_probe(Agent::Claude).await;
    let task = place.task("Overload", "MODEL: fail 529 Overloaded").await;
    assert_handed_back(&place, &task, "no capacity").await;
    assert!(
        place.log(&task).await.contains("retrying (1 of 1)"),
        "the CLI's own tries are in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_usage_limit_is_reached() {
    let (place, _processes) = without_probe(Agent::Claude).await;
    let limit = "MODEL: fail 429 Claude AI usage limit reached|4102444800";
    let task = place.task("Limit", limit).await;
    assert_handed_back(&place, &task, "usage limit").await;
    let thread = place.thread(&task).await;
    assert!(
        thread.contains("The limit resets at 2100-01-01 00:00 UTC."),
        "{thread}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_credentials_that_are_refused_for_one_task_only_are_its_own_fault_in_the_end() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    for status in ["401 invalid x-api-key", "403 forbidden"] {
        let task = place
            .task("Refused", &format!("MODEL: fail {status}"))
            .await;
        let expected = Expected {
            state: "failed",
            kind: "makes_ill",
            says: "rejected the agent's credentials",
            advice: "Check what the agent did there",
        };
        assert_failed(&place, &task, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_context_is_too_long() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Long",
            "MODEL: fail 400 prompt is too long: 250000 tokens > 200000 maximum",
        )
        .await;
    let expected = Expected {
        state: "failed",
        kind: "context_too_long",
        says: "no longer fits",
        advice: "Split the task",
    };
    assert_failed(&place, &task, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_hangs() {
    let (place, _processes) = Place::with_config(Agent::Claude, "hang_after_seconds = 3\n")
        .await
        .at_work()
        .await;
    let task = place.task("Hang", "MODEL: hang").await;
    assert_tried_again(&place, &task, "was silent for 0.1 minutes").await;
    assert!(
        crate::harness::agents(place.folder.path()).is_empty(),
        "nothing of the agent is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_exits_without_finishing() {
    // Stands in for a Claude Code that ends by itself with success and without a result.
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("claude");
    fs::write(&program, "#!/bin/sh\necho Bye. >&2\nexit 0\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let (place, _processes) = Place::with_config(
        Agent::Claude,
        &format!("command = [\"{}\"]\n", path(&program)),
    )
    .await
    .at_work()
    .await;
    let task = place.task("Leave", "leave").await;
    assert_tried_again(&place, &task, "before it finished").await;
    assert!(place.log(&task).await.contains("Bye."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("claude");
    fs::write(&program, "no program").expect("written");
    let (place, _processes) = Place::with_config(
        Agent::Claude,
        &format!("command = [\"{}\"]\n", path(&program)),
    )
    .await
    .at_work()
    .await;
    let task = place.task("Start", "start").await;
    let explained = async || {
        let told = place.say(&format!("task explain {task}")).await;
        told["explanation"].as_str().expect("words").to_owned()
    };
    let mut why = explained().await;
    for _ in 0..100 {
        if why.contains("does not start") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        why = explained().await;
    }
    assert!(
        why.contains("w-1 is ERROR") && why.contains("does not start"),
        "{why}"
    );
    assert_eq!(place.show(&task).await["epoch"], 0, "nothing was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_branch_is_missing() {
    let (place, _processes) = Place::new(Agent::Script("echo fine")).await.at_work().await;
    let task = place.say("task new x --base nowhere").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let expected = Expected {
        state: "failed",
        kind: "base_missing",
        says: "has no branch `nowhere`",
        advice: "Create the branch",
    };
    assert_failed(&place, &task, &expected).await;
    place.say(&format!("queue discard {task}")).await;
    assert_eq!(place.say("queue dead").await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_branch_is_taken() {
    let (place, _processes) = Place::new(Agent::Script("echo fine")).await.at_work().await;
    git(&place.repo, &["branch", "mine"]);
    for (branch, says) in [
        ("mine", "was not created for this task"),
        ("main", "is where the tasks of `site` start from"),
    ] {
        let task = place.say(&format!("task new x --branch {branch}")).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let expected = Expected {
            state: "failed",
            kind: "branch_taken",
            says,
            advice: "another `--branch`",
        };
        assert_failed(&place, &task, &expected).await;
    }
    assert_eq!(
        git(&place.repo, &["rev-parse", "mine"]),
        git(&place.repo, &["rev-parse", "main"]),
        "nothing was changed"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worktree_is_dirty_from_an_earlier_attempt() {
    let script = "if [ $VINE_ATTEMPT = 1 ]; then echo half > half.txt; exit 3; fi; cat half.txt; \
     echo whole > whole.txt; echo finished";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Dirty", "dirty").await;
    assert_tried_again(&place, &task, "ended with exit status: 3").await;
    place.say(&format!("task retry {task}")).await;
    let done = place.wait(&task, "done").await;
    for said in [place.log(&task).await, place.thread(&task).await] {
        assert!(
            said.contains("uncommitted changes of an earlier attempt"),
            "{said}"
        );
    }
    let branch = place.branch(&task).await;
    assert_eq!(
        git(&place.repo, &["show", &format!("{branch}:half.txt")]),
        "half",
        "nothing is lost"
    );
    assert_eq!(
        git(
            &place.repo,
            &["rev-list", "--count", &format!("main..{branch}")]
        ),
        "2",
        "{done:#}"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_stops_its_agent_and_keeps_its_work() {
    let (place, _processes) = Place::new(Agent::Script("echo begun > begun.txt; sleep 600"))
        .await
        .at_work()
        .await;
    let task = place.task("Long", "long").await;
    place.wait(&task, "running").await;
    let agents = crate::harness::until(PATIENCE, "the agent works", || {
        let folder = place
            .folder
            .path()
            .join(format!("w-1/worktrees/site/{task}"));
        folder
            .join("begun.txt")
            .exists()
            .then(|| crate::harness::agents(place.folder.path()))
    })
    .await;
    place.say(&format!("task cancel {task}")).await;
    for agent in agents {
        crate::harness::gone(agent, PATIENCE).await;
    }
    assert_eq!(place.show(&task).await["state"], "cancelled");
    let words = format!("`task push {task}` pushes it");
    place.told(&task, &words).await;
    place.say(&format!("task push {task}")).await;
    let branch = format!("refs/vine/{task}:begun.txt");
    crate::harness::until(PATIENCE, "the work is where people find it", || {
        let output = std::process::Command::new("git")
            .args(["show", &branch])
            .current_dir(&place.repo)
            .output()
            .ok()?;
        output.status.success().then_some(())
    })
    .await;
    place.assert_clean().await;
}
